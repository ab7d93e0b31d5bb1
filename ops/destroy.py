"""``ops destroy``: delete what the stack made; the stack itself, its configuration and the lab stay."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ops.attached import attached
from ops.failure import Failure, InterruptedFailure
from ops.operation import observed
from ops.phases import Phases
from ops.progress import EngineProgress, Reporter
from ops.recovery import recover
from ops.stack import Engine
from ops.workspace import Workspace

_T = TypeVar("_T")
_NAMED: Final = 20
"""Protected resources that are named; the rest is counted."""
_CRASHES: Final = ("error reading from server: ", "exited prematurely")
"""What the engine says when a plugin ends amid a call. The vendor's of Kubernetes does, now and then, when an object is
gone at once (pulumi-kubernetes#4078): a destroy goes on after the first time."""


def destroy(workspace: Workspace, reporter: Reporter, doing: str = "destroy") -> dict[str, Any]:
    """Delete every resource of the stack; ``doing`` is the command that others see at work.

    Raises Failure before anything is touched when the stack isn't up or has protected resources, which it names.
    """
    workspace.check_stack()
    phases = Phases(reporter)
    with workspace.locked(doing):
        engine = attached(workspace)
        check_unprotected(workspace.stack, engine.protected())
        changes: Counter[str] = Counter()

        def delete() -> list[str]:
            return _delete(engine, reporter, phases, changes)

        unsettled = going_on(delete, delete, reporter)
    return {
        "stack": workspace.stack,
        "changes": dict(sorted(changes.items())),
        "unsettled": unsettled,
        "seconds": round(phases.elapsed, 2),
    }


def going_on(delete: Callable[[], _T], again: Callable[[], _T], reporter: Reporter) -> _T:
    """Delete, and after the first crash of a plugin do so ``again``; raises what else, or what then, goes wrong."""
    try:
        return delete()
    except Failure as error:
        if not crashed(error):
            raise
        reporter.say("a plugin of the engine crashed; what it was deleting is asked for, and the rest goes on")
        return again()


def delete_resources(
    engine: Engine, reporter: Reporter, stopped: Callable[[EngineProgress], InterruptedFailure], changes: Counter[str]
) -> None:
    """Run the engine's destroy and count what it does, whether it ends well or not."""
    with observed(engine, reporter, "pulumi destroy", stopped) as (progress, on_event):
        try:
            engine.destroy(on_event)
        finally:
            changes.update(progress.changes)


def crashed(error: Failure) -> bool:
    """Tell whether a plugin ended amid its work, rather than that it refused something."""
    return any(text in str(error) for text in _CRASHES)


def _delete(engine: Engine, reporter: Reporter, phases: Phases, changes: Counter[str]) -> list[str]:
    """Delete what the state has, and count it; return the names of what may be there and isn't in it."""
    settled = recover(engine, reporter)
    if settled and settled.again:
        reporter.say(f"may be there, and aren't deleted, because an update was killed: {', '.join(settled.again)}")
    with phases.phase("pulumi destroy"):
        delete_resources(engine, reporter, _stopped, changes)
    return list(settled.again) if settled else []


def check_unprotected(stack: str, protected: list[str]) -> None:
    """Raise Failure with the names of what may not be deleted."""
    if not protected:
        return
    names = ", ".join(protected[:_NAMED])
    more = f" and {len(protected) - _NAMED} more" if len(protected) > _NAMED else ""
    count = "1 protected resource" if len(protected) == 1 else f"{len(protected)} protected resources"
    raise Failure(
        f"stack {stack} has {count}: {names}{more}; nothing was touched",
        "set kafka-platform:protect to false and bring the stack up with it, then destroy it",
    )


def _stopped(_progress: EngineProgress) -> InterruptedFailure:
    return InterruptedFailure("interrupted; what is destroyed is destroyed", "`ops destroy` goes on from there")
