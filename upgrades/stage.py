"""A project of its own in which the engine previews a checkout's program: no cluster, no account, nothing is made."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi.automation.errors import CommandError
from pulumi.automation.events import EngineEvent

from config.literals import PROJECT
from config.load import CONNECT_SECRETS
from ops.engine_text import resource_name
from ops.event_log import followed
from ops.failure import Failure
from ops.progress import EngineProgress
from ops.stack import PARALLEL, Engine, engine_failure
from ops.stack_config import MASTER_SECRET_KEY
from ops.workspace import Workspace, write_private
from toolchain.aws_plugin import STAND_IN
from toolchain.engine import engine_environment
from upgrades.recording import Recorded, resource
from upgrades.settings import MASTER_SECRET, committed, made_up
from upgrades.state import export

_NOWHERE: Final = "/nonexistent"
"""The home of users that have none (Debian policy, 9.2.3): no kubeconfig is there."""
_SILENCED: Final = ("AWS_", "PULUMI_K8S_", "KUBE")
"""Variables that would lead a provider to what the user works with."""
_SUPERSEDED: Final = frozenset({"delete", "delete-replaced", "discard-replaced", "remove-pending-replace"})
"""Steps whose resource isn't the program's any more."""
_UNJUDGED: Final = "has inputs that are not known during preview"
"""The engine's warning of a resource that it doesn't ask the provider about (plugin.DiffUnavailable of its SDK)."""


@dataclass(frozen=True)
class Preview:
    """What the engine would do."""

    steps: Sequence[dict[str, Any]]
    """As ``pulumi preview --json`` has them."""
    resources: Sequence[Recorded]
    """What the program registers."""
    unjudged: Sequence[str]
    """URNs of resources that the engine couldn't compare, as the settings of their provider aren't known yet."""


@dataclass
class _Seen:
    """What a preview's events have, and its JSON lacks."""

    progress: EngineProgress = field(default_factory=EngineProgress)
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """URN to what a provider would say of the resource."""
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)
    """URN to default providers, which no program registers."""
    unjudged: set[str] = field(default_factory=set)

    def handle(self, event: EngineEvent) -> None:
        """Take one event."""
        self.progress.handle(event, 0.0)
        if event.diagnostic_event and _UNJUDGED in event.diagnostic_event.message:
            self.unjudged.add(event.diagnostic_event.urn or "")
        if event.res_outputs_event is None or event.res_outputs_event.metadata.op.value in _SUPERSEDED:
            return
        if new := event.res_outputs_event.metadata.new:
            self.outputs[new.urn] = new.outputs or {}
            if new.type.startswith("pulumi:providers:") and resource_name(new.urn).startswith("default"):
                self.defaults[new.urn] = {"urn": new.urn, "custom": True}


@dataclass(frozen=True)
class Stage:
    """One stack of a checkout, with a state of its own."""

    engine: Engine

    def preview(self, known: Sequence[Recorded] = ()) -> Preview:
        """Preview the program on a state that has the ``known`` resources; raises Failure in the program's words."""
        workspace, seen = self.engine.workspace, _Seen()
        self.engine.import_state(export(known, workspace.runtime_keys().salt or ""))
        log = workspace.root / "events"
        log.unlink(missing_ok=True)
        command = ["preview", "--json", "--show-sames", "--stack", workspace.stack, "--parallel", str(PARALLEL)]
        # The flag for the events is one of the CLI's hidden ones.
        settings = {**self.engine.settings, "PULUMI_DEBUG_COMMANDS": "true"}
        try:
            with followed(log, seen.handle):
                said = self.engine.command.run([*command, "--event-log", str(log)], str(workspace.root), settings)
        except CommandError as error:
            raise Failure(seen.progress.failure() or str(engine_failure(error))) from None
        steps: list[dict[str, Any]] = json.loads(said.stdout)["steps"]
        registered = {step["urn"]: step["newState"] for step in steps if step["op"] not in _SUPERSEDED}
        states = {**seen.defaults, **registered}
        found = [resource(state, seen.outputs.get(urn, {})) for urn, state in states.items()]
        return Preview(steps, found, sorted(seen.unjudged))


@contextmanager
def staged(checkout: Path, stack: str) -> Iterator[Stage]:
    """Open a stage for a stack of the checkout; raises Failure when there is no such stack, or no engine.

    Raises ConfigError when its configuration can't be used.
    """
    Workspace(checkout, stack).check_stack()
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as folder:
        root = Path(folder)
        text = committed((checkout / f"Pulumi.{stack}.yaml").read_text())
        stand_ins = made_up(stack, text)
        project = yaml.safe_load((checkout / "Pulumi.yaml").read_text())
        project["main"] = str(checkout)
        project["runtime"]["options"]["virtualenv"] = str(checkout / project["runtime"]["options"]["virtualenv"])
        (root / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (root / f"Pulumi.{stack}.yaml").write_text(text)
        (root / "overlay.yaml").write_text(yaml.safe_dump(stand_ins.overlay))
        workspace = Workspace(root, stack)
        write_private(workspace.passphrase_file, "none")
        workspace.backend.mkdir(parents=True)
        engine = Engine.of(workspace, _programs(root), _own(("PATH", "PULUMI_HOME")))
        engine.run("stack", "init", stack)
        engine.set_secret(MASTER_SECRET_KEY, MASTER_SECRET)
        for name, value in stand_ins.connect_secrets.items():
            engine.set_secret(f'{PROJECT}:{CONNECT_SECRETS}["{name}"]', value)
        yield Stage(engine)


def _programs(root: Path) -> dict[str, str]:
    """Return the engine's environment: nothing of the user's clusters and accounts, and AWS's plugin stood in for."""
    found = engine_environment()
    silenced = {name: "" for name in os.environ if name.startswith(_SILENCED)}
    return {
        **silenced,
        **found,
        "PATH": os.pathsep.join([str(STAND_IN.parent), found["PATH"]]),
        "KAFKA_PLATFORM_LAB": _NOWHERE,
        "KUBECONFIG": f"{_NOWHERE}/kubeconfig",
        "PLATFORM_OVERLAY": str(root / "overlay.yaml"),
    }


def _own(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
