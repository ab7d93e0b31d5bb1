"""``ops down``: remove everything that ``up`` made. Of other stacks than dev, that is what ``ops destroy`` deletes."""

import os
from collections import Counter
from typing import Any

from config.target import Destination, MadeCluster, check_reachable
from lab import cluster as lab
from ops.destroy import delete_resources, going_on
from ops.destroy import destroy as destroy_resources
from ops.failure import Failure, InterruptedFailure
from ops.phases import Phases
from ops.progress import EngineProgress, Reporter
from ops.recovery import recover
from ops.stack import Engine
from ops.state_folder import keepers, remove_own, told
from ops.target import TargetError, identity, stack_target
from ops.workspace import DEV, Workspace
from toolchain.cache import Missing
from toolchain.engine import engine_environment


def down(workspace: Workspace, reporter: Reporter) -> dict[str, Any]:
    """Destroy the stack, dev with its state and its lab; of dev, whatever is gone already is passed over.

    Raises Failure with the engine's words when it refuses, for example because of a protected resource, and of another
    stack than dev when it isn't in the backend that is named.
    """
    workspace.check_stack()
    if workspace.stack != DEV:
        return destroy_resources(workspace, reporter, "down")
    phases = Phases(reporter)
    target = stack_target(workspace)
    changes: dict[str, int] = {}
    with workspace.locked("down"):
        if staying := keepers(workspace):
            reporter.say(told(staying))
        if reason := gone(workspace, target):
            reporter.say(f"{reason}: there is nothing to destroy")
        else:
            with phases.phase("pulumi destroy"):
                changes = destroy(workspace, reporter)
        workspace.remove_keys()
        if target.is_lab:
            with phases.phase("stopping the lab"), reporter.live("stopping the lab"):
                lab.stop(reporter.update)
        remove_own(workspace)
    return {"stack": workspace.stack, "changes": changes, "seconds": round(phases.elapsed, 2)}


def gone(workspace: Workspace, target: Destination) -> str | None:
    """Say why the engine has nothing of dev to destroy; None when it has. What is in its lab goes with that anyway."""
    if not workspace.begun or workspace.recorded_cluster() is None:
        return "the stack was never brought up from here"
    if isinstance(target, MadeCluster):
        workspace.check_passphrase(os.environ)
        return None
    if not target.is_lab:
        workspace.check_passphrase(os.environ)
        check_reachable(target)
        return None
    state = lab.status().state
    if state != "healthy":
        return f"the lab is {state}"
    try:
        workspace.check_passphrase(os.environ)
        engine_environment()
        return None if identity(target) == workspace.recorded_cluster() else "the stack's lab is gone"
    except (Failure, TargetError, Missing) as error:
        return f"the stack goes with its lab ({error})"


def destroy(workspace: Workspace, reporter: Reporter) -> dict[str, int]:
    """Run the engine's destroy and remove the stack."""
    engine = Engine.of(workspace, engine_environment())
    engine.clear_remains()
    if engine.select() is None:
        return {}
    changes: Counter[str] = Counter()

    def delete() -> None:
        delete_resources(engine, reporter, _stopped, changes)

    def again() -> None:
        recover(engine, reporter)
        delete()

    going_on(delete, again, reporter)
    engine.run("stack", "rm", workspace.stack, "--yes", "--preserve-config")
    return dict(sorted(changes.items()))


def _stopped(_progress: EngineProgress) -> InterruptedFailure:
    return InterruptedFailure("interrupted; what is destroyed is destroyed", "`make down` goes on from there")
