"""Records and the few operations on a log that this package needs; ``kafka.py`` and ``memory.py`` have them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pyairtable_events.errors import PublishFailed, RecordTooLarge

LARGEST_DECISION: Final = 1_000_000
"""Bytes of a record in most transactions: less than a topic takes unless it is told otherwise, 1,048,588 with its batch
(``message.max.bytes`` of the brokers). What brokers refuse amid a transaction costs more than what never gets there."""
LARGEST_RECORD: Final = 128 * 2**20
"""Bytes of any other record: what a topic takes is for its brokers to say, whose requests have up to 100 MiB."""

Headers = tuple[tuple[str, bytes | None], ...]
"""Kafka's headers: a name may occur more than once, a value may be null."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What is to be appended to a topic."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None
    """None: by the key's hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What stands in a topic."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    time: datetime

    def header(self, name: str) -> str | None:
        """Return the last header of that name as text; None when there is none or it isn't UTF-8."""
        for key, value in reversed(self.headers):
            if key == name and value is not None:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return None
        return None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where Kafka confirmed a record."""

    topic: str
    partition: int
    offset: int


def failure_of(futures: "Sequence[Future[Delivery]]") -> PublishFailed | None:
    """Return why answered records weren't confirmed, that one is too large before anything else; None if all were."""
    failures = [error for one in futures if one.done() and isinstance(error := one.exception(), PublishFailed)]
    return next((error for error in failures if isinstance(error, RecordTooLarge)), next(iter(failures), None))


class Producer(Protocol):
    """Appends records: idempotent, acknowledged by every in-sync replica."""

    @property
    def failed(self) -> bool:
        """Whether it can send nothing any more; another one can."""

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Queue a record; the future raises PublishFailed when it wasn't confirmed, RecordTooLarge for its size."""

    def close(self, timeout: float = 30) -> None:
        """Wait for what is queued, then stop; what has no answer by then fails its future."""


class TransactionalProducer(Protocol):
    """A producer that owns its transactional id: whoever had it before is fenced (KIP-98)."""

    def begin(self) -> None:
        """Open a transaction."""

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Append a record to the open transaction."""

    def flush(self) -> None:
        """Wait until the brokers have the transaction's records; readers don't see them yet."""

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: "Consumer | None" = None) -> None:
        """Commit, together with the next offsets of a consumer's group (KIP-447).

        Raises PublishFailed when one of the records wasn't confirmed, RecordTooLarge for its size, Fenced when another
        producer took the transactional id, PartitionsLost when the group gave the partitions away, else BusFailed; the
        transaction is then aborted as far as this producer may still do that.
        """

    def abort(self) -> None:
        """Drop the open transaction, if there is one."""

    def close(self) -> None:
        """Abort what is open, and stop."""


@dataclass(frozen=True, slots=True)
class EndOfPartition:
    """The consumer has read all there is for now: its next record will have this offset or a higher one."""

    partition: Partition
    offset: int


Assigned = Callable[[Sequence[Partition]], None]


class Consumer(Protocol):
    """A member of a consumer group that sees committed records only. One thread calls it."""

    def subscribe(self, topics: Sequence[str], assigned: Assigned, revoked: Assigned, lost: Assigned) -> None:
        """Join the group; the callbacks are called from within ``poll`` and ``close``."""

    def poll(self, timeout: float) -> Record | EndOfPartition | None:
        """Return what comes next within ``timeout`` seconds; raises BusFailed when Kafka refuses."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit the group's next offsets and wait; raises PartitionsLost, Fenced or BusFailed."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Continue at an offset."""

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Fetch nothing of these until they are resumed."""

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Fetch again."""

    def end(self, partition: Partition) -> int:
        """Return the offset after the partition's last record, those of open transactions included."""

    def close(self) -> None:
        """Leave the group."""


class Log(Protocol):
    """A cluster, as producers and consumers reach it."""

    def producer(self, *, gapless: bool = False) -> Producer:
        """Return a new idempotent producer.

        With ``gapless`` no record gets into a partition after one that didn't: the first failure fails everything
        behind it, and a record waits for its confirmation until the producer is closed.
        """

    def transactional_producer(
        self, transactional_id: str, *, largest: int = LARGEST_DECISION
    ) -> TransactionalProducer:
        """Take over a transactional id: transactions under way are finished or aborted when this returns.

        Records of more than ``largest`` bytes are refused before they get into a transaction.
        """

    def consumer(self, group: str, instance: str | None = None) -> Consumer:
        """Return a new member of a group; with an ``instance``, a static one (KIP-345)."""
