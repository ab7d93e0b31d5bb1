"""``ops drift`` and ``ops refresh``: what exists beside what the state says exists."""

from collections.abc import Callable
from typing import Any

from ops.attached import attached
from ops.event_log import OnEvent
from ops.failure import Failure, InterruptedFailure
from ops.operation import observed
from ops.preview import document
from ops.progress import EngineProgress, Reporter
from ops.recovery import recover
from ops.stack import Engine
from ops.workspace import Workspace


def drift(workspace: Workspace, reporter: Reporter) -> dict[str, Any]:
    """Return what exists and isn't as the state says; state and world stay as they are.

    Raises Failure when the stack isn't up, a provider can't be asked, or a killed update left the state unfinished.
    """
    workspace.check_stack()
    with workspace.locked("drift"):
        engine = attached(workspace)
        if engine.interrupted():
            raise Failure(
                "the last update was killed: what it was at is neither there for certain nor gone",
                f"finish it with `ops up --stack {workspace.stack}`, then ask again",
            )
        return _compared(engine, reporter, "looking for drift", engine.read, "interrupted; nothing was changed")


def refresh(workspace: Workspace, reporter: Reporter) -> dict[str, Any]:
    """Take into the state what exists, and return how it differed; raises Failure as ``drift`` does."""
    workspace.check_stack()
    with workspace.locked("refresh"):
        engine = attached(workspace)
        recover(engine, reporter)
        return _compared(engine, reporter, "pulumi refresh", engine.adopt, "interrupted; what was read is in the state")


def _compared(
    engine: Engine, reporter: Reporter, title: str, run: Callable[[OnEvent], None], interrupted: str
) -> dict[str, Any]:
    def stopped(_progress: EngineProgress) -> InterruptedFailure:
        return InterruptedFailure(interrupted)

    with observed(engine, reporter, title, stopped) as (progress, on_event):
        run(on_event)
    return document(engine.workspace.stack, progress, progress.ended)
