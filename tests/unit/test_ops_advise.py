"""``ops advise``: kubelets' answers, when samples are taken, what is printed, and the exit code."""

import json
import signal
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from advice.advise import advise
from advice.window import ContainerSample, NetworkSample, PodSample, Window
from config.target import Target
from cost.prices import load_prices
from ops.__main__ import main
from ops.advise import Observation, schedule, show
from ops.command_line import parser
from ops.failure import Failure
from ops.kubelet import Kubectl, parse, sample, seconds
from ops.workspace import Workspace
from tests.observed import BROKER, containers, window
from tests.priced import stack

LABELS = {"app.kubernetes.io/name": "kafka", "kafka.pyairtable.dev/pool": "broker"}
POD = {"metadata": {"name": "kafka-broker-a-0", "labels": LABELS}, "spec": {"nodeName": "node-a"}}
TIME = "2026-01-02T03:04:05Z"
CONTAINER = {
    "name": "kafka",
    "startTime": "2026-01-01T03:04:05Z",
    "cpu": {"time": TIME, "usageNanoCores": 5, "usageCoreNanoSeconds": 12_500_000_000},
    "memory": {"time": TIME, "workingSetBytes": 900, "rssBytes": 600},
}
STATS = {
    "podRef": {"name": "kafka-broker-a-0", "namespace": "kafka"},
    "containers": [CONTAINER],
    "network": {"time": TIME, "name": "eth0", "rxBytes": 7, "txBytes": 8},
}


def summary(*pods: dict[str, Any]) -> dict[str, Any]:
    return {"node": {"nodeName": "node-a"}, "pods": list(pods)}


def test_a_kubelet_s_summary_is_read() -> None:
    at = seconds(TIME)
    assert parse(stack(), [POD], [summary(STATS)]) == PodSample(
        containers=(
            ContainerSample(
                path=BROKER,
                pod="kafka-broker-a-0",
                at=at,
                started=at - 86_400,
                cpu_seconds=12.5,
                working_set=900,
                resident=600,
            ),
        ),
        networks=(NetworkSample(path=BROKER, pod="kafka-broker-a-0", at=at, received=7, sent=8),),
    )


@pytest.mark.parametrize(
    "pod",
    [
        {**STATS, "podRef": {"name": "kafka-broker-a-0", "namespace": "another"}},
        {**STATS, "podRef": {"name": "not-listed", "namespace": "kafka"}},
        {**STATS, "containers": [{**CONTAINER, "name": "sidecar"}]},
        # A container that has just been made.
        {**STATS, "containers": [{"name": "kafka", "startTime": TIME}], "network": None},
        {"podRef": STATS["podRef"]},
    ],
)
def test_what_isn_t_the_stack_s_or_has_no_figures_is_left_out(pod: dict[str, Any]) -> None:
    assert parse(stack(), [POD], [summary(pod), {"pods": None}]) == PodSample()


def test_a_kubelet_without_memory_leaves_it_open() -> None:
    (found,) = parse(
        stack(), [POD], [summary({**STATS, "containers": [{"name": "kafka", "cpu": {"time": TIME}}]})]
    ).containers
    assert (found.cpu_seconds, found.working_set, found.resident, found.started) == (None, None, None, None)


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    """A kubectl that answers for one node and is refused another, and says what it was asked."""
    (tmp_path / "pods").write_text(json.dumps({"items": [POD, {**POD, "spec": {"nodeName": "node-b"}}]}))
    (tmp_path / "summary").write_text(json.dumps(summary(STATS)))
    program = tmp_path / "kubectl"
    program.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/asked
for last; do :; done
case $last in
  /api/v1/namespaces/kafka/pods) cat {tmp_path}/pods ;;
  /api/v1/nodes/node-a/proxy/stats/summary) cat {tmp_path}/summary ;;
  *) echo 'warning: something' >&2; echo 'Error from server (Forbidden): nodes "node-b" is forbidden' >&2; exit 1 ;;
esac
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Kubectl(command=program, target=Target(kubeconfig=tmp_path / "config", context="here"))


def test_a_node_that_may_not_be_asked_is_said_and_the_others_count(kubectl: Kubectl, tmp_path: Path) -> None:
    found, unknown = sample(kubectl, stack())
    assert [each.pod for each in found.containers] == ["kafka-broker-a-0"]
    assert unknown == (
        "pods on node node-b: Kubernetes doesn't answer "
        "/api/v1/nodes/node-b/proxy/stats/summary?only_cpu_and_memory=true: "
        '(Forbidden): nodes "node-b" is forbidden; reading nodes/proxy must be allowed',
    )
    first = (tmp_path / "asked").read_text().splitlines()[0]
    assert first == (
        f"--kubeconfig {tmp_path}/config --context here --request-timeout=20s get --raw /api/v1/namespaces/kafka/pods"
    )


def test_a_kubelet_without_its_file_system_gives_processor_and_memory(kubectl: Kubectl, tmp_path: Path) -> None:
    text = kubectl.command.read_text()
    kubectl.command.write_text(text.replace("summary) cat", "summary?only_cpu_and_memory=true) cat"))
    (tmp_path / "pods").write_text(json.dumps({"items": [POD]}))
    found, unknown = sample(kubectl, stack())
    assert [each.pod for each in found.containers] == ["kafka-broker-a-0"]
    assert unknown == (
        "network of node node-a: Kubernetes doesn't answer /api/v1/nodes/node-a/proxy/stats/summary: (Forbidden): "
        'nodes "node-b" is forbidden',
    )


def test_without_any_answer_it_is_a_failure(kubectl: Kubectl) -> None:
    with pytest.raises(Failure, match=r"^Kubernetes doesn't answer /nothing: \(Forbidden\)"):
        kubectl.get("/nothing")


@pytest.mark.parametrize(("length", "count", "second"), [(10, 2, 10), (60, 7, 10), (3600, 361, 10), (86_400, 361, 240)])
def test_samples_are_spread_over_the_window(length: float, count: int, second: float) -> None:
    moments = schedule(length)
    assert (len(moments), moments[0], moments[1], moments[-1]) == (count, 0, second, length)


@pytest.mark.parametrize(
    ("text", "expected"), [("60s", timedelta(minutes=1)), ("24h", timedelta(days=1)), ("7d", timedelta(days=7))]
)
def test_a_window_is_a_duration(text: str, expected: timedelta) -> None:
    assert parser().parse_args(["advise", "--window", text]).window == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9s", "'9s': allowed are 10s to 7d"),
        ("8d", "'8d': allowed are 10s to 7d"),
        ("60", "'60': a duration is a whole number with a unit, one of ms, s, m, h, d; for example 7d"),
    ],
)
def test_a_window_has_bounds(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="64"):
        parser().parse_args(["advise", "--window", text])
    assert f"argument --window: {said}" in capsys.readouterr().err


def observation(seen: Window) -> Observation:
    platform = stack()
    return Observation(platform=platform, window=seen, findings=advise(platform, seen, load_prices()))


BUSY = window(
    containers(BROKER, cores=(1.8, 0.2), resident=3 * 2**30, working_set=4 * 2**30),
    topics={"topic-0": (1000.0, 10)},
    held=50 * 2**30,
    unknown=("something",),
)
CALM = window(containers(BROKER, cores=(0.9,), resident=3 * 2**30, working_set=4 * 2**30))


@pytest.fixture
def _process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Workspace, "adopt_environment", lambda *_arguments: None)
    monkeypatch.setattr("ops.engine.open_engine", lambda workspace: SimpleNamespace(workspace=workspace))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_process")
@pytest.mark.parametrize(("seen", "code"), [(BUSY, 2), (CALM, 0)])
def test_advice_is_an_exit_code(
    seen: Window, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.advise.observe", lambda *_arguments: observation(seen))
    assert main(["advise", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert bool(document["advice"]) is (code == 2)
    assert document["watched_seconds"] == 60


def test_the_document_has_what_was_seen() -> None:
    document = observation(BUSY).document()
    (advice,) = document["advice"]
    assert (advice["path"], advice["current"], advice["advised"]) == (f"{BROKER}.resources.cpu", "2", "3500m")
    assert document["seen"] == {
        "containers": [
            {
                "path": BROKER,
                "cpu_mean": 1.0,
                "cpu_peak": 1.8,
                "working_set": 4 * 2**30,
                "resident": 3 * 2**30,
                "received_per_second": None,
                "sent_per_second": None,
            }
        ],
        "brokers": [{"id": broker, "bytes": 50 * 2**30 + 60_000} for broker in range(3)],
        "topics": [
            {"name": "topic-0", "bytes": 60_000, "bytes_per_second_mean": 1000.0, "bytes_per_second_peak": 1000.0}
        ],
        "groups": [],
    }


def test_people_see_figures_advice_and_what_wasn_t_seen(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as nowhere:
        console = Console(record=True, width=160, file=nowhere)
        show(observation(BUSY), console)
        said = console.export_text()
    assert f"{BROKER}.resources.cpu: 2 => 3500m (+0.00 USD a month, confidence low)" in said
    assert "not seen: something" in said
    assert "stack test: 1 change is advised after 60 s" in said
