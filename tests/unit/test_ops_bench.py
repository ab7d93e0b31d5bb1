"""Arithmetic of the bench: paces, percentiles, medians, processor time."""

import os

import pytest

from ops.bench import Scenario, ratios, summary
from ops.cpu import KINDS, kind_of, sample, split
from ops.load import due, percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.99, 0.0), ([5.0], 0.5, 5.0), ([3.0, 1.0, 2.0], 0.5, 2.0), (list(map(float, range(1, 101))), 0.99, 99.0)],
)
def test_percentile_by_nearest_rank(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("elapsed", "rate", "sent", "expected"),
    [(1.0, 1000, 990, 10), (1.0, 1000, 1000, 0), (1.0, 1000, 1200, 0), (10.0, 1000, 0, 2000), (0.0, None, 0, 2000)],
)
def test_a_paced_producer_catches_up_in_bounded_bursts(
    elapsed: float, rate: int | None, sent: int, expected: int
) -> None:
    assert due(elapsed, rate, sent) == expected


def test_medians_of_runs() -> None:
    runs = [
        {
            "records_per_second": rate,
            "produce_p50_ms": 1.0,
            "produce_p99_ms": p99,
            "end_to_end_p50_ms": None,
            "end_to_end_p99_ms": None,
            "cores": dict.fromkeys(KINDS, 0.5),
        }
        for rate, p99 in ((100.0, 9.0), (300.0, 7.0), (200.0, 8.0))
    ]
    assert summary(Scenario(name="x", rate=250), runs) == {
        "name": "x",
        "asked_per_second": 250,
        "records_per_second": 200.0,
        "records_per_second_range": [100, 300],
        "produce_p50_ms": 1.0,
        "produce_p99_ms": 8.0,
        "end_to_end_p50_ms": None,
        "end_to_end_p99_ms": None,
        "cores": dict.fromkeys(KINDS, 0.5),
    }


def test_each_cluster_is_compared_with_those_before_it() -> None:
    def table(name: str, rate: float, p99: float, end: float | None, brokers: float) -> dict[str, object]:
        scenario = {
            "name": "target rate",
            "records_per_second": rate,
            "produce_p99_ms": p99,
            "end_to_end_p99_ms": end,
            "cores": {"brokers": brokers},
        }
        return {"name": name, "scenarios": [scenario]}

    found = ratios(
        [table("plaintext", 100.0, 4.0, None, 0.5), table("TLS", 80.0, 6.0, 9.0, 1.0), table("ours", 60.0, 9.0, 9.0, 0)]
    )
    assert [(one["cluster"], one["to"]) for one in found] == [
        ("TLS", "plaintext"),
        ("ours", "plaintext"),
        ("ours", "TLS"),
    ]
    assert found[0] == {
        "cluster": "TLS",
        "to": "plaintext",
        "scenario": "target rate",
        "records_per_second": 0.8,
        "produce_p99_ms": 1.5,
        "end_to_end_p99_ms": None,
        "broker_cores": 2.0,
    }
    assert (found[2]["records_per_second"], found[2]["end_to_end_p99_ms"]) == (0.75, 1.0)


def test_brokers_of_another_cluster_are_the_rest() -> None:
    arguments = ["java", "kafka.Kafka", "/bare/server.properties"]
    assert kind_of(arguments, True, "/bare/") == "brokers"
    assert kind_of(arguments, True, "/etc/kafka/") == "rest"


@pytest.mark.parametrize(
    ("arguments", "ours", "kind"),
    [
        (["java", "-cp", "/opt/kafka/libs/*", "kafka.Kafka", "x"], False, "brokers"),
        (["/cache/bin/kubelet", "--config=x"], False, "kubernetes"),
        (["python", "-m", "ops"], True, "load"),
        (["sshd"], False, "rest"),
        ([], False, "rest"),
    ],
)
def test_kinds_of_processes(arguments: list[str], ours: bool, kind: str) -> None:
    assert kind_of(arguments, ours) == kind


def test_processor_time_is_split_by_kind() -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    before = {1: ("brokers", 0), 2: ("rest", 100)}
    after = {1: ("brokers", 3 * hertz), 2: ("rest", 100), 3: ("load", hertz)}
    assert split(before, after, 2.0) == {"brokers": 1.5, "load": 0.5, "kubernetes": 0.0, "rest": 0.0}


def test_this_process_is_load() -> None:
    assert sample()[os.getpid()][0] == "load"
