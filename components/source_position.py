"""What the SDK tells the engine about where a resource comes from."""

from pulumi.runtime import resource as runtime

_WHOLE = "_get_stack_trace"


def keep_innermost_frame() -> None:
    """Send the engine the line that makes a resource, not the whole Python stack below it.

    The engine keeps the stack with each resource: half of a topic's part of the state, which the file backend writes
    twice for every topic, and paths of this machine. An SDK that has no such stack is left as it is.
    """
    whole = getattr(runtime, _WHOLE, None)
    if whole is None or getattr(whole, "innermost", False):
        return

    def innermost() -> object:
        trace = whole()
        del trace.frames[1:]
        return trace

    innermost.innermost = True  # type: ignore[attr-defined]
    setattr(runtime, _WHOLE, innermost)
