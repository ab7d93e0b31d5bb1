"""Moves sagas on: reads their log, decides, writes what comes next into the log, and nothing else.

State is what the log says, so it is rebuilt by reading. Who may write for a partition of the log is settled by its
transactional id: taking it over fences the owner before (KIP-98). Only then is the partition read to its end, and only
then decided about, so no decision is ever taken twice.
"""

import heapq
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import park_at_once
from pyairtable_events.envelope import Event
from pyairtable_events.errors import Fenced, MalformedRecord, PartitionsLost, RecordTooLarge
from pyairtable_events.record import Consumer, EndOfPartition, Outgoing, Partition, Record, TransactionalProducer
from pyairtable_events.saga import (
    TOO_LARGE,
    Entry,
    Kind,
    SagaDefinition,
    SagaError,
    SagaState,
    advance,
    decide,
    due,
    start,
)
from pyairtable_events.saga_checkpoint import Ended, checkpoint, forgettable
from pyairtable_events.saga_log import TOPIC, Thread, from_event, thread_of, to_event

log = logging.getLogger(__name__)

_BATCH: Final = 100
_TIMER_SECONDS: Final = 0.25
_CHECKPOINT_SECONDS: Final = 5.0


@dataclass
class _Saga:
    """A saga as its partition's owner knows it."""

    state: SagaState
    thread: Thread
    first_offset: int
    last_start: int
    """Offset of the last entry that asked for it."""
    written: int = 0
    """Offset after this owner's own last entry: until it has been read, there is nothing to decide."""


@dataclass
class _Owned:
    """A partition of the log that this instance owns."""

    partition: Partition
    producer: TransactionalProducer | None = None
    """None until the owner before is fenced."""
    target: int = 0
    """The partition's end when that was done: below it the log is history."""
    position: int = 0
    sagas: dict[UUID, _Saga] = field(default_factory=dict)
    """Those under way."""
    dirty: set[UUID] = field(default_factory=set)
    """Those there may be something to decide about."""
    timers: list[tuple[datetime, UUID]] = field(default_factory=list)
    """When to look again, as a heap; a saga may have several, of which the last counts."""
    ended: dict[UUID, Ended] = field(default_factory=dict)
    """Those that are remembered."""

    @property
    def begins(self) -> list[int]:
        """Where those under way began."""
        return [saga.first_offset for saga in self.sagas.values()]

    @property
    def recovered(self) -> bool:
        return self.producer is not None and self.position >= self.target


class SagaDecider:
    """A member of the group that owns the log's partitions; one thread runs it."""

    def __init__(
        self,
        bus: EventBus,
        definitions: Sequence[SagaDefinition],
        instance: str,
        topic: str = TOPIC,
        remember: timedelta = timedelta(hours=1),
    ) -> None:
        """``remember`` is how long an ended saga is kept, so that its trigger's duplicates start no second one."""
        self.group = f"{bus.service}-saga-log"
        self._bus, self._topic, self._instance, self._remember = bus, topic, instance, remember
        self._definitions = {(one.type, one.version): one for one in definitions}
        self._owned: dict[Partition, _Owned] = {}
        self._unknown: set[tuple[str, int]] = set()

    def run(self, stop: threading.Event) -> None:
        """Move sagas on until asked to stop. Raises BusFailed or Fenced; a new run finds everything in the log."""
        consumer = self._bus.log.consumer(self.group, self._instance)
        consumer.subscribe(
            [self._topic],
            assigned=lambda partitions: self._owned.update({one: _Owned(one) for one in partitions}),
            revoked=lambda partitions: self._release(partitions, consumer),
            lost=lambda partitions: self._release(partitions, None),
        )
        ticked = saved = time.monotonic()
        try:
            while not stop.is_set():
                self._read(consumer)
                self._take_over(consumer)
                now = time.monotonic()
                if now - ticked >= _TIMER_SECONDS:
                    ticked = now
                    self._wake()
                for owned in self._owned.values():
                    if owned.recovered and owned.dirty:
                        self._decide(owned)
                if now - saved >= _CHECKPOINT_SECONDS:
                    saved = now
                    self._checkpoint(consumer, self._owned)
        finally:
            try:
                consumer.close()
            finally:
                self._release(tuple(self._owned), None)

    def states(self) -> dict[UUID, SagaState]:
        """Return the sagas under way that this instance owns, by id."""
        return {key: saga.state for owned in self._owned.values() for key, saga in owned.sagas.items()}

    def _read(self, consumer: Consumer) -> None:
        """Read what there is, waiting a moment for the first record only."""
        timeout = 0.05
        for _ in range(_BATCH):
            found = consumer.poll(timeout)
            if found is None:
                return
            timeout = 0.0
            if isinstance(found, EndOfPartition):
                if (owned := self._owned.get(found.partition)) is not None:
                    owned.position = max(owned.position, found.offset)
            elif (owned := self._owned.get(Partition(found.topic, found.partition))) is not None:
                self._fold(owned, found)
                owned.position = found.offset + 1

    def _take_over(self, consumer: Consumer) -> None:
        for owned in self._owned.values():
            if owned.producer is None:
                # In this order: an end that is asked for afterwards lies behind everything the owner before wrote.
                owned.producer = self._bus.log.transactional_producer(f"{self.group}-{owned.partition.number}")
                owned.target = consumer.end(owned.partition)

    def _fold(self, owned: _Owned, record: Record) -> None:
        try:
            event = self._bus.serde.decode(record)
            entry = from_event(event)
        except MalformedRecord as error:
            log.warning("%s: %s@%d is passed over: %s", self.group, owned.partition, record.offset, error)
            park_at_once(self._bus, self.group, record, error, None)
            return
        self._apply(owned, record.offset, event, entry)

    def _apply(self, owned: _Owned, offset: int, event: Event, entry: Entry) -> None:
        key, at = entry.saga_id, event.envelope.time
        saga = owned.sagas.get(key)
        if entry.kind is Kind.SAGA_STARTED:
            if saga is not None or key in owned.ended:
                log.warning("saga %s: it was asked for again, by event %s", key, event.envelope.causation_id)
                if saga is not None:
                    saga.last_start = offset
                else:
                    owned.ended[key] = replace(owned.ended[key], last=offset)
                return
            saga = owned.sagas[key] = _Saga(start(entry, at), thread_of(event), offset, offset)
        elif saga is None:
            log.info("saga %s: %s comes after its end", key, entry.kind)
            return
        else:
            saga.state, saga.thread = advance(saga.state, entry, at), thread_of(event)
        if saga.state.status.final:
            owned.ended[key] = Ended(at=at, first=saga.first_offset, last=saga.last_start)
            del owned.sagas[key]
        else:
            owned.dirty.add(key)

    def _wake(self) -> None:
        """Look again at the sagas whose time has come, and forget those that ended long ago."""
        now = datetime.now(UTC)
        for owned in self._owned.values():
            while owned.timers and owned.timers[0][0] <= now:
                owned.dirty.add(heapq.heappop(owned.timers)[1])
            if owned.recovered and owned.ended:
                for key in forgettable(owned.begins, owned.ended, owned.position, now - self._remember):
                    del owned.ended[key]

    def _decide(self, owned: _Owned) -> None:
        """Write what comes next for a partition's sagas, in one transaction."""
        now = datetime.now(UTC)
        events: list[tuple[_Saga, Event]] = []
        for key in sorted(owned.dirty)[:_BATCH]:
            saga = owned.sagas.get(key)
            if saga is not None and saga.written > owned.position:
                continue
            owned.dirty.discard(key)
            definition = None if saga is None else self._definition(saga.state)
            if saga is None or definition is None:
                continue
            entries = decide(definition, saga.state, now)
            events += [(saga, event) for event in self._events(saga, entries, now)]
            if not entries and (at := due(definition, saga.state)) is not None:
                heapq.heappush(owned.timers, (at, key))
        if events:
            try:
                self._write(owned, events)
            except RecordTooLarge:
                self._write_each(owned, events)

    def _write_each(self, owned: _Owned, events: Sequence[tuple[_Saga, Event]]) -> None:
        """Write each saga's events by themselves; one whose events the log can't take has failed."""
        by_saga: dict[UUID, list[tuple[_Saga, Event]]] = {}
        for saga, event in events:
            by_saga.setdefault(saga.state.saga_id, []).append((saga, event))
        for key, own in by_saga.items():
            try:
                self._write(owned, own)
            except RecordTooLarge as error:
                log.error("saga %s: what comes next is too large for the log: %s", key, error)
                saga = own[0][0]
                step = next((str(event.payload["step"]) for _, event in own if "step" in event.payload), "")
                failed = Entry(
                    kind=Kind.SAGA_FAILED, saga_id=key, step=step, error=SagaError(code=TOO_LARGE, message=str(error))
                )
                event = to_event(failed, saga.thread, self._bus.service, datetime.now(UTC))
                self._write(owned, [(saga, event)])

    def _events(self, saga: _Saga, entries: Sequence[Entry], now: datetime) -> list[Event]:
        """Return the events of entries, each following from the one before."""
        events: list[Event] = []
        thread = saga.thread
        for entry in entries:
            events.append(to_event(entry, thread, self._bus.service, now))
            thread = thread_of(events[-1])
        return events

    def _write(self, owned: _Owned, events: Sequence[tuple[_Saga, Event]]) -> None:
        producer = owned.producer
        if producer is None:
            raise Fenced(f"{owned.partition} isn't owned yet")
        producer.begin()
        futures = [(saga, producer.send(self._outgoing(owned, event))) for saga, event in events]
        producer.commit()
        for saga, future in futures:
            saga.written = future.result().offset + 1
        for saga, event in events:
            log.info("saga %s: %s %s", saga.state.saga_id, event.type.rpartition(".")[2], event.payload.get("step", ""))

    def _outgoing(self, owned: _Owned, event: Event) -> Outgoing:
        # A saga stays where it began, even if the topic gets more partitions.
        return replace(self._bus.outgoing(self._topic, event), partition=owned.partition.number)

    def _definition(self, state: SagaState) -> SagaDefinition | None:
        kind = (state.type, state.version)
        if kind not in self._definitions and kind not in self._unknown:
            self._unknown.add(kind)
            log.error("sagas of type %s, version %d stand still: nobody has their definition", *kind)
        return self._definitions.get(kind)

    def _checkpoint(self, consumer: Consumer, partitions: Mapping[Partition, _Owned]) -> None:
        """Commit, for the next owner to begin at, where the oldest saga that is still remembered began."""
        offsets = {
            owned.partition: checkpoint(owned.begins, owned.ended.values(), owned.position)
            for owned in partitions.values()
            if owned.recovered
        }
        if offsets:
            try:
                consumer.commit(offsets)
            except PartitionsLost as error:
                log.info("%s: the next owner begins further back: %s", self.group, error)

    def _release(self, partitions: Sequence[Partition], consumer: Consumer | None) -> None:
        given = {one: self._owned[one] for one in partitions if one in self._owned}
        if consumer is not None:
            self._checkpoint(consumer, given)
        for one, owned in given.items():
            if owned.producer is not None:
                owned.producer.close()
            del self._owned[one]
