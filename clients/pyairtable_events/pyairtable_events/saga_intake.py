"""Brings what other services say into the log of sagas: what starts one, and what answers a command.

An entry and the offset of the event it came from are committed by one transaction (KIP-447), so each event counts once.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import Failure, park
from pyairtable_events.errors import MalformedRecord
from pyairtable_events.record import Consumer, EndOfPartition, Outgoing, Partition, Record, TransactionalProducer
from pyairtable_events.saga import SagaDefinition, entries_of
from pyairtable_events.saga_log import TOPIC, thread_of, to_event

log = logging.getLogger(__name__)

_BATCH: Final = 200
_COMMIT_SECONDS: Final = 1.0


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
                records = self._batch(consumer)
                entries = [entry for record in records for entry in self._entries(record)]
                self._offsets.update({Partition(one.topic, one.partition): one.offset + 1 for one in records})
                if entries:
                    self._write(producer, consumer, entries)
                elif self._offsets and time.monotonic() - last > _COMMIT_SECONDS:
                    consumer.commit(self._offsets)
                    self._offsets, last = {}, time.monotonic()
        finally:
            producer.close()
            consumer.close()

    def _entries(self, record: Record) -> list[Outgoing]:
        try:
            event = self._bus.serde.decode(record)
            found = entries_of(self._definitions, event)
            now = datetime.now(UTC)
            thread = thread_of(event)
            return [self._bus.outgoing(self._topic, to_event(entry, thread, self._bus.service, now)) for entry in found]
        except MalformedRecord as error:
            log.warning("%s: %s-%d@%d: %s", self.group, record.topic, record.partition, record.offset, error)
            failure = Failure(error=error, attempts=1, first_failed_at=datetime.now(UTC))
            park(self._bus, self.group, record, failure, None)
            return []

    def _write(self, producer: TransactionalProducer, consumer: Consumer, entries: Sequence[Outgoing]) -> None:
        producer.begin()
        futures = [producer.send(entry) for entry in entries]
        offsets, self._offsets = self._offsets, {}
        producer.commit(offsets, consumer)
        for future in futures:
            future.result()

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


def _ignored(_partitions: Sequence[Partition]) -> None:
    return
