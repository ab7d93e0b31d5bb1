"""The dead letter topic: records that can't be processed, byte for byte, with what is known about why."""

import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from pyairtable_events.bus import EventBus
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import MalformedRecord, RecordTooLarge, Rejected
from pyairtable_events.record import Delivery, Headers, Outgoing, Record
from pyairtable_events.text import text_of

TOPIC: Final = "pyairtable.dlq.events"
PARKED: Final = "com.pyairtable.dlq.events.RecordParked"
RESOLVED: Final = "com.pyairtable.dlq.events.RecordResolved"

HEADER_TOPIC: Final = "dlq.original.topic"
HEADER_PARTITION: Final = "dlq.original.partition"
HEADER_OFFSET: Final = "dlq.original.offset"
HEADER_GROUP: Final = "dlq.consumer.group"
HEADER_CLASS: Final = "dlq.exception.class"
HEADER_MESSAGE: Final = "dlq.exception.message"
HEADER_ATTEMPTS: Final = "dlq.attempts"

_LONGEST_MESSAGE: Final = 2000
_LONGEST_TRACE: Final = 8000


class ErrorKind(StrEnum):
    """Why a record can't be processed, as the schema names it."""

    DESERIALIZATION = "DESERIALIZATION"
    VALIDATION = "VALIDATION"
    PROCESSING = "PROCESSING"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What happened to a record."""

    error: BaseException
    attempts: int
    first_failed_at: datetime

    @property
    def kind(self) -> ErrorKind:
        """Why, as far as the exception's class tells."""
        if isinstance(self.error, MalformedRecord):
            return ErrorKind.DESERIALIZATION
        return ErrorKind.VALIDATION if isinstance(self.error, Rejected) else ErrorKind.PROCESSING

    @property
    def exception_class(self) -> str:
        """The exception's full name."""
        kind = type(self.error)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

    @property
    def message(self) -> str:
        """The exception's text, cut where it is very long."""
        return text_of(str(self.error))[:_LONGEST_MESSAGE]

    @property
    def trace(self) -> str:
        """Its last calls, cut where they are very many."""
        return text_of("".join(traceback.format_exception(self.error)))[-_LONGEST_TRACE:]


def parked_id(record: Record, group: str) -> UUID:
    """Return the id under which a group parks a record: the same when it does so twice."""
    return uuid5(NAMESPACE_URL, f"kafka:{record.topic}/{record.partition}/{record.offset}#{group}")


def park(bus: EventBus, group: str, record: Record, failure: Failure, event: Event | None) -> Delivery:
    """Publish a record to the dead letter topic and wait for the confirmation.

    ``event`` is what the record was decoded to, None when it couldn't be. Where the topic has no room for it with its
    stack trace, it goes without. Raises PublishFailed, RecordTooLarge where that isn't enough, RegistryUnavailable.
    """
    try:
        return bus.send(parked(bus, group, record, failure, event)).result()
    except RecordTooLarge:
        return bus.send(parked(bus, group, record, failure, event, traced=False)).result()


def park_at_once(bus: EventBus, group: str, record: Record, error: Exception, event: Event | None) -> Delivery:
    """Park a record that another attempt wouldn't change, as ``park`` does."""
    return park(bus, group, record, Failure(error=error, attempts=1, first_failed_at=datetime.now(UTC)), event)


def parked(
    bus: EventBus, group: str, record: Record, failure: Failure, event: Event | None, *, traced: bool = True
) -> Outgoing:
    """Return the dead letter of a record, without its stack trace unless ``traced``."""
    said = event.envelope if event is not None else None
    envelope = Envelope(
        id=parked_id(record, group),
        type=PARKED,
        source=bus.service,
        tenant=said.tenant if said else None,
        correlation_id=said.correlation if said else None,
        causation_id=said.id if said else None,
    )
    payload = {
        "origin": origin(record),
        "key": record.key,
        "value": record.value,
        "headers": [{"key": name, "value": value} for name, value in record.headers],
        "consumer_group": group,
        "error": {
            "kind": failure.kind.value,
            "exception": failure.exception_class,
            "message": failure.message,
            "stack_trace": failure.trace if traced else None,
        },
        "attempts": failure.attempts,
        "first_failed_at": failure.first_failed_at,
        "parked_at": datetime.now(UTC),
    }
    # One source partition's dead letters have one key, so they keep their order.
    letter = Event(envelope=envelope, payload=payload, key=f"{record.topic}/{record.partition}")
    outgoing = bus.outgoing(TOPIC, letter)
    return Outgoing(
        topic=outgoing.topic,
        value=outgoing.value,
        key=outgoing.key,
        headers=(*outgoing.headers, *error_headers(group, record, failure)),
    )


def error_headers(group: str, record: Record, failure: Failure) -> Headers:
    """Return the headers that say where a dead letter comes from and why, for tools that don't read Avro."""
    values = {
        HEADER_TOPIC: record.topic,
        HEADER_PARTITION: str(record.partition),
        HEADER_OFFSET: str(record.offset),
        HEADER_GROUP: group,
        HEADER_CLASS: failure.exception_class,
        HEADER_MESSAGE: failure.message,
        HEADER_ATTEMPTS: str(failure.attempts),
    }
    return tuple((name, value.encode()) for name, value in values.items())


def origin(record: Record) -> dict[str, Any]:
    """Return where a record stands, as the schema has it."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset, "timestamp": record.time}
