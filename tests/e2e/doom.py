"""Kills an orchestrator at a chosen point of its work, in a thread or as a process."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import NoReturn

from pyairtable_events.record import (
    LARGEST_DECISION,
    Assigned,
    Consumer,
    Delivery,
    EndOfPartition,
    Log,
    Outgoing,
    Partition,
    Producer,
    Record,
    TransactionalProducer,
)


class Killed(BaseException):
    """The orchestrator's process is gone; nothing catches it."""


def end_thread() -> NoReturn:
    """Stands for a process that dies."""
    raise Killed


class Doom:
    """Kills at the n-th point before, within or after a transaction's commit, counted over all producers."""

    def __init__(self, point: int, die: Callable[[], NoReturn] = end_thread) -> None:
        self._left, self._die = point, die
        self.dead = threading.Event()

    def point(self) -> None:
        """Pass a point, or not."""
        self.check()
        self._left -= 1
        if self._left == 0:
            self.dead.set()
            self._die()

    def check(self) -> None:
        """Let nothing go on that is dead."""
        if self.dead.is_set():
            self._die()


class DoomedProducer:
    """A transactional producer that a dead process no longer drives: not even to abort what is open."""

    def __init__(self, inner: TransactionalProducer, doom: Doom) -> None:
        self._inner, self._doom = inner, doom

    def begin(self) -> None:
        self._doom.point()
        self._inner.begin()

    def send(self, record: Outgoing) -> "Future[Delivery]":
        return self._inner.send(record)

    def flush(self) -> None:
        self._inner.flush()

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: Consumer | None = None) -> None:
        # What dies between the records and their commit leaves them to be aborted.
        self._inner.flush()
        self._doom.point()
        self._inner.commit(offsets, consumer.inner if isinstance(consumer, DoomedConsumer) else consumer)
        self._doom.point()

    def abort(self) -> None:
        if not self._doom.dead.is_set():
            self._inner.abort()

    def close(self) -> None:
        if not self._doom.dead.is_set():
            self._inner.close()


class DoomedConsumer:
    """A consumer that leaves its group without a word when its process dies."""

    def __init__(self, inner: Consumer, doom: Doom) -> None:
        self.inner, self._doom = inner, doom

    def subscribe(self, topics: Sequence[str], assigned: Assigned, revoked: Assigned, lost: Assigned) -> None:
        self.inner.subscribe(topics, assigned, revoked, lost)

    def poll(self, timeout: float) -> Record | EndOfPartition | None:
        self._doom.check()
        return self.inner.poll(timeout)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.inner.commit(offsets)

    def seek(self, partition: Partition, offset: int) -> None:
        self.inner.seek(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        self.inner.pause(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        self.inner.resume(partitions)

    def end(self, partition: Partition) -> int:
        return self.inner.end(partition)

    def close(self) -> None:
        if not self._doom.dead.is_set():
            self.inner.close()


class DoomedLog:
    """A log whose clients die together."""

    def __init__(self, log: Log, doom: Doom) -> None:
        self._log, self._doom = log, doom

    def producer(self, *, gapless: bool = False) -> Producer:
        return self._log.producer(gapless=gapless)

    def transactional_producer(
        self, transactional_id: str, *, largest: int = LARGEST_DECISION
    ) -> TransactionalProducer:
        return DoomedProducer(self._log.transactional_producer(transactional_id, largest=largest), self._doom)

    def consumer(self, group: str, instance: str | None = None) -> DoomedConsumer:
        return DoomedConsumer(self._log.consumer(group, instance), self._doom)
