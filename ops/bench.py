"""``ops bench``: what this cluster, on this machine, gives through its external TLS listener, beside others."""

import statistics
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from rich.console import Console
from rich.table import Table

from manifests import paths
from ops.cpu import KINDS, measured
from ops.failure import Failure
from ops.kafka import TIMEOUT, refusals, scram_settings
from ops.load import Load, percentile
from ops.load import run as run_load
from ops.outputs import Outputs
from ops.progress import Reporter

PARTITIONS: Final = 6
TARGET_RATE: Final = 20_000
"""Records of 1 KB a second that the platform is made for."""
_MEASURES: Final = ("records_per_second", "produce_p50_ms", "produce_p99_ms", "end_to_end_p50_ms", "end_to_end_p99_ms")
_COMPARED: Final = ("records_per_second", "produce_p99_ms", "end_to_end_p99_ms")


_MINIMUM_IN_SYNC: Final = 2
_WARM_UP: Final = 20.0
"""Seconds of full load that a cluster gets before it is compared: its JVMs compile what they run."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One of the clusters that get the same load."""

    name: str
    listener: str
    """Security protocol of the listener that is used, as Kafka names it."""
    settings: Mapping[str, Any] = field(repr=False)
    """librdkafka settings of connection and credentials."""
    marker: str = ""
    """What only the command lines of its brokers have; empty: they are the only ones on this machine."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of load."""

    name: str
    rate: int | None
    """Records a second; None: as fast as possible."""
    end_to_end: bool = False
    linger_ms: int = 5
    batch_bytes: int = 131072
    compression: str = "none"


SCENARIOS: Final = (
    Scenario(name="as fast as possible", rate=None),
    Scenario(name="target rate", rate=TARGET_RATE),
    Scenario(name="half the target rate", rate=TARGET_RATE // 2),
    Scenario(name="end to end at a quarter", rate=TARGET_RATE // 4, end_to_end=True, linger_ms=1),
)


def platform(outputs: Outputs) -> Cluster:
    """Return the stack's own cluster, reached as services outside Kubernetes reach it."""
    return Cluster(
        name="platform, TLS",
        listener="SASL_SSL",
        settings=scram_settings(outputs, outputs.admin),
        marker=paths.CONFIG,
    )


def replicas(outputs: Outputs) -> int:
    """Return the replication factor of the load's topic: three, or as many as there are brokers."""
    return min(3, len(outputs.bootstrap_servers.split(",")))


def run(
    clusters: Sequence[Cluster],
    reporter: Reporter,
    *,
    replicas: int,
    quick: bool = False,
    scenarios: tuple[Scenario, ...] = SCENARIOS,
) -> dict[str, Any]:
    """Run every scenario several times on a topic of its own, which is removed afterwards; report the medians.

    Several clusters take turns in every run, so that whatever else the machine does meets them alike, and each is
    warmed up first. ``replicas`` is the topic's replication factor.
    """
    runs, seconds = (1, 5.0) if quick else (3, 15.0)
    with ExitStack() as opened:
        benches = [opened.enter_context(_topic(cluster, replicas)) for cluster in clusters]
        if len(benches) > 1 and not quick:
            for bench in benches:
                with reporter.live(f"warming up: {bench.cluster.name}"):
                    _once(scenarios[0], bench, _WARM_UP)
        results: list[list[dict[str, Any]]] = [[] for _ in benches]
        for scenario in scenarios:
            seen: list[list[dict[str, Any]]] = [[] for _ in benches]
            for number in range(runs):
                for bench, mine in zip(benches, seen, strict=True):
                    title = f"{scenario.name}, {bench.cluster.name}, run {number + 1} of {runs}"
                    with reporter.live(title):
                        mine.append(_once(scenario, bench, seconds))
                    reporter.say(f"{title}: {mine[-1]['records_per_second']:,.0f} records/s")
            for mine, result in zip(seen, results, strict=True):
                result.append(summary(scenario, mine))
    tables = [
        {"name": cluster.name, "listener": cluster.listener, "scenarios": result}
        for cluster, result in zip(clusters, results, strict=True)
    ]
    return {"record_bytes": 1024, "acks": "all", "runs": runs, "clusters": tables, "ratios": ratios(tables)}


def ratios(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare each cluster with each one before it, scenario by scenario: the quotient of their medians."""
    found = []
    for index, table in enumerate(tables):
        for base in tables[:index]:
            for mine, theirs in zip(table["scenarios"], base["scenarios"], strict=True):
                found.append(
                    {
                        "cluster": table["name"],
                        "to": base["name"],
                        "scenario": mine["name"],
                        **{
                            key: round(mine[key] / theirs[key], 2) if mine[key] and theirs[key] else None
                            for key in _COMPARED
                        },
                        "broker_cores": round(mine["cores"]["brokers"] / theirs["cores"]["brokers"], 2)
                        if theirs["cores"]["brokers"]
                        else None,
                    }
                )
    return found


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """A cluster with a topic for the load."""

    cluster: Cluster
    admin: AdminClient
    topic: str


def _once(scenario: Scenario, bench: _Bench, seconds: float) -> dict[str, Any]:
    load = Load(
        topic=bench.topic,
        partitions=PARTITIONS,
        settings=bench.cluster.settings,
        producer={
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": scenario.linger_ms,
            "batch.size": scenario.batch_bytes,
            "compression.type": scenario.compression,
            "queue.buffering.max.messages": 100_000,
        },
        seconds=seconds,
        rate=scenario.rate,
    )
    cores: dict[str, float] = {}
    starts = _ends(bench.admin, bench.topic) if scenario.end_to_end else []
    with measured(cores, bench.cluster.marker):
        produced, end_to_end = run_load(load, end_to_end=scenario.end_to_end, starts=starts)
    if produced.failed:
        raise Failure(
            f"{produced.failed} records were not acknowledged in {scenario.name!r} ({bench.cluster.name})",
            "see `make status`",
        )
    return {
        "records_per_second": produced.records / produced.seconds,
        "produce_p50_ms": percentile(produced.latencies, 0.5) * 1000,
        "produce_p99_ms": percentile(produced.latencies, 0.99) * 1000,
        "end_to_end_p50_ms": percentile(end_to_end, 0.5) * 1000 if end_to_end else None,
        "end_to_end_p99_ms": percentile(end_to_end, 0.99) * 1000 if end_to_end else None,
        "cores": cores,
    }


def summary(scenario: Scenario, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a scenario's medians over its runs, with the spread of its throughput."""
    rates = [one["records_per_second"] for one in runs]
    result: dict[str, Any] = {"name": scenario.name, "asked_per_second": scenario.rate}
    for key in _MEASURES:
        values = [one[key] for one in runs if one[key] is not None]
        result[key] = round(statistics.median(values), 1) if values else None
    result["records_per_second_range"] = [round(min(rates)), round(max(rates))]
    result["cores"] = {kind: round(statistics.median(one["cores"][kind] for one in runs), 2) for kind in KINDS}
    return result


@contextmanager
def _topic(cluster: Cluster, replicas: int) -> Iterator[_Bench]:
    """Make a topic for the load, durable as the platform's own are, and remove it in the end."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    settings = {
        "retention.bytes": str(256 * 2**20),
        "min.insync.replicas": str(min(_MINIMUM_IN_SYNC, max(1, replicas - 1))),
    }
    with refusals(cluster.settings["bootstrap.servers"]):
        admin = AdminClient(dict(cluster.settings))
        topic = NewTopic(name, num_partitions=PARTITIONS, replication_factor=replicas, config=settings)
        admin.create_topics([topic], operation_timeout=TIMEOUT)[name].result()
    try:
        yield _Bench(cluster=cluster, admin=admin, topic=name)
    finally:
        admin.delete_topics([name], operation_timeout=TIMEOUT)[name].result()


def _ends(admin: AdminClient, topic: str) -> list[int]:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    try:
        futures = admin.list_offsets({one: OffsetSpec.latest() for one in partitions}, request_timeout=TIMEOUT)
        offsets = {one.partition: future.result().offset for one, future in futures.items()}
    except KafkaException as error:
        raise Failure(f"the offsets of {topic} can't be read: {error}") from None
    return [offsets[number] for number in range(PARTITIONS)]


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    for cluster in document["clusters"]:
        table = Table(
            f"1 KB records, acks=all: {cluster['name']}",
            "records/s",
            "produce p50 / p99",
            "end to end p50 / p99",
            *KINDS,
            box=None,
        )
        for one in cluster["scenarios"]:
            end = f"{one['end_to_end_p50_ms']} / {one['end_to_end_p99_ms']} ms" if one["end_to_end_p99_ms"] else "-"
            table.add_row(
                one["name"],
                f"{one['records_per_second']:,.0f}",
                # As fast as possible, a record's latency is its time in the producer's full queue.
                f"{one['produce_p50_ms']} / {one['produce_p99_ms']} ms" if one["asked_per_second"] else "-",
                end,
                *(f"{one['cores'][kind]:.2f}" for kind in KINDS),
            )
        console.print(table)
    if document["ratios"]:
        table = Table(
            "ratio", "of", "to", "records/s", "produce p99", "end to end p99", "brokers' processors", box=None
        )
        for one in document["ratios"]:
            measures = [one[key] for key in (*_COMPARED, "broker_cores")]
            table.add_row(
                one["scenario"],
                one["cluster"],
                one["to"],
                *("-" if value is None else f"{value:.2f}" for value in measures),
            )
        console.print(table)
    console.print(
        f"medians of {document['runs']} runs; the columns {', '.join(KINDS)} are processors in use", soft_wrap=True
    )
