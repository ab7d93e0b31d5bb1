"""Opens a stack for what works on its state alone, once it is certain that the cluster is the one the state is of."""

import os

from config.target import MadeCluster, check_reachable
from ops.engine import open_engine
from ops.failure import Failure
from ops.stack import Engine
from ops.target import Fate, fate, identity, made_target, stack_target
from ops.workspace import Workspace


def attached(workspace: Workspace) -> Engine:
    """Return the engine of a stack that is up.

    On another cluster everything would seem to be gone, and a refresh would make the state believe it. Raises Failure
    and TargetError, before the engine is asked for anything that may change, when stack or cluster aren't there.
    """
    workspace.check_stack()
    workspace.check_passphrase(os.environ)
    engine = open_engine(workspace)
    _check_cluster(workspace, engine)
    engine.clear_remains()
    if engine.select() is None:
        raise Failure(f"stack {workspace.stack} is not up", f"bring it up with `ops up --stack {workspace.stack}`")
    return engine


def _check_cluster(workspace: Workspace, engine: Engine) -> None:
    target = stack_target(workspace)
    if isinstance(target, MadeCluster):
        # Of an update that failed before there was one, what is left can be deleted without it.
        if (made := made_target(engine)) is not None:
            check_reachable(made)
    elif target.is_lab:
        from lab import cluster

        state = cluster.status().state
        if state != "healthy":
            raise Failure(f"the lab is {state}", "bring it up with `make up`")
    else:
        check_reachable(target)
    if fate(workspace.recorded_cluster(), identity(target)) is Fate.DISCARD:
        raise Failure("the stack's lab is gone, its resources with it", "begin anew with `make up`")
