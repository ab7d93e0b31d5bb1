"""Consuming events: every one is handled, in order per partition, or parked where it can be looked at.

Offsets are committed by hand after the effect, so a crash repeats events; ``idempotent.py`` makes effects happen once.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import Failure, park
from pyairtable_events.envelope import Event
from pyairtable_events.errors import (
    MalformedRecord,
    PartitionsLost,
    PublishFailed,
    RecordTooLarge,
    Rejected,
    Unavailable,
)
from pyairtable_events.kafka_consumer import MAX_POLL_INTERVAL
from pyairtable_events.record import Consumer, EndOfPartition, Partition, Record
from pyairtable_events.retry import RetryPolicy

log = logging.getLogger(__name__)

Handler = Callable[[Event], None]
"""Does what an event asks for. Raises Rejected for an event that is wrong, Unavailable when something it needs is away,
anything else to be called again."""

COMMIT_SECONDS: Final = 1.0
"""Longest time between an effect and its offset's commit."""
_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a consumer has done since it started."""

    handled: int = 0
    parked: int = 0


class EventConsumer:
    """A member of a service's consumer group; one thread runs it."""

    def __init__(
        self,
        bus: EventBus,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        *,
        retry: RetryPolicy | None = None,
        patience: RetryPolicy | None = None,
        instance: str | None = None,
    ) -> None:
        """``group`` begins with the service's id, as the platform's ACLs want it.

        An event whose handler fails is tried as often as ``retry`` says and then parked in the dead letter topic. While
        something is Unavailable the event waits as long as ``patience`` says, then ``run`` raises; nothing is parked.
        An ``instance`` that is the same after a restart keeps its partitions in between (static membership, KIP-345).
        Raises ValueError for a foreign group, and for waits that are too long for the group.
        """
        if not group.startswith(bus.service):
            raise ValueError(f"the group {group!r} is not {bus.service}'s: its name begins with that")
        self._retry = retry or RetryPolicy()
        self._patience = patience or RetryPolicy(attempts=12, longest_delay=timedelta(seconds=10))
        waits = (self._retry.longest + self._patience.longest).total_seconds()
        if waits > MAX_POLL_INTERVAL / 2:
            limit = MAX_POLL_INTERVAL / 2
            raise ValueError(f"retries may wait {waits:.0f} s, allowed are {limit:.0f}: the group would give up on us")
        self.group = group
        self.counts = Counts()
        self._bus, self._topics, self._handler, self._instance = bus, tuple(topics), handler, instance
        self._uncommitted: dict[Partition, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Consume until asked to stop; the event under way is finished and its offset committed.

        Raises BusFailed when Kafka refuses, Unavailable or PublishFailed when the patience is at its end.
        """
        consumer = self._bus.log.consumer(self.group, self._instance)
        self._uncommitted = {}
        consumer.subscribe(
            self._topics,
            assigned=lambda partitions: log.info("%s: has %s", self.group, _listed(partitions)),
            revoked=lambda partitions: self._give_up(consumer, partitions),
            lost=self._forget,
        )
        last = time.monotonic()
        try:
            while not stop.is_set():
                found = consumer.poll(_POLL_SECONDS)
                if isinstance(found, Record):
                    if not self._handle(found, stop):
                        break
                    self._uncommitted[Partition(found.topic, found.partition)] = found.offset + 1
                if time.monotonic() - last > COMMIT_SECONDS or isinstance(found, EndOfPartition):
                    self._commit(consumer, tuple(self._uncommitted))
                    last = time.monotonic()
        finally:
            try:
                self._commit(consumer, tuple(self._uncommitted))
            finally:
                consumer.close()

    def _handle(self, record: Record, stop: threading.Event) -> bool:
        """Handle or park a record; False when asked to stop before either was done."""
        event: Event | None = None
        first: datetime | None = None
        attempts = waits = 0
        while True:
            try:
                if event is None:
                    event = self._bus.serde.decode(record)
                attempts += 1
                self._handler(event)
                self.counts = Counts(handled=self.counts.handled + 1, parked=self.counts.parked)
                return True
            except Unavailable as error:
                # Not the event's fault: it doesn't count as one of its attempts.
                attempts, waits = max(attempts - 1, 0), waits + 1
                if waits >= self._patience.attempts:
                    raise
                log.warning("%s: %s waits: %s", self.group, _place(record), error)
                if not self._patience.wait(waits, stop):
                    return False
                continue
            except Exception as error:  # noqa: BLE001 a handler may raise anything; it is kept with the record
                first = first or datetime.now(UTC)
                final = isinstance(error, MalformedRecord | Rejected) or attempts >= self._retry.attempts
                log.warning("%s: %s failed: %s: %s", self.group, _place(record), type(error).__name__, error)
                if not final:
                    if not self._retry.wait(attempts, stop):
                        return False
                    continue
                failure = Failure(error=error, attempts=max(attempts, 1), first_failed_at=first)
            return self._park(record, failure, event, stop)

    def _park(self, record: Record, failure: Failure, event: Event | None, stop: threading.Event) -> bool:
        """Park a record; False when asked to stop before that was confirmed."""
        for attempt in range(1, self._patience.attempts + 1):
            try:
                park(self._bus, self.group, record, failure, event)
            except RecordTooLarge:
                # The dead letter topic won't take it at another try: its operator has to let it.
                raise
            except (PublishFailed, Unavailable) as error:
                if attempt == self._patience.attempts:
                    raise
                log.warning("%s: %s can't be parked yet: %s", self.group, _place(record), error)
                if not self._patience.wait(attempt, stop):
                    return False
            else:
                break
        log.error("%s: %s is parked; attempts: %d", self.group, _place(record), failure.attempts)
        self.counts = Counts(handled=self.counts.handled, parked=self.counts.parked + 1)
        return True

    def _commit(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        done = {one: self._uncommitted[one] for one in partitions if one in self._uncommitted}
        if not done:
            return
        try:
            consumer.commit(done)
        except PartitionsLost as error:
            # Whoever has the partitions now handles these events again. Which they are is told by a callback; until
            # then the offsets stay, as after a rebalance some partitions may still be this member's.
            log.warning("%s: offsets weren't committed: %s", self.group, error)
        else:
            self._forget(partitions)

    def _give_up(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        """Commit what was handled before somebody else gets the partitions."""
        log.info("%s: gives up %s", self.group, _listed(partitions))
        self._commit(consumer, partitions)
        self._forget(partitions)

    def _forget(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._uncommitted.pop(partition, None)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; to be called in the main thread."""
    stop = threading.Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _place(record: Record) -> str:
    return f"{record.topic}-{record.partition}@{record.offset}"


def _listed(partitions: Sequence[Partition]) -> str:
    return ", ".join(str(one) for one in sorted(partitions)) or "nothing"
