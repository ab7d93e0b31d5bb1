"""Opens a stack for what works on its state alone, once it is certain that the cluster is the one the state is of."""

import os

from config.target import MadeCluster, check_reachable
from ops.engine import open_engine
from ops.failure import Failure
from ops.redaction import redacted
from ops.stack import Engine
from ops.target import Fate, fate, identity, made_target, stack_target
from ops.workspace import DEV, Workspace


def attached(workspace: Workspace) -> Engine:
    """Return the engine of a stack that is up.

    On another cluster everything would seem to be gone, and a refresh would make the state believe it. Raises Failure
    and TargetError, before the engine is asked for anything that may change, when the stack isn't in its backend or
    the cluster isn't there.
    """
    engine = open_engine(workspace)
    workspace.check_passphrase(os.environ)
    if engine.select() is None:
        raise _absent(engine)
    _check_cluster(workspace, engine)
    engine.clear_remains()
    return engine


def _absent(engine: Engine) -> Failure:
    stack, up = engine.workspace.stack, f"bring it up with `ops up --stack {engine.workspace.stack}`"
    if stack == DEV:
        return Failure(f"stack {stack} is not up", up)
    backend = redacted(engine.settings["PULUMI_BACKEND_URL"])
    return Failure(f"stack {stack} isn't in {backend}", f"name the backend it is in with PULUMI_BACKEND_URL, or {up}")


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
