"""Opens a stack's engine for commands that need one that is already there."""

import os

from ops.failure import Failure
from ops.stack import Engine
from ops.state_folder import check_named
from ops.workspace import Workspace
from toolchain.cache import Missing
from toolchain.engine import engine_environment


def open_engine(workspace: Workspace) -> Engine:
    """Return the engine of a stack of the checkout.

    Raises Failure when nothing was brought up here, no backend is named, or the toolchain isn't there.
    """
    workspace.check_stack()
    check_named(workspace, os.environ)
    if not workspace.begun:
        raise Failure(f"stack {workspace.stack} is not up", "bring it up with `make up`")
    try:
        return Engine.of(workspace, engine_environment())
    except Missing as error:
        raise Failure(str(error).rstrip(".")) from None
