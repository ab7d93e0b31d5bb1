"""Kafka's producers, through librdkafka."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, Message

from pyairtable_events.errors import BusFailed, EventsError, Fenced, PublishFailed, RecordTooLarge
from pyairtable_events.kafka_consumer import KafkaConsumer, topic_partitions
from pyairtable_events.kafka_errors import RAISED, REQUEST_TIMEOUT, Trouble, error_of
from pyairtable_events.record import LARGEST_RECORD, Consumer, Delivery, Outgoing, Partition, failure_of

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT: Final = 30.0
"""Seconds a record may wait for its confirmation, retries included (``message.timeout.ms``)."""
TRANSACTION_TIMEOUT: Final = 15.0
"""Seconds after which the cluster aborts a transaction whose producer died: readers wait no longer than that."""
_ANY_PARTITION: Final = -1
"""librdkafka's RD_KAFKA_PARTITION_UA: by the key's hash."""
PARTITIONER: Final = "murmur2_random"
"""Java's default: an aggregate's events have one partition, whether Connect or this package publishes them."""
_GAPLESS: Final = {"enable.gapless.guarantee": True, "message.timeout.ms": 0}
"""Nothing gets through after a record that failed. One that times out would leave a gap all the same, so none does:
whoever waits for it gives up by closing the producer."""
_PATIENT: Final = {"message.timeout.ms": int(DELIVERY_TIMEOUT * 1000), "message.max.bytes": LARGEST_RECORD}


class KafkaProducer:
    """An idempotent producer with a thread of its own that takes the brokers' answers."""

    def __init__(self, client: Mapping[str, Any], *, gapless: bool) -> None:
        self._trouble = Trouble()
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
                **(_GAPLESS if gapless else _PATIENT),
            },
            logger=log,
        )
        self._waiting: set[Future[Delivery]] = set()
        self._end: PublishFailed | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._answers, name="kafka-answers", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> bool:
        """Whether librdkafka has ended it; records without an answer have failed."""
        return self._end is not None

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Queue a record, waiting for room at most as long as a delivery may take."""
        future: Future[Delivery] = Future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        if self._end is not None:
            future.set_exception(self._end)
            return future
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
                if self.failed:
                    # It ended meanwhile, and who gave up what waited may not have seen this one.
                    self._give_up()
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
            try:
                if timeout <= 0 or self._producer.flush(timeout):
                    self._producer.purge()
                    self._producer.flush(0)
            except RAISED as failure:
                log.info("the producer ended while it was closed: %s", error_of(failure).str())
            self._closed.set()
        self._thread.join()
        self._give_up()

    def _answers(self) -> None:
        while not self._closed.is_set():
            try:
                self._producer.poll(0.1)
            except RAISED as failure:
                self._end = PublishFailed(self._trouble.explain(f"the producer ended: {error_of(failure).str()}"))
                self._give_up()
                return

    def _give_up(self) -> None:
        reason = self._end or PublishFailed("the producer was closed before Kafka answered")
        for future in list(self._waiting):
            _settle(future, reason)


class KafkaTransactionalProducer:
    """The one producer with its transactional id."""

    def __init__(self, client: Mapping[str, Any], transactional_id: str, largest: int) -> None:
        self._trouble = Trouble()
        self._id = transactional_id
        self._open = False
        self._sent: list[Future[Delivery]] = []
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
                "message.max.bytes": largest,
                "error_cb": self._trouble,
            },
            logger=log,
        )
        self._retried(lambda: self._producer.init_transactions(REQUEST_TIMEOUT))

    def begin(self) -> None:
        """Open a transaction; raises Fenced."""
        self._retried(self._producer.begin_transaction)
        self._open, self._sent = True, []

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Append to it."""
        future: Future[Delivery] = Future()
        self._sent.append(future)
        _produce(self._producer, record, future, self._trouble)
        return future

    def flush(self) -> None:
        """Wait for the brokers' answers; raises Fenced, and BusFailed when some stay out."""
        try:
            left = self._producer.flush(REQUEST_TIMEOUT)
        except RAISED as failure:
            raise self._trouble.error(self._id, error_of(failure)) from None
        if left:
            raise BusFailed(self._trouble.explain(f"{self._id}: {left} records had no answer"))

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: Consumer | None = None) -> None:
        """Commit; what fails is aborted."""
        try:
            # The records are in the log before the group's coordinator lets the offsets pass: whoever takes the
            # partitions over afterwards sees them, or waits for this transaction's end.
            self.flush()
            if (lost := failure_of(self._sent)) is not None:
                # What librdkafka refuses by itself is no part of the transaction, which would commit without it.
                self.abort()
                raise lost
            if offsets and isinstance(consumer, KafkaConsumer):
                given = topic_partitions(offsets)
                metadata = consumer.metadata()
                self._retried(lambda: self._producer.send_offsets_to_transaction(given, metadata, REQUEST_TIMEOUT))
            self._retried(lambda: self._producer.commit_transaction(REQUEST_TIMEOUT))
            self._open = False
        except EventsError:
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

    def _retried(self, request: Callable[[], object]) -> None:
        """Repeat what librdkafka says may be repeated, a bounded number of times (INTRODUCTION.md, transactions)."""
        for attempt in range(3):
            try:
                request()
                return
            except RAISED as failure:
                error = error_of(failure)
                if not error.retriable() or attempt == 2:
                    raise self._trouble.error(self._id, error) from None


def _produce(
    producer: confluent_kafka.Producer, record: Outgoing, future: "Future[Delivery]", trouble: Trouble
) -> None:
    """Queue a record; its future gets the broker's answer. Raises BufferError when the queue is full."""

    def answered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            _settle(future, Delivery(message.topic() or "", message.partition() or 0, message.offset() or 0))
        else:
            _settle(future, _refused(record, error, trouble))

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
    except RAISED as failure:
        _settle(future, _refused(record, error_of(failure), trouble))


def _refused(record: Outgoing, error: KafkaError, trouble: Trouble) -> PublishFailed:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordTooLarge(f"{record.topic}: a record of {len(record.value or b'')} bytes: {error.str()}")
    return PublishFailed(trouble.explain(f"{record.topic}: {error.str()}"))


def _settle(future: "Future[Delivery]", outcome: Delivery | PublishFailed) -> None:
    """Give a future its outcome, unless it has one: an answer may come after everything was given up."""
    with contextlib.suppress(InvalidStateError):
        if isinstance(outcome, Delivery):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
