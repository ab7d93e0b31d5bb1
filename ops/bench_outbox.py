"""``ops bench outbox``: from a commit in PostgreSQL to the record in Kafka, beside Debezium set up by hand."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import Consumer, Message, TopicPartition
from rich.console import Console
from rich.table import Table

from config.literals import DEAD_LETTERS
from lab.plan import HOST
from ops.bench_flow import (
    RECORD_BYTES,
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
from ops.connect_stack import AGGREGATE, PARTITIONS, TOPIC, check, connected, overlay, secret
from ops.failure import Failure
from ops.load import percentile
from ops.progress import Reporter
from ops.stack import Engine
from ops.throwaway_postgres import Server
from ops.throwaway_store import OUTBOX, database, make_role

CONNECTOR: Final = "bench-outbox"
ROWS: Final = 20_000
TRANSACTION: Final = 100
"""Rows of one transaction where the rate is measured."""
PACE: Final = 100
"""Rows a second, each in a transaction of its own, where the delay is."""
_DELAY_SECONDS: Final = 15
_COMPARED: Final = (
    "records_per_second",
    "delay_p50_ms",
    "delay_p99_ms",
    "worker_us_per_record",
    "brokers_us_per_record",
)
_SILENCE: Final = 60.0
"""Seconds without a record after which the rest is given up."""
_AGGREGATES: Final = 100
_INSERT: Final = """
INSERT INTO outbox SELECT gen_random_uuid(), %s, (row %% %s)::text, 'BenchHappened',
  convert_to((SELECT string_agg(md5(row || '-' || part), '') FROM generate_series(1, %s) part), 'UTF8')
FROM generate_series(1, %s) row"""
_INSERT_ONE: Final = "INSERT INTO outbox VALUES (gen_random_uuid(), %s, %s, 'BenchHappened', %s)"
_STAMP: Final = 20
"""Digits at the beginning of a payload that hold the time before its transaction, in nanoseconds."""


def declaration(port: int, ca_pem: str) -> dict[str, Any]:
    """Return the connector as a stack declares it; ``port`` is the database's."""
    return {
        "name": CONNECTOR,
        "plugin": "debezium-postgres",
        "value_format": "bytes",
        "dead_letters": DEAD_LETTERS,
        "outbox": {
            "host": str(HOST),
            "port": port,
            "database": "postgres",
            "user": "outbox_reader",
            "ca_pem": ca_pem,
            "aggregates": [AGGREGATE],
            "create_publication": False,
        },
        "secrets": {"database.password": CONNECTOR},
    }


def hand_config(server: Server) -> dict[str, str]:
    """Return the connector as Debezium's documentation has it, with its defaults and over loopback without TLS."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(server.port),
        "database.user": "test",
        "database.password": "none",
        "database.dbname": "postgres",
        "database.sslmode": "disable",
        "topic.prefix": CONNECTOR,
        "table.include.list": "public.outbox",
        "publication.autocreate.mode": "filtered",
        "tombstones.on.delete": "false",
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.route.topic.replacement": TOPIC,
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    }


def run(engine: Engine, reporter: Reporter, *, rows: int = ROWS, runs: int = 3) -> dict[str, Any]:
    """Compare; each side has a database of its own. Raises Failure where the stack can't have Kafka Connect."""
    check(engine)
    with engine.workspace.locked("bench outbox"), _sides(engine, reporter) as sides:
        fast = take_turns(sides, runs, f"{rows} rows", reporter, lambda side: _throughput(side, rows))
        paced = take_turns(sides, runs, f"{PACE} rows/s", reporter, _delay)
    found = []
    for side in sides:
        delays = {
            f"delay_{name}_ms": round(statistics.median(one[name] for one in paced[side.name]), 1)
            for name in ("p50", "p99")
        }
        found.append({"name": side.name, **summary(fast[side.name]), **delays})
    return {"rows": rows, "record_bytes": RECORD_BYTES, "runs": runs, "sides": found, "ratios": ratios(found)}


def ratios(sides: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the platform's figures over those by hand."""
    return by_hand_ratios(sides, _COMPARED)


@contextmanager
def _sides(engine: Engine, reporter: Reporter) -> Iterator[list[Side]]:
    with TemporaryDirectory(prefix="kafka-platform-") as name, ExitStack() as running:
        ours, ca_pem = running.enter_context(database(Path(name)))
        theirs, _ = running.enter_context(database(Path(name)))
        for server in (ours, theirs):
            with server.connect(autocommit=True) as connection:
                connection.execute(OUTBOX)
        with ours.connect(autocommit=True) as connection:
            make_role(connection, "outbox_reader", "REPLICATION", secret(engine, CONNECTOR))
            connection.execute("GRANT SELECT ON outbox TO outbox_reader")
            publication = f"connect_{CONNECTOR.replace('-', '_')}"
            connection.execute(f"CREATE PUBLICATION {publication} FOR TABLE outbox".encode())
        hand = running.enter_context(by_hand(engine.workspace, reporter))
        egress = [{"cidr": f"{HOST}/32", "port": ours.port}]
        document = overlay([declaration(ours.port, ca_pem)], egress)
        stack = running.enter_context(connected(engine, reporter, document))
        hand.worker.rest.put(CONNECTOR, hand_config(theirs))
        started(hand.worker.rest, CONNECTOR)
        yield [platform_side(stack, CONNECTOR, ours), hand_side(hand, CONNECTOR, theirs)]


def _throughput(side: Side, rows: int) -> Measures:
    """Commit rows as fast as the database takes them, and measure until the last one is a record."""
    spent: dict[str, float] = {}
    with _records(side) as read, side.database.connect() as connection, side.spending(spent):
        begin = time.time()
        arrived = _beside(lambda: _write(connection, rows), lambda: read(rows))
    return {"records": rows, "moved": rows, "seconds": arrived[-1][0] - begin, **spent}


def _beside(write: Callable[[], None], read: Callable[[], "Arrived"]) -> "Arrived":
    """Read while another thread writes; what it fails with is told before what is missing for it."""
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            return read()
        finally:
            writing.result()


def _write(connection: Any, rows: int) -> None:
    for begun in range(0, rows, TRANSACTION):
        count = min(TRANSACTION, rows - begun)
        connection.execute(_INSERT, (AGGREGATE, _AGGREGATES, RECORD_BYTES // 32, count))
        connection.commit()


def _delay(side: Side) -> Measures:
    """Commit rows one by one at a steady pace; a row holds the time just before its transaction."""
    count = PACE * _DELAY_SECONDS
    with _records(side) as read, side.database.connect() as connection:
        begin = time.time()
        arrived = _beside(lambda: _pace(connection, count), lambda: read(count))
    delays = sorted((at - int(value[:_STAMP]) / 1e9) * 1000 for at, value in arrived)
    seconds = arrived[-1][0] - begin
    quantiles = {"p50": percentile(delays, 0.5), "p99": percentile(delays, 0.99)}
    return {"records": count, "moved": count, "seconds": seconds, **quantiles}


def _pace(connection: Any, count: int) -> None:
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number / PACE - time.monotonic()))
        payload = f"{time.time_ns():0{_STAMP}d}".encode() + os.urandom(RECORD_BYTES // 2).hex().encode()
        connection.execute(_INSERT_ONE, (AGGREGATE, str(number % _AGGREGATES), payload[:RECORD_BYTES]))
        connection.commit()


Arrived = list[tuple[float, bytes]]
"""Time of arrival and value of each record, in the order of their arrival."""
Read = Callable[[int], Arrived]
"""Waits for so many records."""


@contextmanager
def _records(side: Side) -> Iterator[Read]:
    """Read the topic from its present end on, what is committed only, as consumers do by default."""
    consumer = Consumer(
        {**side.settings, "group.id": f"bench-{uuid4().hex}", "enable.auto.commit": False, "fetch.wait.max.ms": 10}
    )

    def read(count: int) -> Arrived:
        arrived: Arrived = []
        heard = time.monotonic()
        while len(arrived) < count:
            messages: list[Message] = consumer.consume(1000, 0.01)
            now = time.time()
            for message in messages:
                if problem := message.error():
                    raise Failure(f"the records of the bench can't be read ({side.name}): {problem.str()}")
                arrived.append((now, message.value() or b""))
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENCE:
                said = f"only {len(arrived)} of {count} rows became records ({side.name})"
                raise Failure(said, f"ask the worker for the status of {side.connector}")
        return arrived

    try:
        assigned = []
        for number in range(PARTITIONS):
            _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=20)
            assigned.append(TopicPartition(TOPIC, number, end))
        consumer.assign(assigned)
        yield read
    finally:
        consumer.close()


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    table = Table(
        f"outbox, rows of {document['record_bytes']} B",
        "rows/s",
        f"delay at {PACE} rows/s, p50 / p99",
        "worker, µs/row",
        "brokers, µs/row",
        box=None,
    )
    for side in document["sides"]:
        least, most = side["records_per_second_range"]
        table.add_row(
            side["name"],
            f"{side['records_per_second']:,} ({least:,} to {most:,})",
            f"{side['delay_p50_ms']} / {side['delay_p99_ms']} ms",
            str(side["worker_us_per_record"]),
            str(side["brokers_us_per_record"]),
        )
    ratio = document["ratios"]
    table.add_row(
        "ratio",
        f"{ratio['records_per_second']:.2f}",
        f"{ratio['delay_p50_ms']:.2f} / {ratio['delay_p99_ms']:.2f}",
        *(f"{ratio[key]:.2f}" if key in ratio else "-" for key in ("worker_us_per_record", "brokers_us_per_record")),
    )
    console.print(table)
    console.print(
        f"medians of {document['runs']} runs, in brackets the least and the most; µs are of processor time",
        soft_wrap=True,
    )
