"""What the Python SDK does beside the program's own work, and the program can do without."""

import gc
import os
from collections.abc import Mapping
from typing import Final

import pulumi
from pulumi.runtime import resource as runtime

_WHOLE: Final = "_get_stack_trace"
_DEBUG: Final = "PLATFORM_DEBUG"
_ALLOCATIONS: Final = 200_000
"""New objects between two looks for garbage. A program run makes a million and drops few, and Python's own 700 make
it look thousands of times: a tenth of an update that changes nothing."""


def trim_sdk(environment: Mapping[str, str] = os.environ) -> None:
    """Leave out what costs time or space and that nobody reads."""
    gc.set_threshold(_ALLOCATIONS)
    keep_innermost_frame()
    if environment.get(_DEBUG) != "1":
        drop_debug_messages()


def drop_debug_messages() -> None:
    """Don't send debug messages: the SDK waits for the engine's answer to each of its four a resource.

    The engine shows them with ``--debug`` only; PLATFORM_DEBUG=1 brings them back for that.
    """
    pulumi.log.debug = _drop


def _drop(*_message: object, **_options: object) -> None:
    pass


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
