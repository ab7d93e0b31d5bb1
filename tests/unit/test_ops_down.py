"""``ops down``, and commands on stacks that are somewhere else: what they say and do. The engine is a shell script."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.literals import PROJECT
from ops import __main__ as command_line
from ops.destroy import crashed
from ops.failure import Failure
from ops.up import preflight
from ops.workspace import Workspace, write_private

PULUMI = """#!/bin/sh
here="{here}"
echo "$* @ $PULUMI_BACKEND_URL" >> "$here/calls"
case "$*" in
  version) echo v3.250.0 ;;
  *"stack select"*)
    [ -e "$here/state" ] || {{ echo "error: no stack named 'prod' found" >&2; exit 255; }} ;;
  *"stack export"*) cat "$here/state" ;;
  *" destroy "*) echo '{{"deployment": {{"resources": []}}}}' > "$here/state" ;;
esac
"""
THING = {"urn": f"urn:pulumi:prod::{PROJECT}::kafka:index/topic:Topic::events", "type": "kafka:index/topic:Topic"}
UNNAMED = (
    "error: stack prod needs a state that outlives this machine; set PULUMI_BACKEND_URL, which names no backend; "
    "see docs/operations.md\n"
)


@dataclass(frozen=True)
class Checkout:
    """A checkout of stacks dev and prod, and the engine's stand-in."""

    root: Path
    here: Path

    @property
    def url(self) -> str:
        return f"file://{self.here}/backend"

    def put(self, **resource: object) -> None:
        """Let the backend have the stack, with one resource."""
        (self.here / "state").write_text(json.dumps({"deployment": {"resources": [{**THING, **resource}]}}))

    def calls(self, word: str) -> list[str]:
        """What the engine was called with."""
        return [call for call in (self.here / "calls").read_text().splitlines() if word in call]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    root, here = tmp_path / "checkout", tmp_path / "engine"
    root.mkdir()
    here.mkdir()
    (here / "pulumi").write_text(PULUMI.format(here=here))
    (here / "pulumi").chmod(0o755)
    (root / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
    for stack in ("dev", "prod"):
        (root / f"Pulumi.{stack}.yaml").write_text("config:\n  kafka-platform:kubernetes: {context: named}\n")
    gone = [name for name in os.environ if name.startswith(("PULUMI_", "KUBE", "PLATFORM_", "KAFKA_PLATFORM_"))]
    for name in gone:
        monkeypatch.delenv(name)
    for module in ("engine", "down"):
        monkeypatch.setattr(f"ops.{module}.engine_environment", lambda: {"PATH": f"{here}:/usr/bin:/bin"})
    monkeypatch.setattr(command_line, "ROOT", root)
    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (here / "kubeconfig").write_text(
            f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{listener.getsockname()[1]}'}}}}]\n"
            "contexts: [{name: named, context: {cluster: c}}]\n"
        )
        monkeypatch.setenv("KUBECONFIG", str(here / "kubeconfig"))
        yield Checkout(root, here)
    signal.signal(signal.SIGTERM, before)


Said = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "command",
    [["down"], ["destroy"], ["drift"], ["refresh"], ["status"], ["smoke"], ["client", "auth-service", "--out", "x"]],
)
def test_without_a_backend_no_other_stack_is_said_to_be_down(
    command: list[str], checkout: Checkout, capsys: Said
) -> None:
    Workspace(checkout.root).backend.mkdir(parents=True)
    assert command_line.main([*command, "--stack", "prod"]) == 1
    assert capsys.readouterr() == ("", UNNAMED)
    assert not (checkout.here / "calls").exists()


@pytest.mark.parametrize("command", ["down", "destroy", "drift", "refresh", "status", "smoke"])
def test_an_unknown_stack_is_wrong_usage(command: str, checkout: Checkout, capsys: Said) -> None:
    assert command_line.main([command, "--stack", "nowhere"]) == 64
    assert capsys.readouterr() == ("", "error: there is no stack nowhere; stacks are: dev, prod\n")
    assert not (checkout.root / ".state").exists()


def test_a_preview_with_secrets_and_no_backend_is_told_too(checkout: Checkout, capsys: Said) -> None:
    (checkout.root / "Pulumi.prod.yaml").write_text("encryptionsalt: v1:c2FsdA==:v1:bm9uY2U=:dGV4dA==\n")
    assert command_line.main(["preview", "--stack", "prod"]) == 1
    assert capsys.readouterr() == ("", UNNAMED)
    assert not (checkout.root / ".state").exists()


@pytest.mark.parametrize("command", ["down", "destroy", "drift", "refresh"])
def test_a_stack_that_the_backend_doesn_t_have_is_told(
    command: str, checkout: Checkout, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its cluster is asked for, which needn't be there either."""
    (checkout.here / "kubeconfig").unlink()
    monkeypatch.setenv("PULUMI_BACKEND_URL", "postgres://ops:hunter2@db/state")
    assert command_line.main([command, "--stack", "prod"]) == 1
    assert capsys.readouterr() == (
        "",
        "error: stack prod isn't in postgres://ops:[secret]@db/state; name the backend it is in with "
        "PULUMI_BACKEND_URL, or bring it up with `ops up --stack prod`\n",
    )


def test_down_destroys_a_stack_that_another_machine_brought_up(
    checkout: Checkout, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", checkout.url)
    checkout.put()
    assert not Workspace(checkout.root, "prod").cluster_file.exists()
    for _ in range(2):
        assert command_line.main(["down", "--stack", "prod"]) == 0
        assert capsys.readouterr().out == "stack prod is down, nothing of it is left\n"
    first, _ = checkout.calls(" destroy ")
    assert "--stack prod" in first
    assert first.endswith(f"@ {checkout.url}")
    assert json.loads((checkout.here / "state").read_text()) == {"deployment": {"resources": []}}
    assert checkout.calls("stack rm") == []


def test_down_names_what_is_protected_and_touches_nothing(
    checkout: Checkout, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", checkout.url)
    checkout.put(protect=True)
    assert command_line.main(["down", "--stack", "prod"]) == 1
    assert capsys.readouterr().err.startswith("error: stack prod has 1 protected resource: events; nothing was touched")
    assert checkout.calls(" destroy ") == []


def test_the_end_of_a_state_in_dev_s_backend_is_not_refused(checkout: Checkout) -> None:
    """Though no backend is named: only ``up`` refuses it, so that it can be moved or destroyed."""
    state = Workspace(checkout.root, "prod").state_file
    write_private(state, json.dumps({"checkpoint": {"latest": {"resources": [THING]}}}))
    checkout.put()
    assert command_line.main(["down", "--stack", "prod"]) == 0
    (call,) = checkout.calls(" destroy ")
    assert call.endswith(f"@ file://{checkout.root}/.state/pulumi?metadata=skip")


def test_up_refuses_what_a_sourced_environment_leads_to(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    dev, prod = Workspace(checkout.root), Workspace(checkout.root, "prod")
    for name, value in dev.engine_settings({}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Failure, match=r"^the state of stack prod would lie in \.state, which `make down` deletes; "):
        preflight(prod)
    monkeypatch.setenv("PULUMI_BACKEND_URL", checkout.url)
    with pytest.raises(Failure, match=r"^the secrets of stack prod would need the passphrase in \.state, which "):
        preflight(prod)


@pytest.mark.parametrize("another", [False, True])
def test_dev_s_end_leaves_another_stack_its_state(another: bool, checkout: Checkout, capsys: Said) -> None:
    dev, state = Workspace(checkout.root), Workspace(checkout.root, "prod").state_file
    write_private(dev.passphrase_file, "x")
    write_private(dev.state_file, json.dumps({"checkpoint": {"latest": None}}))
    if another:
        write_private(state, json.dumps({"checkpoint": {"latest": {"resources": [THING]}}}))
    assert command_line.main(["down"]) == 0
    said = capsys.readouterr()
    assert said.out == "stack dev is down, nothing of it is left\n"
    keeps = (
        "stack prod has state or secrets in .state: both stay, with the passphrase; docs/operations.md says how they "
        "move away\n"
    )
    nothing = "the stack was never brought up from here: there is nothing to destroy\n"
    assert said.err == (keeps if another else "") + nothing
    assert (state.exists(), dev.passphrase_file.exists()) == (another, another)
    assert dev.state.exists() is another
    assert not dev.state_file.exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("deleting failed: error reading from server: EOF", True),
        ("deleting failed: error reading from server: connection reset by peer", True),
        ("Detected that resource-kubernetes-v4.24.0/pulumi-resource-kubernetes exited prematurely.", True),
        ("deleting failed: resource is protected", False),
        ("connect: connection refused", False),
    ],
)
def test_a_crash_is_told_from_a_refusal(said: str, expected: bool) -> None:
    assert crashed(Failure(said, "look")) is expected
