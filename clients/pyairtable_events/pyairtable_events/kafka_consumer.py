"""Kafka's consumers, through librdkafka."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import confluent_kafka
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pyairtable_events.errors import BusFailed, EventsError, Fenced
from pyairtable_events.kafka_errors import REFUSED, REQUEST_TIMEOUT, Trouble, error_of
from pyairtable_events.record import Assigned, EndOfPartition, Headers, Partition, Record

log = logging.getLogger(__name__)

MAX_POLL_INTERVAL: Final = 300.0
"""Seconds between two polls after which a group takes a member for dead (``max.poll.interval.ms``)."""


class KafkaConsumer:
    """A member of a group that commits by hand and sees committed records only."""

    def __init__(self, client: Mapping[str, Any], group: str, instance: str | None) -> None:
        self._trouble = Trouble()
        self._group = group
        settings: dict[str, Any] = {
            **client,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "max.poll.interval.ms": int(MAX_POLL_INTERVAL * 1000),
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 15000,
            "error_cb": self._trouble,
        }
        if instance is not None:
            settings["group.instance.id"] = instance
        self._consumer = confluent_kafka.Consumer(settings, logger=log)
        self._client, self._static = client, instance is not None
        self._admin: AdminClient | None = None

    def subscribe(self, topics: Sequence[str], assigned: Assigned, revoked: Assigned, lost: Assigned) -> None:
        """Join the group."""

        def told(callback: Assigned) -> Any:
            return lambda _consumer, partitions: callback([Partition(one.topic, one.partition) for one in partitions])

        self._consumer.subscribe(list(topics), on_assign=told(assigned), on_revoke=told(revoked), on_lost=told(lost))

    def poll(self, timeout: float) -> Record | EndOfPartition | None:
        """Return what comes next; raises Fenced when another member has this one's instance, BusFailed when refused."""
        message = self._consumer.poll(timeout)
        if (trouble := self._trouble.last) is not None and trouble.code() in REFUSED:
            raise BusFailed(f"{self._group}: {trouble.str()}")
        if message is None:
            return None
        error = message.error()
        if error is None:
            return _record(message)
        if error.code() == KafkaError._PARTITION_EOF:
            return EndOfPartition(Partition(message.topic() or "", message.partition() or 0), message.offset() or 0)
        if error.fatal() or error.code() == KafkaError._FATAL or error.code() in REFUSED:
            raise self._failure(error)
        log.warning("%s: %s", self._group, error.str())
        return None

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit and wait; raises PartitionsLost, Fenced or BusFailed."""
        try:
            self._consumer.commit(offsets=topic_partitions(offsets), asynchronous=False)
        except KafkaException as failure:
            raise self._failure(error_of(failure)) from None

    def _failure(self, error: KafkaError) -> EventsError:
        # The code of what ended a consumer is hidden behind that of any end, which isn't marked as fatal either. A
        # static member ends when another one has its instance, and for nothing else.
        if self._static and error.code() == KafkaError._FATAL:
            return Fenced(f"{self._group}: {error.str()}")
        return self._trouble.error(self._group, error)

    def metadata(self) -> Any:
        """Return the membership that a transaction commits offsets for."""
        return self._consumer.consumer_group_metadata()

    def seek(self, partition: Partition, offset: int) -> None:
        """Continue at an offset."""
        self._consumer.seek(TopicPartition(partition.topic, partition.number, offset))

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Fetch nothing of these."""
        self._consumer.pause([TopicPartition(one.topic, one.number) for one in partitions])

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Fetch again."""
        self._consumer.resume([TopicPartition(one.topic, one.number) for one in partitions])

    def end(self, partition: Partition) -> int:
        """Ask the partition's leader for its end; raises BusFailed."""
        # A consumer that reads what is committed is told the first open transaction's begin instead.
        if self._admin is None:
            self._admin = AdminClient({**self._client, "error_cb": self._trouble}, logger=log)
        asked = TopicPartition(partition.topic, partition.number)
        try:
            found = self._admin.list_offsets(
                {asked: OffsetSpec.latest()},
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=REQUEST_TIMEOUT,
            )
            return int(found[asked].result(2 * REQUEST_TIMEOUT).offset)
        except (KafkaException, TimeoutError) as failure:
            raise BusFailed(f"{partition}: its end isn't known: {error_of(failure).str()}") from None

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _record(message: Message) -> Record:
    _, milliseconds = message.timestamp()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        value=message.value(),
        key=message.key(),
        headers=_headers(message),
        time=datetime.fromtimestamp(milliseconds / 1000, UTC),
    )


def _headers(message: Message) -> Headers:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)


def topic_partitions(offsets: Mapping[Partition, int]) -> list[TopicPartition]:
    """Return offsets as librdkafka takes them."""
    return [TopicPartition(one.topic, one.number, offset) for one, offset in offsets.items()]
