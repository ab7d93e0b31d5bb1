"""Dead letters, looked at and sent back to where they came from.

Both need what no single service has: reading the dead letter topic and writing to the topics the records came from. An
operator does it, with credentials that may.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import PARKED, RESOLVED, TOPIC
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import BusFailed, MalformedRecord
from pyairtable_events.record import LARGEST_RECORD, EndOfPartition, Headers, Outgoing, Partition, Record

log = logging.getLogger(__name__)

_READ_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A parked record that nobody has decided about."""

    id: UUID
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    consumer_group: str
    exception: str
    message: str
    attempts: int
    parked_at: datetime


def dead_letters(bus: EventBus) -> tuple[DeadLetter, ...]:
    """Return the parked records that no RecordResolved speaks of, oldest first per partition of the topic.

    What stands in the topic and is no event is passed over with a warning. Raises BusFailed, RegistryUnavailable.
    """
    parked: dict[UUID, DeadLetter] = {}
    resolved: set[UUID] = set()
    for record in read_to_end(bus, TOPIC):
        try:
            event = bus.serde.decode(record)
        except MalformedRecord as error:
            log.warning("%s-%d@%d is passed over: %s", record.topic, record.partition, record.offset, error)
            continue
        if event.type == PARKED:
            parked.setdefault(event.id, _dead_letter(event))
        elif event.type == RESOLVED:
            resolved.add(event.payload["parked_id"])
    return tuple(letter for letter in parked.values() if letter.id not in resolved)


def redrive(bus: EventBus, letters: Sequence[DeadLetter], *, by: str, note: str | None = None) -> int:
    """Send records back to their topics, byte for byte, and mark them as replayed; return how many.

    Each goes back and is marked in one transaction of Kafka, so none goes back twice; what somebody has decided about
    meanwhile is left out. All groups of the topic see it again; those that have processed it know its id.
    Raises PublishFailed for a record that its topic doesn't take, BusFailed, and Fenced when another redrive has begun.
    """
    producer = bus.log.transactional_producer(f"{bus.service}-redrive", largest=LARGEST_RECORD)
    try:
        # Read once no other redrive can write any more: what it sent back isn't open.
        still_open = {letter.id for letter in dead_letters(bus)}
        chosen = [letter for letter in letters if letter.id in still_open]
        for letter in chosen:
            producer.begin()
            producer.send(Outgoing(topic=letter.topic, value=letter.value, key=letter.key, headers=letter.headers))
            producer.send(bus.outgoing(TOPIC, _resolved(bus.service, letter, by, note)))
            producer.commit()
    finally:
        producer.close()
    return len(chosen)


def read_to_end(bus: EventBus, topic: str) -> Iterator[Record]:
    """Yield what a topic holds now, from its beginning. Raises BusFailed.

    The group is this call's own, so that two who read at a time don't share the partitions; it commits nothing, and the
    brokers forget it when it is left.
    """
    group = f"{bus.service}-reader-{uuid4().hex}"
    consumer = bus.log.consumer(group)
    ends: dict[Partition, int] = {}
    known = False

    def assigned(partitions: Sequence[Partition]) -> None:
        nonlocal known
        known = True
        ends.update({partition: consumer.end(partition) for partition in partitions})

    def gone(_partitions: Sequence[Partition]) -> None:
        raise BusFailed(f"another reader has joined the group {group}: one at a time reads {topic}")

    ignored: Callable[[Sequence[Partition]], None] = lambda _partitions: None  # noqa: E731
    consumer.subscribe([topic], assigned=assigned, revoked=ignored, lost=gone)
    deadline = time.monotonic() + _READ_SECONDS
    try:
        while ends or not known:
            if time.monotonic() > deadline:
                raise BusFailed(f"{topic} couldn't be read to its end within {_READ_SECONDS:.0f} s")
            found = consumer.poll(0.5)
            if isinstance(found, Record):
                yield found
                deadline = time.monotonic() + _READ_SECONDS
            elif isinstance(found, EndOfPartition) and found.offset >= ends.get(found.partition, 0):
                ends.pop(found.partition, None)
    finally:
        consumer.close()


def _dead_letter(event: Event) -> DeadLetter:
    said, origin, error = event.payload, event.payload["origin"], event.payload["error"]
    return DeadLetter(
        id=event.id,
        topic=origin["topic"],
        partition=origin["partition"],
        offset=origin["offset"],
        key=said["key"],
        value=said["value"],
        headers=tuple((header["key"], header["value"]) for header in said["headers"]),
        consumer_group=said["consumer_group"],
        exception=error["exception"],
        message=error["message"],
        attempts=said["attempts"],
        parked_at=said["parked_at"],
    )


def _resolved(service: str, letter: DeadLetter, by: str, note: str | None) -> Event:
    envelope = Envelope(
        id=uuid5(NAMESPACE_URL, f"{letter.id}#resolved"), type=RESOLVED, source=service, causation_id=letter.id
    )
    payload = {
        "parked_id": letter.id,
        "origin": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        "resolution": "REPLAYED",
        "resolved_by": by,
        "note": note,
    }
    return Event(envelope=envelope, payload=payload, key=f"{letter.topic}/{letter.partition}")
