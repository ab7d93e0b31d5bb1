"""``ops up``: from whatever is there to records acknowledged by the secured listener."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from config.target import Destination, MadeCluster, check_reachable, destination
from lab import cluster as lab
from lab.paths import layout
from lab.preflight import check_platform
from ops.failure import Failure, InterruptedFailure
from ops.operation import observed
from ops.outputs import Outputs, read_outputs
from ops.phases import Phases
from ops.progress import EngineProgress, Reporter
from ops.recovery import recover
from ops.smoke import SmokeResult, smoke
from ops.spec import platform_of
from ops.stack import Engine
from ops.state_folder import check_backend, check_secrets
from ops.target import Fate, fate, identity, made_target
from ops.workspace import DEV, Workspace, write_private
from toolchain.cache import cache_root
from toolchain.display import display
from toolchain.engine import engine_environment
from toolchain.engine import ready as engine_ready
from toolchain.ensure import Plan, ensure

_BUILD_SPACE: Final = 12 * 2**30
"""Bytes that building the toolchain takes in the cache, Go's own caches included."""
_CLUSTER_CHOICE: Final = ("KUBECONFIG", "KUBE_CONTEXT")
"""Variables that choose a cluster, where the stack makes none."""
_RUN_SPACE: Final = 3 * 2**30
"""Bytes that a running lab takes."""


@dataclass
class UpResult:
    """What ``up`` did."""

    stack: str
    changes: dict[str, int]
    outputs: Outputs = field(repr=False)
    phases: Phases
    smoke: SmokeResult | None
    first_ack_seconds: float | None
    """From the start of the command to the first acknowledged record."""
    environment_file: Path

    def document(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it; nothing in it is secret."""
        return {
            "stack": self.stack,
            "changes": self.changes,
            "bootstrap_servers": self.outputs.bootstrap_servers,
            "mtls_bootstrap_servers": self.outputs.mtls_bootstrap_servers,
            "services": self.outputs.services,
            "environment_file": str(self.environment_file),
            "phases": [{"name": phase.name, "seconds": round(phase.seconds, 2)} for phase in self.phases.ended],
            "first_ack_seconds": None if self.first_ack_seconds is None else round(self.first_ack_seconds, 2),
            "seconds": round(self.phases.elapsed, 2),
            "smoke": self.smoke and self.smoke.document(),
        }


def up(workspace: Workspace, reporter: Reporter) -> UpResult:
    """Bring the stack up; raises Failure, and the errors of lab and toolchain, with one sentence and a remedy."""
    phases = Phases(reporter)
    with phases.phase("checks"):
        target = preflight(workspace)
    with workspace.locked("up"):
        with phases.phase("toolchain"):
            ensure_programs(target, reporter)
        engine = start(workspace, target, reporter, phases)
        recover(engine, reporter)
        changes = update(engine, reporter, phases)
        if isinstance(target, MadeCluster):
            made_target(engine)
        outputs = read_outputs(engine)
        acked: list[float] = []
        seen = None
        if workspace.stack == DEV:
            with phases.phase("smoke test"):
                seen = smoke(outputs, on_first_ack=lambda: acked.append(phases.elapsed))
    return UpResult(
        stack=workspace.stack,
        changes=changes,
        outputs=outputs,
        phases=phases,
        smoke=seen,
        first_ack_seconds=acked[0] if acked else None,
        environment_file=workspace.environment_file,
    )


def preflight(workspace: Workspace) -> Destination:
    """Check what can be checked before anything is touched; return the cluster the stack goes to, or makes."""
    if not (workspace.root / "Pulumi.yaml").exists():
        raise Failure(f"{workspace.root} has no Pulumi.yaml", "run this in the checkout")
    workspace.check_stack()
    check_backend(workspace, os.environ)
    check_secrets(workspace, os.environ)
    workspace.check_passphrase(os.environ)
    target = destination(platform_of(workspace))
    if isinstance(target, MadeCluster):
        check_token_program()
    elif target.is_lab:
        check_platform()
        check_space(layout().root, _RUN_SPACE)
    else:
        check_reachable(target)
    if not engine_ready():
        check_space(cache_root(), _BUILD_SPACE)
    return target


def check_token_program() -> None:
    """Raise Failure unless there is what a new cluster's kubeconfig gets its token by: it takes a while to make one."""
    if shutil.which("aws") is None:
        raise Failure("there is no aws program, which gets the token for the cluster that is made", "install AWS' CLI")


def check_space(place: Path, needed: int) -> None:
    """Raise Failure when the file system of a path, which needn't exist yet, has too little room."""
    there = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Failure(
            f"{place} has {free / 2**30:.1f} GiB free, {needed / 2**30:.0f} GiB are needed",
            "make room, or name another place with KAFKA_PLATFORM_CACHE (programs) or KAFKA_PLATFORM_LAB (the lab)",
        )


def ensure_programs(target: Destination, reporter: Reporter) -> None:
    """Build or fetch what engine and lab need and isn't there."""
    groups = ["pulumi", "lab"] if target.is_lab else ["pulumi"]
    plan = Plan.of(groups)
    if plan.builds or plan.unpack or plan.install:
        with display(reporter.console) as report:
            ensure(groups, report)


def start(workspace: Workspace, target: Destination, reporter: Reporter, phases: Phases) -> Engine:
    """Start the lab and, beside it, make the stack; forget a state whose resources went with another lab."""
    workspace.make_passphrase(os.environ)
    workspace.backend.mkdir(parents=True, exist_ok=True)
    engine = Engine.of(workspace, engine_environment())
    engine.clear_remains()
    kubeconfig, environment = workspace.kubeconfig_file, dict(os.environ)
    if isinstance(target, MadeCluster):
        # Of some other cluster.
        environment = {name: value for name, value in environment.items() if name not in _CLUSTER_CHOICE}
    else:
        kubeconfig = target.kubeconfig
    workspace.write_environment({**engine.settings, "KUBECONFIG": str(kubeconfig)}, environment, cache_root())
    with phases.phase("lab and stack" if target.is_lab else "stack"), ThreadPoolExecutor(1) as side:
        prepared = side.submit(engine.prepare)
        if target.is_lab:
            with reporter.live("starting the lab"):
                lab.start(reporter.update)
        prepared.result()
        if isinstance(target, MadeCluster) and (made := made_target(engine)) is not None:
            check_reachable(made)
        current = identity(target)
        if fate(workspace.recorded_cluster(), current) is Fate.DISCARD:
            reporter.say(
                "the lab is a new one: the state of the stack, whose resources went with the old, is discarded"
            )
            engine.discard()
            engine.prepare()
    write_private(workspace.cluster_file, current)
    return engine


def update(engine: Engine, reporter: Reporter, phases: Phases) -> dict[str, int]:
    """Run the engine's update; return its changes by operation. Raises Failure with the program's own words."""
    with phases.phase("pulumi up"), observed(engine, reporter, "pulumi up", _stopped) as (progress, on_event):
        engine.up(on_event)
    return dict(sorted(progress.changes.items()))


def _stopped(progress: EngineProgress) -> InterruptedFailure:
    return InterruptedFailure(
        f"interrupted; the engine saved its state ({len(progress.done)} resources)",
        "`make up` goes on from there, `make down` removes it",
    )
