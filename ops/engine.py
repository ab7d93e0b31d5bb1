"""Opens a stack's engine for commands that need one that is already there."""

from ops.failure import Failure
from ops.stack import Engine
from ops.workspace import Workspace
from toolchain.cache import Missing
from toolchain.engine import engine_environment


def open_engine(workspace: Workspace) -> Engine:
    """Return the engine; raises Failure when nothing was brought up here, or the toolchain isn't there."""
    if not workspace.begun:
        raise Failure(f"stack {workspace.stack} is not up", "bring it up with `make up`")
    try:
        return Engine.of(workspace, engine_environment())
    except Missing as error:
        raise Failure(str(error).rstrip(".")) from None
