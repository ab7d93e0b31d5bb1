"""The benches of Kafka Connect: what they lay over the stack, how they reckon, and what people are shown."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from rich.console import Console

from config.build import build_platform, merge
from ops import bench_outbox, bench_records, bench_sink, connect_stack
from ops.bare_connect import worker_properties
from ops.bench_flow import BY_HAND, PLATFORM, Measures, summary
from ops.failure import Failure
from tests.unit.test_config_bad_inputs import dev

STORE = "http://198.18.0.1:5000"


@pytest.mark.parametrize(
    "connector",
    [bench_outbox.declaration(5432, "-----BEGIN CERTIFICATE-----"), bench_sink.declaration(5432, STORE)],
    ids=["outbox", "sink"],
)
def test_what_is_laid_over_the_dev_stack_is_right(connector: dict[str, Any]) -> None:
    """One worker with one connector, and a topic that nobody else has."""
    egress = [{"cidr": "198.18.0.1/32", "port": 5432}]
    document = connect_stack.overlay([connector], egress)
    platform = build_platform("dev", merge(dev(), document))
    assert platform.connect is not None
    assert [one.name for one in platform.connect.connectors] == [connector["name"]]
    assert platform.connect.derived_secrets == platform.connect.secret_names
    (topic,) = (one for one in platform.topics if one.name == connect_stack.TOPIC)
    assert topic.partitions == connect_stack.PARTITIONS


def test_an_overlay_of_ones_own_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_OVERLAY", "mine.yaml")
    with pytest.raises(Failure, match=r"^PLATFORM_OVERLAY is set, and the bench lays its own over the stack; unset it"):
        connect_stack.check(None)  # type: ignore[arg-type]


def test_a_record_is_avro_that_the_schema_reads() -> None:
    written = bench_records.record(7)
    assert written[:5] == b"\0\0\0\0\7"
    parsed = fastavro.parse_schema(json.loads(bench_records.schema()))
    read = fastavro.schemaless_reader(BytesIO(written[5:]), parsed, None)
    assert isinstance(read, dict)
    assert {len(value) for value in read.values()} == {64}
    assert 900 < len(written) < 1100


@pytest.mark.parametrize(
    ("snapshots", "moved"),
    [
        # All there at once.
        ([(102.0, 500)], (400, 2.0)),
        ([(102.0, 300), (104.0, 500)], (400, 4.0)),
        # From the first to the one before the last.
        ([(103.0, 200), (105.0, 400), (107.0, 600), (109.0, 610)], (400, 4.0)),
    ],
)
def test_a_sinks_rate_is_that_of_its_steady_part(snapshots: list[tuple[float, int]], moved: tuple[int, float]) -> None:
    assert bench_sink.rate(snapshots, 100.0, 100) == moved


RUNS: list[Measures] = [
    {"records": 100, "moved": 100, "seconds": seconds, "brokers_us": 1000.0, "worker_us": 2000.0}
    for seconds in (1.0, 2.0, 4.0)
]


def test_a_side_is_told_by_its_medians() -> None:
    assert summary(RUNS) == {
        "records_per_second": 50,
        "records_per_second_range": [25, 100],
        "brokers_us_per_record": 10,
        "worker_us_per_record": 20,
    }


def test_people_see_both_sides_and_the_ratio() -> None:
    sides = [
        {"name": PLATFORM, **summary(RUNS), "delay_p50_ms": 30.0, "delay_p99_ms": 90.0, "mb_per_second": 0.1},
        {
            "name": BY_HAND,
            **summary(RUNS[:1]),
            "delay_p50_ms": 20.0,
            "delay_p99_ms": 45.0,
            "mb_per_second": 0.1,
        },
    ]
    for bench in (bench_outbox, bench_sink):
        document = {"record_bytes": 1024, "runs": 3, "sides": sides, "ratios": bench.ratios(sides)}
        with Path(os.devnull).open("w") as nowhere:
            console = Console(record=True, width=160, file=nowhere)
            bench.show(document, console)
            said = console.export_text()
        assert "50 (25 to 100)" in said
        assert "0.50" in said
    assert bench_outbox.ratios(sides)["delay_p99_ms"] == 2.0


def test_a_worker_by_hand_has_kafka_connects_defaults() -> None:
    settings = worker_properties("b:1", 8083, Path("/home"), 3)
    assert {name for name in settings if "ssl" in name or "sasl" in name or "exactly" in name} == set()
    assert settings["plugin.path"] == "/home/plugins"
    assert settings["config.storage.replication.factor"] == "3"
