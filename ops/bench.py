"""``ops bench``: what this cluster, on this machine, gives through its external TLS listener."""

import statistics
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from rich.console import Console
from rich.table import Table

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


def run(
    outputs: Outputs, reporter: Reporter, *, quick: bool = False, scenarios: tuple[Scenario, ...] = SCENARIOS
) -> dict[str, Any]:
    """Run every scenario several times on a topic of its own, which is removed afterwards; report the medians."""
    runs, seconds = (1, 5.0) if quick else (3, 15.0)
    settings = scram_settings(outputs, outputs.admin)
    results = []
    with _topic(outputs, settings) as (admin, topic):
        for scenario in scenarios:
            seen = []
            for number in range(runs):
                with reporter.live(f"{scenario.name}, run {number + 1} of {runs}"):
                    seen.append(_once(scenario, settings, admin, topic, seconds))
                reporter.say(
                    f"{scenario.name}, run {number + 1} of {runs}: {seen[-1]['records_per_second']:,.0f} records/s"
                )
            results.append(summary(scenario, seen))
    return {"record_bytes": 1024, "acks": "all", "listener": "SASL_SSL", "runs": runs, "scenarios": results}


def _once(
    scenario: Scenario, settings: dict[str, Any], admin: AdminClient, topic: str, seconds: float
) -> dict[str, Any]:
    load = Load(
        topic=topic,
        partitions=PARTITIONS,
        settings=settings,
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
    starts = _ends(admin, topic) if scenario.end_to_end else []
    with measured(cores):
        produced, end_to_end = run_load(load, end_to_end=scenario.end_to_end, starts=starts)
    if produced.failed:
        raise Failure(f"{produced.failed} records were not acknowledged in {scenario.name!r}", "see `make status`")
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
    for key in ("records_per_second", "produce_p50_ms", "produce_p99_ms", "end_to_end_p50_ms", "end_to_end_p99_ms"):
        values = [one[key] for one in runs if one[key] is not None]
        result[key] = round(statistics.median(values), 1) if values else None
    result["records_per_second_range"] = [round(min(rates)), round(max(rates))]
    result["cores"] = {kind: round(statistics.median(one["cores"][kind] for one in runs), 2) for kind in KINDS}
    return result


@contextmanager
def _topic(outputs: Outputs, settings: dict[str, Any]) -> Iterator[tuple[AdminClient, str]]:
    """Make a topic for the load, as the platform's own are made, and remove it in the end."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    with refusals(outputs.bootstrap_servers):
        admin = AdminClient(settings)
        topic = NewTopic(name, num_partitions=PARTITIONS, config={"retention.bytes": str(256 * 2**20)})
        admin.create_topics([topic], operation_timeout=TIMEOUT)[name].result()
    try:
        yield admin, name
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
    table = Table(
        "1 KB records, acks=all, TLS", "records/s", "produce p50 / p99", "end to end p50 / p99", *KINDS, box=None
    )
    for one in document["scenarios"]:
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
    console.print(f"medians of {document['runs']} runs; the last columns are processors in use", soft_wrap=True)
