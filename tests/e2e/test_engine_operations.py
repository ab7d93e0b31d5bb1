"""Commands on a stack of files with the real engine: exit codes, drift, events, locks, stops and kills."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.literals import PROJECT
from manifests.kubeconfig import eks_kubeconfig
from tests.e2e.engine_stack import FileStack, name_of
from tests.unit.test_aws_config import changed

pytestmark = pytest.mark.engine


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[FileStack]:
    """A checkout, and an address that accepts connections as its cluster."""
    kubeconfig = tmp_path / "kubeconfig"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kubeconfig.write_text(
            f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{listener.getsockname()[1]}'}}}}]\n"
            "contexts: [{name: named, context: {cluster: c}}]\n"
        )
        made = FileStack.make(tmp_path / "checkout", {"KUBECONFIG": str(kubeconfig), "KUBE_CONTEXT": "named"})
        yield made
        for run in made.started:
            if not run.ended():
                run.kill(whole=True)


def code(done: subprocess.CompletedProcess[str], expected: int) -> subprocess.CompletedProcess[str]:
    assert done.returncode == expected, f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return dict(json.loads(done.stdout))


def test_a_stack_s_life_in_exit_codes(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}, "b": {"content": "1", "after": ["a"]}})
    code(stack.ops("preview"), 2)
    code(stack.ops("up"), 0)
    code(stack.ops("preview"), 0)
    code(stack.ops("up", "--detailed-exitcode"), 0)
    code(stack.ops("drift"), 0)

    (stack.root / "things" / "a").write_text("changed by hand")
    (stack.root / "things" / "b").unlink()
    found = document(code(stack.ops("drift", "--json"), 3))
    assert {each["name"]: each["op"] for each in found["changes"]} == {"a": "update", "b": "delete"}
    (changed,) = [each for each in found["changes"] if each["name"] == "a"]
    assert changed["diff"] == [{"path": "content", "kind": "update", "old": "1", "new": "changed by hand"}]
    assert document(code(stack.ops("drift", "--json"), 3)) == found, "looking changes nothing"

    code(stack.ops("refresh", "--detailed-exitcode"), 2)
    code(stack.ops("drift"), 0)
    code(stack.ops("preview"), 2)
    code(stack.ops("up", "--detailed-exitcode"), 2)
    assert stack.files() == {"a": "1", "b": "1"}
    code(stack.ops("destroy", "--stack", "dev", "--detailed-exitcode"), 2)
    assert stack.files() == {}
    code(stack.ops("destroy", "--stack", "dev", "--detailed-exitcode"), 0)


def test_a_destroy_goes_on_once_when_a_plugin_crashes(stack: FileStack) -> None:
    stack.want({name: {"content": "1", "after": list("abc"[:index])} for index, name in enumerate("abc")})
    code(stack.ops("up"), 0)
    stack.crash(2)
    done = code(stack.ops("destroy", "--stack", "dev"), 1)
    assert "a plugin of the engine crashed; what it was deleting is asked for, and the rest goes on" in done.stderr
    assert "a" in stack.files()
    stack.crash(1)
    code(stack.ops("destroy", "--stack", "dev"), 0)
    assert (stack.files(), stack.names()) == ({}, [])
    code(stack.ops("up"), 0)
    stack.crash(1)
    down = code(stack.ops("down"), 0)
    assert "a plugin of the engine crashed; what it was deleting is asked for, and the rest goes on" in down.stderr
    assert stack.files() == {}


def test_a_stack_that_makes_its_cluster_is_brought_up_without_one_and_finds_it_afterwards(tmp_path: Path) -> None:
    """The cluster is an address; no kubeconfig of the machine's leads to it, or to any other."""
    programs = tmp_path / "bin"
    programs.mkdir()
    aws = programs / "aws"
    aws.write_text("#!/bin/sh\nexit 1\n")
    aws.chmod(0o755)
    environment = {"KUBECONFIG": str(tmp_path / "none"), "PATH": f"{programs}:{os.environ['PATH']}"}
    made = FileStack.make(tmp_path / "checkout", environment)
    made.environment.pop("KUBE_CONTEXT", None)
    values = {f"{PROJECT}:{key}": value for key, value in changed("protect", False, made=True).items()}
    made.workspace.config_file.write_text(yaml.safe_dump({"config": values}))
    program = made.root / "__main__.py"
    program.write_text(f"{program.read_text()}pulumi.export('kubeconfig', pathlib.Path('made.json').read_text())\n")
    made.want({"a": {"content": "1"}})

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        kubeconfig = eks_kubeconfig(
            cluster="kafka-test", region="x", endpoint=f"https://127.0.0.1:{port}", ca_data="", role=None
        )
        (made.root / "made.json").write_text(kubeconfig)
        code(made.ops("up"), 0)
        assert made.workspace.recorded_cluster() == "eks kafka-test"
        assert made.workspace.kubeconfig_file.read_text() == kubeconfig
        assert f"export KUBECONFIG={made.workspace.kubeconfig_file}" in made.workspace.environment_file.read_text()
        code(made.ops("preview"), 0)
        code(made.ops("drift"), 0)
    silent = f"error: the Kubernetes API of context 'eks' at 127.0.0.1:{port} does not answer (Connection refused)"
    for command in (["destroy", "--stack", "dev"], ["up"]):
        assert silent in code(made.ops(*command), 1).stderr
    assert made.files() == {"a": "1"}
    with socket.create_server(("127.0.0.1", port)):
        code(made.ops("destroy", "--stack", "dev"), 0)
    assert made.files() == {}


def test_destroy_names_what_is_protected_and_touches_nothing(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}, "b": {"content": "1", "protect": True}, "c": {"content": "1"}})
    code(stack.ops("up"), 0)
    before = stack.state()
    done = code(stack.ops("destroy", "--stack", "dev"), 1)
    assert (
        "error: stack dev has 1 protected resource: b; nothing was touched; set kafka-platform:protect" in done.stderr
    )
    assert stack.files() == {"a": "1", "b": "1", "c": "1"}
    assert stack.state() == before


def test_events_tell_the_run_and_no_secret(stack: FileStack, tmp_path: Path) -> None:
    stack.want({"a": {"content": "1"}})
    file = tmp_path / "events"
    code(stack.ops("up", "--events", str(file)), 0)
    shown = code(stack.ops("up", "--events", str(file), "--json"), 0)
    stack.want({"a": {"content": "2"}})
    code(stack.ops("up", "--events", str(file)), 0)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert events[0]["event"] == "begin"
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("end", 0)
    ends = [(each["op"], each["name"]) for each in events if each["event"] == "resource-end" and each["name"] == "a"]
    assert ends == [("update", "a")]
    (stack.root / "things" / "a").write_text("drifted")
    drifted = stack.ops("drift", "--events", str(tmp_path / "drift"), "--json")
    secret = json.loads(
        subprocess.run(
            ["bash", "-c", ". .state/env; pulumi stack output --json --show-secrets --stack dev"],
            cwd=stack.root,
            env=stack.environment,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )["clients"]["admin"]["password"]
    assert len(secret) == 64
    told = [file.read_text(), (tmp_path / "drift").read_text(), *(drifted.stdout, drifted.stderr), shown.stdout]
    assert [text for text in told if secret in text] == []


def test_the_second_up_of_a_checkout_refuses_in_a_sentence(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}})
    stack.hold("a")
    first = stack.start("up")
    stack.wait_begun("a", first)
    done = code(stack.ops("up"), 1)
    assert done.stderr.splitlines()[-1] == (
        f"error: `ops up` (process {first.process.pid}) is at work in this checkout; wait for its end, or stop it"
    )
    stack.release("a")
    code(first.wait(), 0)
    assert stack.names() == ["a"]


def test_the_second_up_of_a_stack_from_another_checkout_refuses_in_a_sentence(stack: FileStack, tmp_path: Path) -> None:
    stack.want({"a": {"content": "1"}})
    code(stack.ops("up"), 0)
    stack.want({"a": {"content": "2"}})
    backend = f"file://{stack.workspace.backend}?metadata=skip"
    other = FileStack.make(tmp_path / "other", {**stack.environment, "PULUMI_BACKEND_URL": backend})
    other.want({"a": {"content": "3"}})
    other.environment["PULUMI_BACKEND_URL"] = backend
    shutil.copytree(stack.root / ".state" / "keys", other.root / ".state" / "keys")
    for name in (".state/passphrase", "Pulumi.dev.yaml"):
        shutil.copy(stack.root / name, other.root / name)
    (stack.root / "begun" / "a").unlink()
    stack.hold("a")
    first = stack.start("up")
    stack.wait_begun("a", first)
    done = code(other.ops("up"), 1)
    said = done.stderr.splitlines()[-1]
    assert said.startswith("error: the stack is locked by ")
    assert said.endswith("; wait for its end, or run `pulumi cancel` if there is none")
    assert "(process " in said
    stack.release("a")
    code(first.wait(), 0)
    assert stack.files() == {"a": "2"}


def test_the_first_interrupt_ends_in_good_order(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}, "b": {"content": "1", "after": ["a"]}})
    stack.hold("a")
    run = stack.start("up")
    stack.wait_begun("a", run)
    run.process.send_signal(signal.SIGINT)
    run.wait_said("stopping: the engine ends what it has begun and saves its state; once more, and it stops at once")
    stack.release("a")
    done = code(run.wait(), 130)
    assert "error: interrupted; the engine saved its state" in done.stderr
    assert stack.files() == {"a": "1"}
    assert stack.names() == ["a"]
    assert not stack.state().get("pending_operations")
    code(stack.ops("up"), 0)
    assert stack.names() == ["a", "b"]


def test_the_second_interrupt_ends_at_once_and_the_next_up_goes_on(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}, "b": {"content": "1", "after": ["a"]}})
    stack.hold("a")
    run = stack.start("up")
    stack.wait_begun("a", run)
    run.process.send_signal(signal.SIGINT)
    run.wait_said("stopping: the engine")
    run.process.send_signal(signal.SIGINT)
    # Nobody lets the file go: only a stop ends this.
    code(run.wait(), 130)
    stack.release("a")
    code(stack.ops("up"), 0)
    assert stack.files() == {"a": "1", "b": "1"}
    assert stack.names() == ["a", "b"]


def test_drift_is_not_told_of_a_state_that_a_kill_left_unfinished(stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}})
    stack.hold("a")
    run = stack.start("up")
    stack.wait_begun("a", run)
    run.kill(whole=True)
    done = code(stack.ops("drift"), 1)
    assert done.stderr.splitlines()[-1] == (
        "error: the last update was killed: what it was at is neither there for certain nor gone; finish it with "
        "`ops up --stack dev`, then ask again"
    )
    stack.release("a")
    code(stack.ops("up"), 0)
    code(stack.ops("drift"), 0)


@pytest.mark.parametrize("command", ["drift", "refresh", "destroy"])
def test_another_cluster_is_refused_on_which_all_would_seem_gone(command: str, stack: FileStack) -> None:
    stack.want({"a": {"content": "1"}})
    code(stack.ops("up"), 0)
    before = stack.state()
    kubeconfig = Path(stack.environment["KUBECONFIG"])
    address = re.findall(r"127\.0\.0\.1:\d+", kubeconfig.read_text())[0]
    with socket.create_server(("127.0.0.1", 0)) as other:
        elsewhere = f"127.0.0.1:{other.getsockname()[1]}"
        kubeconfig.write_text(kubeconfig.read_text().replace(address, elsewhere))
        done = code(stack.ops(command, "--stack", "dev"), 1)
    assert f"error: the stack's resources are on cluster {address}, not on cluster {elsewhere}" in done.stderr
    assert stack.state() == before


ROUND = 12
KEPT = [f"kept-{number}" for number in range(ROUND)]


def things(turn: int) -> dict[str, dict[str, Any]]:
    """What a turn asks for: twelve files that every turn changes, and twelve of its own, in four layers."""
    names = [name for pair in zip(KEPT, [f"turn-{turn}-{n}" for n in range(ROUND)], strict=True) for name in pair]
    return {
        name: {"content": str(turn), "seconds": 0.15, "after": names[place - 6 : place - 5] if place >= 6 else []}
        for place, name in enumerate(names)
    }


def test_an_up_that_is_killed_at_ten_moments_goes_on_each_time(stack: FileStack) -> None:
    """At five with its engine and plugins, at five alone: the engine then ends by itself, and leaves its plugins."""
    stack.want(things(0))
    code(stack.ops("up"), 0)
    for turn, moment in enumerate((1, 3, 6, 8, 11, 13, 16, 18, 21, 24), start=1):
        stack.want(things(turn))
        before = stack.begun()
        run = stack.start("up")
        while stack.begun() < before + moment and not run.ended():
            time.sleep(0.005)
        assert not run.ended(), "it was killed too late to show anything"
        left = run.kill(whole=turn % 2 == 0)
        done = code(stack.ops("up"), 0)
        assert [name_of(pid) for pid in left if name_of(pid)] == []
        assert stack.files() == {name: str(turn) for name in things(turn)}, f"turn {turn}: {done.stderr}"
        assert stack.names() == sorted(things(turn)), f"turn {turn}"
        assert not stack.state().get("pending_operations")
    code(stack.ops("drift"), 0)
    code(stack.ops("preview"), 0)
