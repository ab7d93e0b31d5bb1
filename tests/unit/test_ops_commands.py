"""The command line's grammar, its errors, and what it decides about clusters and disks."""

import subprocess
import sys
from pathlib import Path

import pytest
from pulumi.automation import CommandResult
from pulumi.automation.errors import create_command_error

from config.errors import ConfigError
from config.target import MadeCluster, Target, TargetError
from lab.errors import Cancelled
from ops import status
from ops.__main__ import explain
from ops.command_line import parser
from ops.destroy import check_unprotected
from ops.failure import Failure, UsageFailure
from ops.spec import platform_of
from ops.stack import engine_failure, last_error
from ops.target import Fate, fate, identity, stack_target
from ops.up import check_space, preflight
from ops.workspace import Workspace
from tests.unit.test_aws_config import platform

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (Failure("it is broken", "mend it"), "it is broken; mend it", 1),
        (UsageFailure("no such thing"), "no such thing", 64),
        (TargetError("gone"), "gone", 1),
        (Cancelled("stopped"), "stopped", 130),
        (KeyError("x"), "unexpected KeyError: 'x'; run it again with --debug to see where", 1),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(error: Exception, text: str, code: int) -> None:
    assert explain(error) == (text, code)


def test_the_default_stack_is_dev() -> None:
    assert parser().parse_args(["status"]).stack == "dev"


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ops", *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["preview", "--stak", "prod"], "unrecognized arguments: --stak"),
        (["destroy"], "the following arguments are required: --stack"),
    ],
)
def test_wrong_usage_is_never_taken_for_changes(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 64
    assert said in done.stderr


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", ""])
def test_a_bench_needs_a_number_of_topics(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="64"):
        parser().parse_args(["bench", "topics", f"--topics={value}"])
    assert f"argument --topics: {value!r} is not a whole number above 0" in capsys.readouterr().err


def test_a_bench_is_of_load_unless_topics_are_asked_for() -> None:
    assert parser().parse_args(["bench", "--compare"]).what == "load"
    asked = parser().parse_args(["bench", "topics", "--parallel", "8", "32"])
    assert (asked.what, asked.topics, asked.parallel) == ("topics", 250, [8, 32])


@pytest.mark.parametrize("command", ["up", "preview", "refresh", "drift", "destroy", "down", "status"])
def test_an_unknown_stack_is_wrong_usage_and_touches_nothing(command: str) -> None:
    done = run(command, "--stack", "nowhere")
    assert done.returncode == 64
    assert done.stderr.startswith("error: there is no stack nowhere; stacks are: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("recorded", "current", "expected"),
    [
        (None, "lab 1", Fate.KEEP),
        ("lab 1", "lab 1", Fate.KEEP),
        ("lab 1", "lab 2", Fate.DISCARD),
        ("cluster a:1", "cluster a:1", Fate.KEEP),
        (None, "eks kafka", Fate.KEEP),
        ("eks kafka", "eks kafka", Fate.KEEP),
    ],
)
def test_what_becomes_of_a_state(recorded: str | None, current: str, expected: Fate) -> None:
    assert fate(recorded, current) is expected


@pytest.mark.parametrize(
    ("recorded", "current"),
    [
        ("cluster a:1", "lab 1"),
        ("lab 1", "cluster a:1"),
        ("cluster a:1", "eks kafka"),
        ("eks kafka", "lab 1"),
        ("eks kafka", "eks other"),
    ],
)
def test_a_state_of_another_cluster_is_refused(recorded: str, current: str) -> None:
    with pytest.raises(Failure, match=r"^the stack's resources are on .*, not on .*; set KUBE_CONTEXT as it was"):
        fate(recorded, current)


def test_the_target_is_that_of_overlay_before_stack(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  kafka-platform:kubernetes:\n    context: from-stack\n")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("kubernetes: {context: from-overlay}\n")
    workspace = Workspace(tmp_path)
    environment = {"KUBECONFIG": "/kubeconfig"}
    assert stack_target(workspace, environment) == Target(kubeconfig=Path("/kubeconfig"), context="from-stack")
    environment["PLATFORM_OVERLAY"] = str(overlay)
    assert stack_target(workspace, environment) == Target(kubeconfig=Path("/kubeconfig"), context="from-overlay")
    environment["KUBE_CONTEXT"] = "from-environment"
    assert stack_target(workspace, environment) == Target(kubeconfig=Path("/kubeconfig"), context="from-environment")


def test_a_cluster_that_the_stack_makes_is_the_target_before_it_is_there(tmp_path: Path) -> None:
    """By the configuration, an overlay, or both: what makes one stands anywhere in them."""
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n  kafka-platform:aws: {cluster: {name: made, create: {}}}\n")
    assert stack_target(Workspace(tmp_path), {"KUBE_CONTEXT": "other"}) == MadeCluster(name="made")
    assert identity(MadeCluster(name="made")) == "eks made"
    file.write_text("config:\n  kafka-platform:aws: {cluster: {name: found}}\n")
    assert isinstance(stack_target(Workspace(tmp_path), {"KUBE_CONTEXT": "other"}), Target)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("aws: {cluster: {create: {version: '1.34'}}}\n")
    assert stack_target(Workspace(tmp_path), {"PLATFORM_OVERLAY": str(overlay)}) == MadeCluster(name="found")


def test_what_gives_a_new_cluster_s_token_is_missed_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.dev.yaml").touch()
    monkeypatch.setattr("ops.up.platform_of", lambda _: platform("protect", False, made=True))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match=r"^there is no aws program, which gets the token for the cluster that is made; "):
        preflight(Workspace(tmp_path))


def test_without_a_context_the_target_is_the_lab(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    assert stack_target(Workspace(tmp_path), {}).is_lab


def test_every_problem_of_the_configuration_is_told_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n"
        "  kafka-platform:kubernetez: {}\n"
        "  kafka-platform:protect: maybe\n"
        "  kafka-platform:master_secret:\n    secure: v1:x:y\n"
    )
    with pytest.raises(ConfigError) as caught:
        platform_of(Workspace(tmp_path), {})
    assert "kubernetez: " in str(caught.value)
    assert "protect: " in str(caught.value)
    assert "master_secret" not in str(caught.value)


@pytest.mark.parametrize("stack", sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml")))
def test_committed_stacks_lack_nothing_but_digests(stack: str) -> None:
    if stack == "dev":
        assert platform_of(Workspace(ROOT, stack), {}).stack == stack
        return
    with pytest.raises(ConfigError) as caught:
        platform_of(Workspace(ROOT, stack), {})
    assert [problem.path for problem in caught.value.problems] == [
        "connect.image.digest",
        "consoles.kafka_ui.image.digest",
        "image_digest",
        "ksqldb.cli_image.digest",
        "ksqldb.image.digest",
        "schema_registry.image.digest",
        "schema_registry.proxy.image.digest",
    ]


LOCKED = """code: 255
stdout:
stderr: error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete \
the lock file with `pulumi cancel`.
  s3://state/.pulumi/locks/organization/p/prod/1.json: created by ci@runner (pid 12) at 2026-01-01T09:00:00Z
"""
REMEDY = "wait for its end, or run `pulumi cancel` if there is none"


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (LOCKED, f"the stack is locked by ci@runner (process 12) since 2026-01-01T09:00:00Z; {REMEDY}"),
        ("stderr: error: [409] Conflict: Another update is currently in progress.", REMEDY),
    ],
)
def test_a_lock_of_the_backend_is_one_sentence(stderr: str, said: str) -> None:
    error = create_command_error(CommandResult("", stderr, 255))
    assert str(engine_failure(error)).endswith(said)


def test_a_gate_on_health_fails_with_what_is_wrong() -> None:
    healthy = {"stack": "prod", "brokers": [{"id": 0, "zone": "a"}], "under_replicated_partitions": 0}
    status.check(healthy)
    with pytest.raises(Failure, match=r"^stack prod isn't healthy: 3 partitions have replicas that aren't in sync; "):
        status.check({**healthy, "under_replicated_partitions": 3})
    with pytest.raises(Failure, match=r"^stack prod has no broker; "):
        status.check({**healthy, "brokers": []})


def test_protected_resources_are_named_before_anything_is_destroyed() -> None:
    check_unprotected("prod", [])
    with pytest.raises(Failure) as caught:
        check_unprotected("prod", ["events", "kafka-data-a"])
    assert str(caught.value) == (
        "stack prod has 2 protected resources: events, kafka-data-a; nothing was touched; set kafka-platform:protect "
        "to false and bring the stack up with it, then destroy it"
    )
    with pytest.raises(Failure, match=r"has 2000 protected resources: t0, .*, t19 and 1980 more; nothing"):
        check_unprotected("prod", [f"t{number}" for number in range(2000)])


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "there", 1)
    with pytest.raises(Failure, match=r"not/there has .* GiB free, 8388608 GiB are needed; make room"):
        check_space(tmp_path / "not" / "there", 2**53)


def test_room_for_the_lab_is_asked_for_where_the_lab_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KAFKA_PLATFORM_LAB moves it to another disk."""
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "Pulumi.dev.yaml").touch()
    dev = platform_of(Workspace(ROOT), {})
    monkeypatch.setattr("ops.up.platform_of", lambda _: dev)
    monkeypatch.setattr("ops.up.check_platform", lambda: None)
    monkeypatch.setattr("ops.up._RUN_SPACE", 2**53)
    monkeypatch.delenv("KUBE_CONTEXT", raising=False)
    monkeypatch.setenv("KAFKA_PLATFORM_LAB", "/nowhere/lab")
    with pytest.raises(Failure, match=r"^/nowhere/lab has .* GiB free, 8388608 GiB are needed; make room"):
        preflight(Workspace(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("warning: x\nerror: no stack named 'dev' found\n", "no stack named 'dev' found"),
        ("something else\n", "something else"),
        ("", "no reason given"),
    ],
)
def test_the_engine_s_last_error(text: str, said: str) -> None:
    assert last_error(text) == said
