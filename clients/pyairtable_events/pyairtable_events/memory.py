"""A log in this process that behaves like Kafka where this package relies on it: for tests without a broker.

Partitions by key, offsets, groups with generations, transactions that readers see only when they are committed, and
fencing by transactional id are there. A group's partitions all belong to the member that joined last.
"""

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyairtable_events.errors import BusFailed, Fenced, PartitionsLost, PublishFailed, RecordTooLarge
from pyairtable_events.record import (
    LARGEST_DECISION,
    Assigned,
    Consumer,
    Delivery,
    EndOfPartition,
    Outgoing,
    Partition,
    Record,
    failure_of,
)


@dataclass
class _Transaction:
    """Records of an open transaction, by the place they will have."""

    places: list[tuple[Partition, int]] = field(default_factory=list)


@dataclass
class _Entry:
    record: Record
    transaction: _Transaction | None = None
    """The open transaction; None once it is committed, or if there never was one."""
    aborted: bool = False


class MemoryLog:
    """Topics, groups and transactional ids; threads may share it."""

    def __init__(
        self,
        partitions: Mapping[str, int] | None = None,
        default_partitions: int = 3,
        largest: Mapping[str, int] | None = None,
    ) -> None:
        """``largest`` has the bytes of the largest record that a topic takes; other topics take any."""
        self._counts = dict(partitions or {})
        self._largest = dict(largest or {})
        self._default = default_partitions
        self._entries: dict[Partition, list[_Entry]] = {}
        self._committed: dict[tuple[str, Partition], int] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, _Transaction] = {}
        self._generations: dict[str, int] = {}
        self._members: dict[str, MemoryConsumer] = {}
        self.changed = threading.Condition(threading.RLock())

    def producer(self, *, gapless: bool = False) -> "MemoryProducer":  # noqa: ARG002 every append is
        """Return a producer."""
        return MemoryProducer(self)

    def transactional_producer(
        self, transactional_id: str, *, largest: int = LARGEST_DECISION
    ) -> "MemoryTransactionalProducer":
        """Fence whoever has the id, abort its transaction, and return the id's new producer."""
        with self.changed:
            self._epochs[transactional_id] = epoch = self._epochs.get(transactional_id, 0) + 1
            self._finish(transactional_id, committed=False)
        return MemoryTransactionalProducer(self, transactional_id, epoch, largest)

    def consumer(self, group: str, instance: str | None = None) -> "MemoryConsumer":  # noqa: ARG002 every member is
        """Return a member of a group."""
        return MemoryConsumer(self, group)

    def records(self, topic: str) -> list[Record]:
        """Return a topic's committed records, partition after partition."""
        with self.changed:
            return [
                entry.record
                for partition in self.partitions(topic)
                for entry in self._entries.get(partition, [])
                if entry.transaction is None and not entry.aborted
            ]

    def committed(self, group: str, partition: Partition) -> int | None:
        """Return the group's next offset, None before its first commit."""
        with self.changed:
            return self._committed.get((group, partition))

    def partitions(self, topic: str) -> list[Partition]:
        """Return a topic's partitions."""
        return [Partition(topic, number) for number in range(self._counts.get(topic, self._default))]

    def append(self, record: Outgoing, transaction: _Transaction | None = None) -> Delivery:
        """Append a record, to be seen when its transaction commits; raises PublishFailed, RecordTooLarge."""
        _check_size(record, self._largest.get(record.topic))
        with self.changed:
            count = len(self.partitions(record.topic))
            number = zlib.crc32(record.key or b"") % count if record.partition is None else record.partition
            if not 0 <= number < count:
                raise PublishFailed(f"{record.topic} has no partition {number}")
            entries = self._entries.setdefault(Partition(record.topic, number), [])
            stored = Record(
                topic=record.topic,
                partition=number,
                offset=len(entries),
                value=record.value,
                key=record.key,
                headers=record.headers,
                time=datetime.now(UTC),
            )
            entries.append(_Entry(stored, transaction))
            if transaction is not None:
                transaction.places.append((Partition(record.topic, number), stored.offset))
            self.changed.notify_all()
            return Delivery(record.topic, number, stored.offset)

    def begin(self, transactional_id: str, epoch: int) -> _Transaction:
        """Open a transaction; raises Fenced for an epoch that isn't the latest."""
        with self.changed:
            self._check(transactional_id, epoch)
            return self._open.setdefault(transactional_id, _Transaction())

    def end(
        self,
        transactional_id: str,
        epoch: int,
        *,
        committed: bool,
        offsets: Mapping[Partition, int] | None = None,
        consumer: "MemoryConsumer | None" = None,
    ) -> None:
        """Finish a transaction; raises Fenced for an old epoch, PartitionsLost for an old generation."""
        with self.changed:
            self._check(transactional_id, epoch)
            if committed and consumer is not None and offsets:
                try:
                    self.commit_offsets(consumer, offsets)
                except PartitionsLost:
                    self._finish(transactional_id, committed=False)
                    raise
            self._finish(transactional_id, committed=committed)

    def check(self, transactional_id: str, epoch: int) -> None:
        """Raise Fenced for an epoch that isn't the latest."""
        with self.changed:
            self._check(transactional_id, epoch)

    def _check(self, transactional_id: str, epoch: int) -> None:
        if self._epochs[transactional_id] != epoch:
            raise Fenced(f"another producer has the transactional id {transactional_id}")

    def _finish(self, transactional_id: str, *, committed: bool) -> None:
        transaction = self._open.pop(transactional_id, None)
        for partition, offset in transaction.places if transaction else []:
            entry = self._entries[partition][offset]
            entry.transaction, entry.aborted = None, not committed
        self.changed.notify_all()

    def join(self, consumer: "MemoryConsumer", group: str) -> int:
        """Make a consumer the group's only member and return its generation."""
        with self.changed:
            self._generations[group] = generation = self._generations.get(group, 0) + 1
            self._members[group] = consumer
            self.changed.notify_all()
            return generation

    def owns(self, consumer: "MemoryConsumer", group: str) -> bool:
        """Whether a consumer is still the group's member."""
        with self.changed:
            return self._members.get(group) is consumer

    def commit_offsets(self, consumer: "MemoryConsumer", offsets: Mapping[Partition, int]) -> None:
        """Commit a group's offsets; raises PartitionsLost for a member of an old generation."""
        with self.changed:
            if not self.owns(consumer, consumer.group):
                raise PartitionsLost(f"the group {consumer.group} has given these partitions to another member")
            self._committed.update({(consumer.group, partition): offset for partition, offset in offsets.items()})

    def read(self, partition: Partition, position: int) -> tuple[Record | None, int]:
        """Return the next committed record at or after a position, and the position after it or the reader's end."""
        with self.changed:
            for entry in self._entries.get(partition, [])[position:]:
                if entry.transaction is not None:
                    break
                position += 1
                if not entry.aborted:
                    return entry.record, position
            return None, position

    def length(self, partition: Partition) -> int:
        """Return the offset after a partition's last record."""
        with self.changed:
            return len(self._entries.get(partition, []))


class MemoryProducer:
    """Appends at once."""

    failed = False

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Append a record."""
        return _settled(lambda: self._log.append(record))

    def close(self, timeout: float = 30) -> None:
        """Do nothing: nothing is queued."""


class MemoryTransactionalProducer:
    """Appends within transactions of its epoch."""

    def __init__(self, log: MemoryLog, transactional_id: str, epoch: int, largest: int) -> None:
        self._log, self._id, self._epoch, self._largest = log, transactional_id, epoch, largest
        self._transaction: _Transaction | None = None
        self._sent: list[Future[Delivery]] = []

    def begin(self) -> None:
        """Open a transaction."""
        self._transaction = self._log.begin(self._id, self._epoch)
        self._sent = []

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Append a record to it; raises Fenced."""
        if self._transaction is None:
            raise BusFailed("there is no open transaction")
        transaction = self._transaction
        self._log.check(self._id, self._epoch)

        def appended() -> Delivery:
            _check_size(record, self._largest)
            return self._log.append(record, transaction)

        future = _settled(appended)
        self._sent.append(future)
        return future

    def flush(self) -> None:
        """Do nothing: nothing is queued."""

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: Consumer | None = None) -> None:
        """Commit; raises what ``record.TransactionalProducer`` says."""
        if consumer is not None and not isinstance(consumer, MemoryConsumer):
            raise TypeError("a memory transaction commits offsets of a memory consumer")
        if (failure := failure_of(self._sent)) is not None:
            self.abort()
            raise failure
        self._transaction = None
        self._log.end(self._id, self._epoch, committed=True, offsets=offsets, consumer=consumer)

    def abort(self) -> None:
        """Drop the transaction."""
        if self._transaction is not None:
            self._transaction = None
            self._log.end(self._id, self._epoch, committed=False)

    def close(self) -> None:
        """Drop the transaction; a fenced producer has none."""
        try:
            self.abort()
        except Fenced:
            return


class MemoryConsumer:
    """A group's member; the one that subscribed last has all partitions."""

    def __init__(self, log: MemoryLog, group: str) -> None:
        self._log = log
        self.group = group
        self._topics: tuple[str, ...] = ()
        self._callbacks: tuple[Assigned, Assigned, Assigned] | None = None
        self._positions: dict[Partition, int] = {}
        self._told: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._next = 0

    def subscribe(self, topics: Sequence[str], assigned: Assigned, revoked: Assigned, lost: Assigned) -> None:
        """Join the group."""
        self._topics, self._callbacks = tuple(topics), (assigned, revoked, lost)
        self._log.join(self, self.group)

    def poll(self, timeout: float) -> Record | EndOfPartition | None:
        """Return the next record, or where a partition ends for now, once per end."""
        with self._log.changed:
            self._rebalance()
            found = self._take()
            if found is None and timeout > 0:
                self._log.changed.wait(timeout)
                self._rebalance()
                found = self._take()
            return found

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit next offsets."""
        self._log.commit_offsets(self, offsets)

    def seek(self, partition: Partition, offset: int) -> None:
        """Continue at an offset."""
        self._positions[partition] = offset
        self._told.pop(partition, None)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Leave partitions out."""
        self._paused.update(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Take partitions in again."""
        self._paused.difference_update(partitions)

    def end(self, partition: Partition) -> int:
        """Return the offset after the last record."""
        return self._log.length(partition)

    def close(self) -> None:
        """Leave the group."""
        if self._callbacks is not None and self._positions:
            owned, self._positions = list(self._positions), self._positions
            self._callbacks[1](owned)
        self._positions = {}

    def _rebalance(self) -> None:
        if self._callbacks is None:
            return
        owner = self._log.owns(self, self.group)
        if owner and not self._positions:
            partitions = [partition for topic in self._topics for partition in self._log.partitions(topic)]
            self._positions = {partition: self._log.committed(self.group, partition) or 0 for partition in partitions}
            self._callbacks[0](partitions)
        elif not owner and self._positions:
            gone = list(self._positions)
            self._positions, self._told = {}, {}
            self._callbacks[2](gone)

    def _take(self) -> Record | EndOfPartition | None:
        partitions = [partition for partition in self._positions if partition not in self._paused]
        for index in range(len(partitions)):
            partition = partitions[(self._next + index) % len(partitions)]
            record, position = self._log.read(partition, self._positions[partition])
            self._positions[partition] = position
            if record is not None:
                self._next += index + 1
                return record
            if self._told.get(partition) != position:
                self._told[partition] = position
                return EndOfPartition(partition, position)
        return None


def _check_size(record: Outgoing, largest: int | None) -> None:
    """Raise RecordTooLarge for a record of more bytes than that."""
    size = len(record.value or b"") + len(record.key or b"")
    if largest is not None and size > largest:
        raise RecordTooLarge(f"{record.topic}: the record has {size} bytes, allowed are {largest}")


def _settled(action: Callable[[], Delivery]) -> "Future[Delivery]":
    future: Future[Delivery] = Future()
    try:
        future.set_result(action())
    except PublishFailed as error:
        future.set_exception(error)
    return future
