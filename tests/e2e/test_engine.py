"""Life of a stack with the real engine, a file backend and a program of two resources; no cluster is needed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.failure import Failure
from ops.progress import EngineProgress
from ops.stack import Engine
from ops.workspace import Workspace
from tests.e2e.harness import wait_for
from toolchain.engine import engine_environment

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]

COMMITTED = """# Odd   spacing stays.
config:

    kafka-platform:greeting:   hello   # there
"""

PROGRAM = """
import pathlib, time
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        begun = pathlib.Path(props["folder"]) / "begun"
        begun.touch()
        while (pathlib.Path(props["folder"]) / "hold").exists():
            time.sleep(0.05)
        return CreateResult(props["name"], {"password": props["password"]})

class Thing(Resource):
    def __init__(self, name, folder, password, opts=None):
        super().__init__(Provider(), name, {"folder": folder, "name": name, "password": password}, opts)

config = pulumi.Config()
if config.get("broken"):
    raise pulumi.RunError("kafka.zones: [] is refused: at least one zone; add a zone")
folder = str(pathlib.Path.cwd())
secret = config.require_secret("master_secret")
first = Thing("first", folder, secret)
second = Thing("second", folder, secret, pulumi.ResourceOptions(depends_on=[first]))
pulumi.export("password", secret)
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: kafka-platform\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.dev.yaml").write_text(COMMITTED)
    return Workspace(tmp_path)


def opened(workspace: Workspace) -> Engine:
    workspace.make_passphrase(os.environ)
    workspace.backend.mkdir(parents=True, exist_ok=True)
    return Engine.of(workspace, engine_environment())


def run(action: Callable[[Callable[..., None]], None]) -> EngineProgress:
    progress = EngineProgress()
    action(lambda event: progress.handle(event, 0.0))
    return progress


def master_secret(engine: Engine) -> str:
    secret = engine.run("config", "get", "kafka-platform:master_secret", "--stack", "dev")
    assert len(secret) == 64
    return secret


def test_from_nothing_to_nothing(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    assert dict(run(lambda on: engine.up(on)).changes) == {"create": 3}
    assert dict(run(lambda on: engine.up(on)).changes) == {"same": 3}
    assert engine.resource_count() == 2
    secret = master_secret(engine)
    files = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    run(lambda on: engine.destroy(on))
    engine.run("stack", "rm", "dev", "--yes", "--preserve-config")
    workspace.remove_keys()
    workspace.remove()
    assert workspace.config_text() == COMMITTED
    assert sorted(path.name for path in workspace.root.iterdir() if path.name != "begun") == [
        "Pulumi.dev.yaml",
        "Pulumi.yaml",
        "__main__.py",
    ]


def test_events_show_no_secret(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    seen: list[str] = []
    engine.preview(lambda event: seen.append(repr(event.__dict__)))
    engine.up(lambda event: seen.append(repr(event.__dict__)))
    assert len(seen) > 5
    assert master_secret(engine) not in "".join(seen)


def test_no_argument_carries_the_master_secret(workspace: Workspace, tmp_path: Path) -> None:
    engine = opened(workspace)
    log = tmp_path / "arguments"
    real = engine.command.command
    wrapper = tmp_path / "pulumi"
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    engine.command.command = str(wrapper)
    engine.prepare()
    run(lambda on: engine.up(on))
    engine.command.command = real
    arguments = log.read_text()
    assert "config set --secret kafka-platform:master_secret" in arguments
    assert master_secret(engine) not in arguments


def test_a_reset_configuration_is_restored_with_the_same_secret(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    before = master_secret(engine)
    workspace.config_file.write_text(COMMITTED)
    engine.prepare()
    assert master_secret(engine) == before


def test_a_lost_backend_is_made_anew_with_the_same_secret(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    before = master_secret(engine)
    run(lambda on: engine.up(on))
    engine.discard()
    assert engine.select() is None
    engine.prepare()
    assert engine.resource_count() == 0
    assert master_secret(engine) == before


def test_a_lost_master_secret_of_a_stack_with_resources_is_told(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    run(lambda on: engine.up(on))
    workspace.config_file.write_text(COMMITTED)
    workspace.keys_file.unlink()
    with pytest.raises(
        Failure, match=r"^stack dev has resources, but its master secret is neither in Pulumi\.dev\.yaml"
    ):
        engine.prepare()


def test_another_stack_gets_no_master_secret(workspace: Workspace) -> None:
    (workspace.root / "Pulumi.prod.yaml").write_text(COMMITTED)
    engine = opened(Workspace(workspace.root, "prod"))
    with pytest.raises(Failure, match=r"^stack prod has no master secret; set it once with `head -c 32 /dev/urandom"):
        engine.prepare()
    assert engine.select() is None


def test_our_check_of_the_passphrase_agrees_with_the_engine(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    workspace.check_passphrase(os.environ)
    workspace.passphrase_file.write_text("wrong")
    with pytest.raises(Failure, match=r"^incorrect passphrase"):
        workspace.check_passphrase(os.environ)
    with pytest.raises(Failure, match=r"^incorrect passphrase"):
        engine.run("config", "get", "kafka-platform:master_secret", "--stack", "dev")


def test_the_program_s_refusal_is_told_in_its_own_words(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    text = workspace.config_text().replace(
        "kafka-platform:greeting", "kafka-platform:broken: yes\n    kafka-platform:x"
    )
    workspace.config_file.write_text(text)
    progress = EngineProgress()
    with pytest.raises(Exception, match=r"kafka\.zones"):
        engine.up(lambda event: progress.handle(event, 0.0))
    assert progress.failure() == "kafka.zones: [] is refused: at least one zone; add a zone"


def test_a_lock_of_a_dead_engine_is_broken_and_of_a_living_one_is_not(workspace: Workspace) -> None:
    engine = opened(workspace)
    engine.prepare()
    folder = workspace.backend / ".pulumi" / "locks" / "organization" / "kafka-platform" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = {"username": "x", "hostname": os.uname().nodename, "timestamp": "2026-01-01T00:00:00Z"}
    (folder / "dead.json").write_text(json.dumps({**lock, "pid": ended.pid}))
    engine.break_stale_locks()
    run(lambda on: engine.up(on))
    living = folder / "living.json"
    now = datetime.now(UTC).isoformat()
    living.write_text(json.dumps({**lock, "pid": os.getpid(), "timestamp": now}))
    engine.break_stale_locks()
    assert living.exists()


INTERRUPTIBLE = """
import os, pathlib, sys
from ops.command import Interrupted
from ops.stack import Engine
from ops.workspace import Workspace
from toolchain.engine import engine_environment

engine = Engine.of(Workspace(pathlib.Path(sys.argv[1])), engine_environment())
try:
    engine.prepare()
    engine.up(lambda event: None)
except Interrupted:
    sys.exit(42)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_sound_state(workspace: Workspace, number: signal.Signals) -> None:
    engine = opened(workspace)
    engine.prepare()
    hold, begun = workspace.root / "hold", workspace.root / "begun"
    hold.touch()
    with subprocess.Popen([sys.executable, "-c", INTERRUPTIBLE, str(workspace.root)], cwd=ROOT) as child:
        wait_for("the first resource's creation", begun.exists)
        child.send_signal(number)
        hold.unlink()
        assert child.wait(60) == 42
    state = engine.deployment()
    names = [entry["urn"].rsplit("::", 1)[-1] for entry in state["resources"]]
    assert "first" in names, "what had begun was ended and saved"
    assert "second" not in names, "nothing new was begun"
    assert not state.get("pending_operations")
    assert list((workspace.backend / ".pulumi" / "locks").rglob("*.json")) == []
    assert dict(run(lambda on: engine.up(on)).changes) == {"create": 1, "same": 2}
