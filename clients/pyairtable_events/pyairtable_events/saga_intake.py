"""Brings what other services say into the log of sagas: what starts one, and what answers a command.

An entry and the offset of the event it came from are committed by one transaction (KIP-447), so each event counts once.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import park_at_once
from pyairtable_events.envelope import Event
from pyairtable_events.errors import RecordTooLarge, Unavailable
from pyairtable_events.record import Consumer, EndOfPartition, Outgoing, Partition, Record, TransactionalProducer
from pyairtable_events.saga import SagaDefinition, entries_of
from pyairtable_events.saga_log import TOPIC, thread_of, to_event

log = logging.getLogger(__name__)

_BATCH: Final = 200
_COMMIT_SECONDS: Final = 1.0


@dataclass(frozen=True)
class _Read:
    """A record, and what it means to sagas."""

    record: Record
    event: Event | None
    """None for bytes that are none."""
    entries: tuple[Outgoing, ...] = ()


class SagaIntake:
    """A member of the group that reads the services' topics; one thread runs it."""

    def __init__(
        self,
        bus: EventBus,
        definitions: Sequence[SagaDefinition],
        topics: Sequence[str],
        instance: str,
        topic: str = TOPIC,
    ) -> None:
        self.group = f"{bus.service}-saga-intake"
        self._bus, self._definitions, self._topics, self._topic = bus, tuple(definitions), tuple(topics), topic
        self._instance = instance
        self._offsets: dict[Partition, int] = {}
        self._gone: set[Partition] = set()

    def run(self, stop: threading.Event) -> None:
        """Read until asked to stop. Raises BusFailed or Fenced; the next run begins at the last commit."""
        producer = self._bus.log.transactional_producer(f"{self.group}-{self._instance}")
        consumer = self._bus.log.consumer(self.group, self._instance)
        self._offsets = {}
        consumer.subscribe(self._topics, assigned=_ignored, revoked=self._forget, lost=self._forget)
        last = time.monotonic()
        try:
            while not stop.is_set():
                found = [self._read(record) for record in self._batch(consumer)]
                if any(one.entries for one in found):
                    self._write(producer, consumer, found)
                else:
                    self._offsets.update(_after(found))
                if self._offsets and time.monotonic() - last > _COMMIT_SECONDS:
                    consumer.commit(self._offsets)
                    self._offsets, last = {}, time.monotonic()
        finally:
            producer.close()
            consumer.close()

    def _read(self, record: Record) -> _Read:
        """Return what a record means; one that means nothing to anybody, by its bytes or its content, is parked."""
        event: Event | None = None
        try:
            event = self._bus.serde.decode(record)
            found = entries_of(self._definitions, event)
            now = datetime.now(UTC)
            events = [to_event(entry, thread_of(event), self._bus.service, now) for entry in found]
            return _Read(record, event, tuple(self._bus.outgoing(self._topic, one) for one in events))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 a definition's functions may raise anything; it is kept with the record
            self._park(record, event, error)
            return _Read(record, event)

    def _park(self, record: Record, event: Event | None, error: Exception) -> None:
        log.warning("%s: %s-%d@%d: %s", self.group, record.topic, record.partition, record.offset, error)
        park_at_once(self._bus, self.group, record, error, event)

    def _write(self, producer: TransactionalProducer, consumer: Consumer, found: Sequence[_Read]) -> None:
        """Write the entries of a batch with its offsets; of one that the log can't take whole, those it can."""
        try:
            self._commit(producer, consumer, found)
        except RecordTooLarge:
            for one in found:
                try:
                    self._commit(producer, consumer, [one])
                except RecordTooLarge as error:
                    self._park(one.record, one.event, error)
                    self._offsets.update(_after([one]))

    def _commit(self, producer: TransactionalProducer, consumer: Consumer, found: Sequence[_Read]) -> None:
        offsets = {**self._offsets, **_after(found)}
        producer.begin()
        for one in found:
            for entry in one.entries:
                producer.send(entry)
        producer.commit(offsets, consumer)
        self._offsets = {}

    def _batch(self, consumer: Consumer) -> list[Record]:
        """Return what there is, waiting a moment for the first record only; what isn't ours any more is left out."""
        self._gone = set()
        records: list[Record] = []
        timeout = 0.2
        # A batch ends with a rebalance, so that a partition that comes back begins in another one.
        while len(records) < _BATCH and not self._gone:
            found = consumer.poll(timeout)
            if isinstance(found, Record):
                records.append(found)
                timeout = 0.0
            elif not isinstance(found, EndOfPartition):
                break
        return [one for one in records if Partition(one.topic, one.partition) not in self._gone]

    def _forget(self, partitions: Sequence[Partition]) -> None:
        # Whatever of these has no transaction yet is read by their next owner, from the last one's offsets on.
        self._gone.update(partitions)
        for partition in partitions:
            self._offsets.pop(partition, None)


def _after(found: Sequence[_Read]) -> dict[Partition, int]:
    """Return the offsets behind records, by partition."""
    return {Partition(one.record.topic, one.record.partition): one.record.offset + 1 for one in found}


def _ignored(_partitions: Sequence[Partition]) -> None:
    return
