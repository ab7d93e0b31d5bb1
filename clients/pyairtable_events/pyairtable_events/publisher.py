"""Publishes the outbox without Kafka Connect: at least once, in order per aggregate, several publishers side by side.

A publisher takes shards of the aggregates by advisory locks that last as long as its transaction, publishes the shards'
oldest rows in order and deletes them once they are confirmed. Killed anywhere, it leaves its locks to the next one, who
publishes what wasn't deleted: a row may come twice, never out of order and never not at all.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from pyairtable_events.envelope import Envelope
from pyairtable_events.errors import BusFailed, PublishFailed, Unavailable
from pyairtable_events.outbox import OutboxRow, read_rows, topic_of
from pyairtable_events.record import Delivery, Headers, Log, Outgoing, Producer
from pyairtable_events.retry import RetryPolicy

log = logging.getLogger(__name__)

SHARDS: Final = 64
"""As many as the column ``shard`` has values; no more publishers than that can work at a time."""
_LOCK_SPACE: Final = 0x6F75
"""First key of the advisory locks, whose second one is the shard."""
_SHARDS_AT_ONCE: Final = 16
"""Shards of one transaction: enough to fill a batch when each has few rows, few enough to leave some to others."""
_CONFIRMATION_SECONDS: Final = 30.0
_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5


@dataclass(frozen=True)
class Published:
    """What one round over the shards did."""

    rows: int
    """Confirmed and deleted."""
    shards: int
    """Shards they came from: those with rows that no other publisher had."""


class OutboxPublisher:
    """Publishes rows of ``outbox``; one thread runs it."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        bus: Log,
        *,
        batch: int = 500,
        retry: RetryPolicy | None = None,
    ) -> None:
        """``connect`` opens a connection to the database of the outbox; ``batch`` bounds a transaction's rows.

        ``retry`` bounds how often in a row a round may fail before ``run`` gives up.
        """
        if batch < 1:
            raise ValueError("a batch has at least one row")
        self._connect = connect
        self._bus = bus
        self._batch = batch
        self._retry = retry or RetryPolicy(attempts=10)
        self._connection: psycopg.Connection[Any] | None = None
        self._producer: Producer | None = None

    def run(self, stop: threading.Event) -> int:
        """Publish until asked to stop, and return how many rows that were.

        Raises BusFailed or Unavailable when every try of the retry policy failed; the rows wait in the table.
        """
        count = failures = 0
        pause = _SHORTEST_PAUSE
        try:
            while not stop.is_set():
                try:
                    rows = self.round().rows
                except (BusFailed, PublishFailed, Unavailable) as error:
                    failures += 1
                    if failures >= self._retry.attempts:
                        raise
                    log.warning("the outbox waits: %s", error)
                    self._retry.wait(failures, stop)
                    continue
                count, failures = count + rows, 0
                pause = _SHORTEST_PAUSE if rows else min(pause * 2, _LONGEST_PAUSE)
                if not rows:
                    stop.wait(pause)
        finally:
            self.close()
        return count

    def round(self) -> Published:
        """Publish a batch of every shard that has rows and no other publisher.

        Raises Unavailable when the database is away, PublishFailed when Kafka refused or didn't confirm; rows that were
        confirmed before that are deleted, the others wait.
        """
        try:
            connection = self._open()
            waiting = _shards_with_rows(connection)
            # By chance, so that several publishers begin at different ends.
            random.shuffle(waiting)
            rows = taken = 0
            for begin in range(0, len(waiting), _SHARDS_AT_ONCE):
                done = self._publish(connection, waiting[begin : begin + _SHARDS_AT_ONCE])
                rows, taken = rows + done.rows, taken + done.shards
            return Published(rows, taken)
        except psycopg.OperationalError as error:
            self._forget_connection()
            raise Unavailable(f"the outbox's database: {str(error).strip() or type(error).__name__}") from error

    def close(self) -> None:
        """Drop the connections."""
        self._forget_connection()
        self._forget_producer(30)

    def _publish(self, connection: psycopg.Connection[Any], shards: list[int]) -> Published:
        """Publish a batch of those of the shards that no other publisher has."""
        with connection.transaction():
            taken = _take(connection, shards)
            # A statement of its own: it must see what the locks' last holders deleted.
            rows = read_rows(connection, taken, max(1, self._batch // len(taken))) if taken else []
            confirmed, failure = self._send(rows)
            connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", (confirmed,))
        if failure is not None:
            raise failure
        return Published(len(confirmed), len(taken))

    def _send(self, rows: Sequence[OutboxRow]) -> tuple[list[UUID], PublishFailed | None]:
        """Send rows in order; return the ids of the confirmed ones and the first failure."""
        if not rows:
            return [], None
        if self._producer is None:
            self._producer = self._bus.producer(gapless=True)
        futures: list[Future[Delivery]] = [self._producer.send(outgoing(row)) for row in rows]
        _, late = wait(futures, _CONFIRMATION_SECONDS)
        failure = next((error for one in futures if one not in late and (error := one.exception())), None)
        if failure is None and not late:
            return [row.id for row in rows], None
        # The rest may still be under way. It comes from a producer that sends nothing more, and its rows are published
        # again from the first one on: whatever arrives twice, the first arrivals are in order.
        self._forget_producer(0)
        confirmed = [row.id for row, one in zip(rows, futures, strict=True) if _was_confirmed(one)]
        text = f"no confirmation within {_CONFIRMATION_SECONDS:.0f} s" if failure is None else str(failure)
        return confirmed, PublishFailed(f"{len(rows) - len(confirmed)} rows of the outbox weren't confirmed: {text}")

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.autocommit = True
        return self._connection

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _forget_producer(self, timeout: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout)


def outgoing(row: OutboxRow) -> Outgoing:
    """Return the record of a row."""
    return Outgoing(
        topic=topic_of(row.aggregatetype),
        value=bytes(row.payload),
        key=row.aggregateid.encode(),
        headers=(*_envelope(row).headers(), *_trace(row.tracingspancontext)),
    )


def backlog(connection: psycopg.Connection[Any]) -> tuple[int, datetime | None]:
    """Return how many rows wait, and since when the oldest does."""
    row = connection.execute("SELECT count(*), min(created_at) FROM outbox").fetchone()
    return (row[0], row[1]) if row is not None else (0, None)


def _envelope(row: OutboxRow) -> Envelope:
    return Envelope(
        id=row.id,
        type=row.type,
        source=row.source,
        time=row.occurred_at,
        tenant=row.tenant,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
    )


def _trace(context: str | None) -> Headers:
    lines = (line.partition("=") for line in (context or "").splitlines())
    return tuple((name, value.encode()) for name, sign, value in lines if sign and name == "traceparent")


def _shards_with_rows(connection: psycopg.Connection[Any]) -> list[int]:
    """Return the shards that have rows, each found by one look at the index however many rows wait."""
    found = connection.execute(
        "SELECT one.shard FROM generate_series(0, %s) AS one(shard)"
        " WHERE EXISTS (SELECT FROM outbox WHERE outbox.shard = one.shard)",
        (SHARDS - 1,),
    )
    return [row[0] for row in found.fetchall()]


def _take(connection: psycopg.Connection[Any], shards: list[int]) -> list[int]:
    """Lock what nobody has of the shards until the transaction ends."""
    found = connection.execute(
        "SELECT one.shard FROM unnest(%s::int[]) AS one(shard) WHERE pg_try_advisory_xact_lock(%s, one.shard)",
        (shards, _LOCK_SPACE),
    )
    return [row[0] for row in found.fetchall()]


def _was_confirmed(future: "Future[Delivery]") -> bool:
    return future.done() and future.exception() is None
