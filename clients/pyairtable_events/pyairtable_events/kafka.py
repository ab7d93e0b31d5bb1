"""The log that is Kafka, through librdkafka."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from pyairtable_events.errors import BusFailed, Fenced, PartitionsLost, PublishFailed
from pyairtable_events.record import Assigned, Consumer, Delivery, EndOfPartition, Headers, Outgoing, Partition, Record
from pyairtable_events.settings import KafkaSettings

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT: Final = 30.0
"""Seconds a record may wait for its confirmation, retries included (``message.timeout.ms``)."""
REQUEST_TIMEOUT: Final = 30.0
"""Seconds a request to a coordinator may take, retries included."""
TRANSACTION_TIMEOUT: Final = 15.0
"""Seconds after which the cluster aborts a transaction whose producer died: readers wait no longer than that."""
MAX_POLL_INTERVAL: Final = 300.0
"""Seconds between two polls after which a group takes a member for dead (``max.poll.interval.ms``)."""
_ANY_PARTITION: Final = -1
"""librdkafka's RD_KAFKA_PARTITION_UA: by the key's hash."""
PARTITIONER: Final = "murmur2_random"
"""Java's default: an aggregate's events have one partition, whether Connect or this package publishes them."""
_GAPLESS: Final = {"enable.gapless.guarantee": True, "message.timeout.ms": 0}
"""Nothing gets through after a record that failed. One that times out would leave a gap all the same, so none does:
whoever waits for it gives up by closing the producer."""

_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.FENCED_INSTANCE_ID}
)
_GONE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
    }
)
"""A group that has given the member's partitions away."""
_REFUSED: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Waiting doesn't help against these."""


def client_configuration(settings: KafkaSettings) -> dict[str, Any]:
    """Return librdkafka's settings of the connection; secrets are in it."""
    configuration: dict[str, Any] = {
        "bootstrap.servers": settings.brokers,
        "security.protocol": settings.security_protocol.value,
        "client.id": settings.username or "pyairtable-events",
    }
    if settings.security_protocol.sasl:
        configuration |= {
            "sasl.mechanism": settings.sasl_mechanism.value,
            "sasl.username": settings.username,
            "sasl.password": settings.password,
        }
    if settings.security_protocol.encrypted:
        files = {
            "ssl.ca.pem": settings.ssl_ca,
            "ssl.ca.location": settings.ssl_ca_location,
            "ssl.certificate.location": settings.ssl_certificate_location,
            "ssl.key.location": settings.ssl_key_location,
        }
        configuration |= {name: value for name, value in files.items() if value}
        configuration["ssl.endpoint.identification.algorithm"] = "https"
    return configuration


class KafkaLog:
    """A Kafka cluster."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def producer(self, *, gapless: bool = False) -> "KafkaProducer":
        """Return an idempotent producer, see ``record.Log``."""
        return KafkaProducer(client_configuration(self._settings), gapless=gapless)

    def transactional_producer(self, transactional_id: str) -> "KafkaTransactionalProducer":
        """Take over a transactional id; raises BusFailed when the coordinator refuses or can't be reached."""
        return KafkaTransactionalProducer(client_configuration(self._settings), transactional_id)

    def consumer(self, group: str, instance: str | None = None) -> "KafkaConsumer":
        """Return a member of a group."""
        return KafkaConsumer(client_configuration(self._settings), group, instance)


class _Trouble:
    """The last error that librdkafka told of by itself: it explains a timeout."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        self.last = error
        log.warning("Kafka: %s", error.str())

    def explain(self, text: str) -> str:
        return f"{text} (before that: {self.last.str()})" if self.last is not None else text


class KafkaProducer:
    """An idempotent producer with a thread of its own that takes the brokers' answers."""

    def __init__(self, client: Mapping[str, Any], *, gapless: bool) -> None:
        self._trouble = _Trouble()
        self._gapless, self._refused = gapless, False
        self._producer = confluent_kafka.Producer(
            {
                **client,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "snappy",
                "partitioner": PARTITIONER,
                "linger.ms": 5,
                "error_cb": self._trouble,
                **(_GAPLESS if gapless else {"message.timeout.ms": int(DELIVERY_TIMEOUT * 1000)}),
            },
            logger=log,
        )
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._answers, name="kafka-answers", daemon=True)
        self._thread.start()

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Queue a record, waiting for room at most as long as a delivery may take."""
        future: Future[Delivery] = Future()
        if self._closed.is_set():
            future.set_exception(PublishFailed("the producer is closed"))
            return future
        if self._refused:
            # librdkafka's guarantee begins in its queue; what never got there would be a gap all the same.
            future.set_exception(PublishFailed(f"{record.topic}: an earlier record was refused"))
            return future
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        while True:
            try:
                _produce(self._producer, record, future, self._trouble)
                self._refused = self._gapless and future.done() and future.exception() is not None
                return future
            except BufferError:
                if time.monotonic() > deadline:
                    text = f"{record.topic}: the producer's queue stayed full for {DELIVERY_TIMEOUT:.0f} s"
                    future.set_exception(PublishFailed(self._trouble.explain(text)))
                    return future
                time.sleep(0.01)

    def close(self, timeout: float = DELIVERY_TIMEOUT) -> None:
        """Wait for answers; fail what has none by then."""
        if not self._closed.is_set():
            if timeout <= 0 or self._producer.flush(timeout):
                self._producer.purge()
                self._producer.flush(0)
            self._closed.set()
        self._thread.join()

    def _answers(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(0.1)


class KafkaTransactionalProducer:
    """The one producer with its transactional id."""

    def __init__(self, client: Mapping[str, Any], transactional_id: str) -> None:
        self._trouble = _Trouble()
        self._id = transactional_id
        self._open = False
        self._producer = confluent_kafka.Producer(
            {
                **client,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(TRANSACTION_TIMEOUT * 1000),
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "snappy",
                "partitioner": PARTITIONER,
                "linger.ms": 0,
                "error_cb": self._trouble,
            },
            logger=log,
        )
        self._retried(lambda: self._producer.init_transactions(REQUEST_TIMEOUT))

    def begin(self) -> None:
        """Open a transaction; raises Fenced."""
        self._retried(self._producer.begin_transaction)
        self._open = True

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Append to it."""
        future: Future[Delivery] = Future()
        _produce(self._producer, record, future, self._trouble)
        return future

    def flush(self) -> None:
        """Wait for the brokers' answers; raises BusFailed when some stay out."""
        if left := self._producer.flush(REQUEST_TIMEOUT):
            raise BusFailed(self._trouble.explain(f"{self._id}: {left} records had no answer"))

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: Consumer | None = None) -> None:
        """Commit; what fails is aborted."""
        try:
            if offsets and isinstance(consumer, KafkaConsumer):
                # The records are in the log before the group's coordinator lets the offsets pass: whoever takes the
                # partitions over afterwards sees them, or waits for this transaction's end.
                self.flush()
                given = _topic_partitions(offsets)
                metadata = consumer.metadata()
                self._retried(lambda: self._producer.send_offsets_to_transaction(given, metadata, REQUEST_TIMEOUT))
            self._retried(lambda: self._producer.commit_transaction(REQUEST_TIMEOUT))
            self._open = False
        except (BusFailed, Fenced):
            self._abort_quietly()
            raise

    def abort(self) -> None:
        """Drop the open transaction; raises Fenced."""
        if self._open:
            self._retried(lambda: self._producer.abort_transaction(REQUEST_TIMEOUT))
            self._open = False

    def close(self) -> None:
        """Abort what is open; a fenced producer has nothing left to abort."""
        self._abort_quietly()

    def _abort_quietly(self) -> None:
        try:
            self.abort()
        except (BusFailed, Fenced) as error:
            self._open = False
            log.info("%s: nothing to abort: %s", self._id, error)

    def _retried(self, request: Any) -> None:
        """Repeat what librdkafka says may be repeated, a bounded number of times (INTRODUCTION.md, transactions)."""
        for attempt in range(3):
            try:
                request()
                return
            except KafkaException as failure:
                error = _error_of(failure)
                if error.code() in _FENCED:
                    raise Fenced(f"{self._id}: {error.str()}") from None
                if error.code() in _GONE:
                    raise PartitionsLost(f"{self._id}: {error.str()}") from None
                if not error.retriable() or attempt == 2:
                    raise BusFailed(self._trouble.explain(f"{self._id}: {error.str()}")) from None


class KafkaConsumer:
    """A member of a group that commits by hand and sees committed records only."""

    def __init__(self, client: Mapping[str, Any], group: str, instance: str | None) -> None:
        self._trouble = _Trouble()
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

    def subscribe(self, topics: Sequence[str], assigned: Assigned, revoked: Assigned, lost: Assigned) -> None:
        """Join the group."""

        def told(callback: Assigned) -> Any:
            return lambda _consumer, partitions: callback([Partition(one.topic, one.partition) for one in partitions])

        self._consumer.subscribe(list(topics), on_assign=told(assigned), on_revoke=told(revoked), on_lost=told(lost))

    def poll(self, timeout: float) -> Record | EndOfPartition | None:
        """Return what comes next; raises BusFailed when Kafka refuses this client."""
        message = self._consumer.poll(timeout)
        if (trouble := self._trouble.last) is not None and trouble.code() in _REFUSED:
            raise BusFailed(f"{self._group}: {trouble.str()}")
        if message is None:
            return None
        error = message.error()
        if error is None:
            return _record(message)
        if error.code() == KafkaError._PARTITION_EOF:
            return EndOfPartition(Partition(message.topic() or "", message.partition() or 0), message.offset() or 0)
        if error.fatal() or error.code() in _REFUSED:
            raise BusFailed(f"{self._group}: {error.str()}")
        log.warning("%s: %s", self._group, error.str())
        return None

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit and wait; raises PartitionsLost, Fenced or BusFailed."""
        try:
            self._consumer.commit(offsets=_topic_partitions(offsets), asynchronous=False)
        except KafkaException as failure:
            error = _error_of(failure)
            kind = Fenced if error.code() in _FENCED else PartitionsLost if error.code() in _GONE else BusFailed
            raise kind(f"{self._group}: {error.str()}") from None

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
        try:
            found = self._consumer.get_watermark_offsets(
                TopicPartition(partition.topic, partition.number), timeout=REQUEST_TIMEOUT, cached=False
            )
        except KafkaException as failure:
            raise BusFailed(f"{partition}: {_error_of(failure).str()}") from None
        if found is None:
            raise BusFailed(f"{partition}: its leader didn't tell its end within {REQUEST_TIMEOUT:.0f} s")
        return int(found[1])

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _produce(
    producer: confluent_kafka.Producer, record: Outgoing, future: "Future[Delivery]", trouble: _Trouble
) -> None:
    """Queue a record; its future gets the broker's answer. Raises BufferError when the queue is full."""

    def answered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            future.set_result(Delivery(message.topic() or "", message.partition() or 0, message.offset() or 0))
        else:
            future.set_exception(PublishFailed(trouble.explain(f"{record.topic}: {error.str()}")))

    partition = _ANY_PARTITION if record.partition is None else record.partition
    try:
        producer.produce(
            record.topic,
            value=record.value,
            key=record.key,
            partition=partition,
            headers=list(record.headers),
            on_delivery=answered,
        )
    except KafkaException as failure:
        future.set_exception(PublishFailed(trouble.explain(f"{record.topic}: {_error_of(failure).str()}")))


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


def _topic_partitions(offsets: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(one.topic, one.number, offset) for one, offset in offsets.items()]


def _error_of(failure: KafkaException) -> KafkaError:
    error = failure.args[0]
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError._FAIL, str(failure))
