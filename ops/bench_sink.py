"""``ops bench sink``: from a topic into an Iceberg table in an object store, beside the sink set up by hand."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pyiceberg.table import StaticTable
from rich.console import Console
from rich.table import Table

from config.literals import DEAD_LETTERS
from lab.plan import HOST
from ops.bench_flow import (
    Hand,
    Measures,
    Side,
    by_hand,
    by_hand_ratios,
    hand_side,
    platform_side,
    started,
    summary,
    take_turns,
)
from ops.bench_records import converter_settings, record, registered
from ops.connect_stack import TOPIC, check, connected, overlay, secret
from ops.failure import Failure
from ops.kafka import TIMEOUT, refusals
from ops.progress import Reporter
from ops.stack import Engine
from ops.throwaway_postgres import LOOPBACK, Server
from ops.throwaway_store import BUCKET, CATALOG, REGION, database, make_role, object_store
from resources.connect_rest import ConnectError
from resources.connector import TIMEOUT as TIMEOUT_SECONDS
from resources.connector import NotRunning, wait_until_stopped

CONNECTOR: Final = "bench-lake"
ROWS: Final = 300_000
COMMIT: Final = 2
"""Seconds between two commits of the table."""
_COMPARED: Final = ("records_per_second", "worker_us_per_record", "brokers_us_per_record")
_SILENCE: Final = 90.0
"""Seconds without a new row in the table after which the rest is given up."""
_CONTROL: Final = "control-iceberg"
_PACE: Final = 20
"""Records a second that go on coming while a sink is measured."""
_VARIANTS: Final = 64
"""Different records: enough that no compression finds repetitions within a batch."""

Snapshot = tuple[float, int]
"""When a snapshot of the table was made, in seconds, and how many rows it has."""


def rate(snapshots: Sequence[Snapshot], begin: float, rows: int) -> tuple[int, float]:
    """Return rows and seconds of the steady part of a run: from its first snapshot to the one before its last.

    What comes before is the start, and the last snapshot waits for its time though all rows are there. With fewer than
    three snapshots it is the whole run. ``snapshots`` are those since ``begin``, in their order; ``rows`` were in the
    table before.
    """
    if len(snapshots) < 3:
        at, there = snapshots[-1]
        return there - rows, at - begin
    (first, from_rows), (last, to_rows) = snapshots[0], snapshots[-2]
    return to_rows - from_rows, last - first


def declaration(port: int, store: str) -> dict[str, Any]:
    """Return the connector as a stack declares it; ``port`` is the catalogue's, ``store`` the object store's URL."""
    return {
        "name": CONNECTOR,
        "plugin": "iceberg-sink",
        "reads": [TOPIC],
        "value_format": "avro",
        "dead_letters": DEAD_LETTERS,
        "tolerate_errors": True,
        "iceberg": {
            "catalog": "jdbc",
            "uri": f"jdbc:postgresql://{HOST}:{port}/{CATALOG}",
            "user": "lake",
            "warehouse": f"s3://{BUCKET}/platform",
            "table": "lake.bench",
            "region": REGION,
            "endpoint": store,
            "commit_interval": f"{COMMIT}s",
        },
        "secrets": {
            "iceberg.catalog.jdbc.password": CONNECTOR,
            "iceberg.catalog.s3.access-key-id": f"{CONNECTOR}-id",
            "iceberg.catalog.s3.secret-access-key": f"{CONNECTOR}-key",
        },
    }


def hand_config(server: Server, store: str, registry: dict[str, str]) -> dict[str, str]:
    """Return the connector as Iceberg's documentation has it; ``registry`` are the settings of its converter.

    Except for one: its clients begin at the control topic's end, so a started task misses the first request to commit
    more often than not, and the default timeout of that commit, half a minute, would be most of what is measured.
    """
    return {
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": "1",
        "topics": TOPIC,
        "iceberg.tables": "lake.bench",
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.control.topic": _CONTROL,
        "iceberg.control.commit.interval-ms": str(COMMIT * 1000),
        "iceberg.control.commit.timeout-ms": str(2 * COMMIT * 1000),
        "iceberg.catalog": "bench",
        "iceberg.catalog.type": "jdbc",
        "iceberg.catalog.uri": f"jdbc:postgresql://{LOOPBACK}:{server.port}/{CATALOG}",
        "iceberg.catalog.jdbc.user": "lake",
        "iceberg.catalog.jdbc.password": "none",
        "iceberg.catalog.jdbc.schema-version": "V1",
        "iceberg.catalog.warehouse": f"s3://{BUCKET}/hand",
        "iceberg.catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "iceberg.catalog.http-client.type": "urlconnection",
        "iceberg.catalog.client.region": REGION,
        "iceberg.catalog.s3.endpoint": store,
        "iceberg.catalog.s3.path-style-access": "true",
        "iceberg.catalog.s3.access-key-id": "any",
        "iceberg.catalog.s3.secret-access-key": "any",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        **{f"value.converter.{name}": value for name, value in registry.items()},
    }


def run(engine: Engine, reporter: Reporter, *, rows: int = ROWS, runs: int = 3) -> dict[str, Any]:
    """Compare; both sides have a catalogue of their own and share store and registry. Raises Failure as ``outbox``."""
    check(engine)
    with engine.workspace.locked("bench sink"), _sides(engine, reporter) as (sides, schema_id):
        records = [record(schema_id) for _ in range(_VARIANTS)]
        size = len(records[0])
        seen = take_turns(sides, runs, f"{rows} records", reporter, lambda side: _once(side, records, rows))
    found = [{"name": side.name, **_megabytes(summary(seen[side.name]), size)} for side in sides]
    return {"rows": rows, "record_bytes": size, "runs": runs, "sides": found, "ratios": ratios(found)}


def _megabytes(found: dict[str, Any], size: int) -> dict[str, Any]:
    return {**found, "mb_per_second": round(found["records_per_second"] * size / 1e6, 1)}


def ratios(sides: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the platform's figures over those by hand."""
    return by_hand_ratios(sides, _COMPARED)


@contextmanager
def _sides(engine: Engine, reporter: Reporter) -> Iterator[tuple[list[Side], int]]:
    with TemporaryDirectory(prefix="kafka-platform-") as name, ExitStack() as running:
        ours, _ = running.enter_context(database(Path(name)))
        theirs, _ = running.enter_context(database(Path(name)))
        store = running.enter_context(object_store())
        for server, password in ((ours, secret(engine, CONNECTOR)), (theirs, "none")):
            with server.connect(autocommit=True) as connection:
                make_role(connection, "lake", "", password)
                connection.execute(f"CREATE DATABASE {CATALOG} OWNER lake".encode())
        hand = running.enter_context(by_hand(engine.workspace, reporter))
        egress = [{"cidr": f"{HOST}/32", "port": int(port)} for port in (ours.port, store.rpartition(":")[2])]
        stack = running.enter_context(connected(engine, reporter, overlay([declaration(ours.port, store)], egress)))
        schema_id = running.enter_context(registered(stack))
        _start_by_hand(hand, hand_config(theirs, store, converter_settings(stack, Path(name))))
        yield [platform_side(stack, CONNECTOR, ours, store), hand_side(hand, CONNECTOR, theirs, store)], schema_id


def _start_by_hand(hand: Hand, config: dict[str, str]) -> None:
    with refusals(hand.brokers.settings["bootstrap.servers"]):
        admin = AdminClient(dict(hand.brokers.settings))
        # The sink makes no topic.
        admin.create_topics([NewTopic(_CONTROL, 1, 3)], operation_timeout=TIMEOUT)[_CONTROL].result()
    hand.worker.rest.put(CONNECTOR, config)
    started(hand.worker.rest, CONNECTOR)


def _once(side: Side, records: Sequence[bytes], rows: int) -> Measures:
    """Let the sink rest while records gather, then measure how fast they get into the table."""
    before = sum(there for _, there in snapshots(side)[-1:])
    _stop(side)
    _produce(side, records, rows)
    spent: dict[str, float] = {}
    with side.spending(spent):
        begin = time.time()
        side.rest.resume(side.connector)
        with _still_coming(side, records[0]):
            found = _wait(side, begin, before + rows)
    moved, seconds = rate(found, begin, before)
    return {"records": moved, "moved": rows, "seconds": seconds, **spent}


def _stop(side: Side) -> None:
    """End the sink's tasks: paused ones would leave a commit that has begun unanswered for half a minute."""
    try:
        side.rest.stop(side.connector)
        wait_until_stopped(side.rest, side.connector, TIMEOUT_SECONDS)
    except (NotRunning, ConnectError) as error:
        raise Failure(f"{side.connector} does not stop ({side.name}): {error}") from None


@contextmanager
def _still_coming(side: Side, value: bytes) -> Iterator[None]:
    """Let records come meanwhile, as they do: a sink's task that has read everything doesn't look at the committer's
    requests before Kafka Connect wakes it, every ``offset.flush.interval.ms``, and a commit without its answer waits
    for half a minute.
    """
    over = threading.Event()

    def produce() -> None:
        producer = Producer(dict(side.settings))
        while not over.wait(1 / _PACE):
            producer.produce(TOPIC, value)
            producer.poll(0)
        producer.flush(TIMEOUT)

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _produce(side: Side, records: Sequence[bytes], rows: int) -> None:
    producer = Producer({**side.settings, "acks": "all", "linger.ms": 20, "queue.buffering.max.messages": 20_000})
    for number in range(rows):
        while True:
            try:
                producer.produce(TOPIC, records[number % len(records)], key=str(number))
                break
            except BufferError:
                producer.poll(0.1)
    if left := producer.flush(60):
        raise Failure(f"{left} records of the bench were not acknowledged ({side.name})")


def snapshots(side: Side) -> list[Snapshot]:
    """Return the snapshots of a side's table, none before it is made."""
    with psycopg.connect(side.database.dsn.replace("dbname=postgres", f"dbname={CATALOG}")) as connection:
        there = connection.execute("SELECT to_regclass('iceberg_tables')").fetchone()
        if there is None or there[0] is None:
            return []
        found = connection.execute("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'bench'").fetchone()
    if found is None or found[0] is None:
        return []
    keys = {"s3.access-key-id": "any", "s3.secret-access-key": "any", "s3.region": REGION}
    table = StaticTable.from_metadata(found[0], properties={"s3.endpoint": side.store, **keys})
    return [
        (one.timestamp_ms / 1000, int(one.summary["total-records"] or 0))
        for one in table.metadata.snapshots
        if one.summary is not None
    ]


def _wait(side: Side, begin: float, rows: int) -> list[Snapshot]:
    """Wait until the table has so many rows; return the snapshots that were made since."""
    heard, last = time.monotonic(), 0
    while True:
        found = [one for one in snapshots(side) if one[0] > begin]
        there = found[-1][1] if found else 0
        if there >= rows:
            return found
        if there > last:
            heard, last = time.monotonic(), there
        elif time.monotonic() - heard > _SILENCE:
            said = f"the table has {there} of {rows} rows ({side.name})"
            raise Failure(said, f"ask the worker for the status of {side.connector}")
        # Each look reads the table's metadata from the same store.
        time.sleep(COMMIT)


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    table = Table(
        f"lake, Avro records of {document['record_bytes']} B",
        "records/s",
        "MB/s",
        "worker, µs/record",
        "brokers, µs/record",
        box=None,
    )
    for side in document["sides"]:
        least, most = side["records_per_second_range"]
        table.add_row(
            side["name"],
            f"{side['records_per_second']:,} ({least:,} to {most:,})",
            str(side["mb_per_second"]),
            str(side["worker_us_per_record"]),
            str(side["brokers_us_per_record"]),
        )
    ratio = document["ratios"]
    shown = {key: f"{ratio[key]:.2f}" if key in ratio else "-" for key in _COMPARED}
    table.add_row(
        "ratio", shown["records_per_second"], shown["records_per_second"], *(shown[key] for key in _COMPARED[1:])
    )
    console.print(table)
    console.print(
        f"medians of {document['runs']} runs, in brackets the least and the most; µs are of processor time",
        soft_wrap=True,
    )
