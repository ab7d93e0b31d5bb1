"""The transactional outbox: events are rows of the caller's own transaction, so they exist if and only if it commits.

Debezium's outbox event router publishes them, or this package's polling publisher where there is no Connect. Rows hold
finished Avro: what doesn't fit its topic's schema fails inside the transaction, where it can still be taken back.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from pyairtable_events.envelope import Event
from pyairtable_events.errors import OutboxMisuse
from pyairtable_events.serde import Serde

LARGEST_PAYLOAD: Final = 900_000
"""Bytes of an event: a row that Kafka's default ``max.message.bytes`` would refuse could never be published."""

_TOPIC: Final = re.compile(r"pyairtable\.([a-z][a-z0-9-]*)\.events")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_COLUMNS: Final = (
    "id",
    "aggregatetype",
    "aggregateid",
    "type",
    "payload",
    "source",
    "tenant",
    "correlation_id",
    "causation_id",
    "occurred_at",
    "tracingspancontext",
)


def topic_of(aggregatetype: str) -> str:
    """Return the topic of an aggregate type, as the connector's ``route.topic.replacement`` makes it."""
    return f"pyairtable.{aggregatetype}.events"


def aggregatetype_of(topic: str) -> str:
    """Return a topic's aggregate type; raises OutboxMisuse for a topic that isn't ``pyairtable.<family>.events``."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise OutboxMisuse(f"the outbox can't reach {topic!r}: a topic is called pyairtable.<family>.events")
    return match[1]


@dataclass(frozen=True)
class OutboxWriter:
    """Writes events into ``outbox``; threads may share it."""

    serde: Serde

    def write(
        self, connection: psycopg.Connection[Any], topic: str, *events: Event, traceparent: str | None = None
    ) -> None:
        """Insert events into the caller's transaction.

        Until that ends, nobody else writes events of the same aggregates (see migrations/outbox.sql). Two transactions
        that write for several aggregates in different orders may deadlock; PostgreSQL then fails one.
        Raises OutboxMisuse, SerializationFailed, RegistryUnavailable, and what psycopg raises.
        """
        _in_transaction(connection)
        rows = self._rows(topic, events, traceparent)
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows)

    async def write_async(
        self, connection: psycopg.AsyncConnection[Any], topic: str, *events: Event, traceparent: str | None = None
    ) -> None:
        """Insert events into the caller's transaction, see ``write``."""
        _in_transaction(connection)
        if not self.serde.prepared(topic):
            await asyncio.to_thread(self.serde.prepare, topic)
        rows = self._rows(topic, events, traceparent)
        async with connection.cursor() as cursor:
            await cursor.executemany(_INSERT, rows)

    def _rows(self, topic: str, events: Sequence[Event], traceparent: str | None) -> list[tuple[object, ...]]:
        """Return the rows, aggregate after aggregate so that two calls lock in the same order."""
        aggregatetype = aggregatetype_of(topic)
        if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
            raise OutboxMisuse(f"{traceparent!r} is no W3C traceparent")
        rows: list[tuple[object, ...]] = []
        for event in sorted(events, key=_aggregate):
            payload = self.serde.encode(topic, event)
            if len(payload) > LARGEST_PAYLOAD:
                text = f"{event.type} has {len(payload)} bytes, allowed are {LARGEST_PAYLOAD}"
                raise OutboxMisuse(f"{text}: store the bulk elsewhere, and say where it is")
            said = event.envelope
            context = None if traceparent is None else f"traceparent={traceparent}"
            where = (event.id, aggregatetype, _aggregate(event), event.type, payload)
            why = (said.source, said.tenant, said.correlation, said.causation_id, said.time, context)
            rows.append((*where, *why))
        return rows


@dataclass(frozen=True, kw_only=True)
class OutboxRow:
    """A row as the publisher reads it."""

    id: UUID
    aggregatetype: str
    aggregateid: str
    type: str
    payload: bytes
    source: str
    tenant: str | None
    correlation_id: UUID
    causation_id: UUID | None
    occurred_at: Any
    tracingspancontext: str | None


def read_rows(connection: psycopg.Connection[Any], shards: Sequence[int], limit: int) -> list[OutboxRow]:
    """Return the oldest rows of each shard, at most ``limit`` per shard, in the order they are to be published."""
    found = connection.execute(_SELECT, (list(shards), limit)).fetchall()
    return [OutboxRow(**dict(zip(_COLUMNS, row, strict=True))) for row in found]


def _aggregate(event: Event) -> str:
    return event.key or str(event.id)


def _in_transaction(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    status = connection.info.transaction_status
    if connection.autocommit and status is TransactionStatus.IDLE:
        raise OutboxMisuse("the connection is in no transaction: write inside `with connection.transaction():`")


_INSERT: Final = (
    f"INSERT INTO outbox ({', '.join(_COLUMNS)})"  # noqa: S608 names of this file only
    f" VALUES ({', '.join(['%s'] * len(_COLUMNS))})"
).encode()
_SELECT: Final = (
    f"SELECT {', '.join(_COLUMNS)} FROM unnest(%s::smallint[]) AS one(number) CROSS JOIN LATERAL"  # noqa: S608 as above
    " (SELECT * FROM outbox WHERE shard = one.number ORDER BY position LIMIT %s) AS oldest ORDER BY position"
).encode()
