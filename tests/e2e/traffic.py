"""A numbered stream of records through an idempotent producer and a consumer, while things break."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, Producer

from tests.e2e.harness import Platform, read_log, wait_for

TOPIC = "pyairtable.auth.events"
RATE = 400


class Traffic:
    """Produces as auth-service and consumes as analytics-service until it is stopped, counting every record."""

    def __init__(self, platform: Platform) -> None:
        self.mark = uuid.uuid4().hex.encode()
        self.failed: list[str] = []
        self.sent = 0
        self.acked = 0
        self.seen: Counter[bytes] = Counter()
        self.group = f"analytics-service-{self.mark.decode()}"
        self._reader = platform.librdkafka("analytics-service")
        self._writer = platform.librdkafka("auth-service")
        self._stop_producing = threading.Event()
        self._stop_consuming = threading.Event()
        self._subscribed = threading.Event()
        self._threads = [threading.Thread(target=self._produce), threading.Thread(target=self._consume)]

    def start(self) -> None:
        self._threads[1].start()
        wait_for("the consumer's assignment", self._subscribed.is_set)
        self._threads[0].start()
        wait_for("the first acknowledged records", lambda: self.acked > RATE)

    def finish(self) -> None:
        """Stop producing, let the consumer see the rest, stop."""
        self._stop_producing.set()
        self._threads[0].join()
        try:
            wait_for("the consumer's catching up", lambda: len(self.seen) >= self.acked)
        finally:
            self._stop_consuming.set()
            self._threads[1].join()

    def check(self) -> None:
        """Nothing failed, nothing lost, nothing doubled: at the producer, in the log, at the consumer."""
        expected = {self._value(number) for number in range(self.sent)}
        assert self.failed == []
        assert self.acked == self.sent
        log = Counter(read_log(self._reader, "analytics-service", TOPIC, self.mark))
        assert expected - log.keys() == set(), "acknowledged records are not in the log"
        assert {value: count for value, count in log.items() if count > 1} == {}, "records are in the log twice"
        assert set(log) == expected
        assert set(self.seen) == expected, "the consumer missed records"
        assert {value: count for value, count in self.seen.items() if count > 1} == {}, "the consumer saw some twice"

    def _value(self, number: int) -> bytes:
        return b"%s %08d" % (self.mark, number)

    def _produce(self) -> None:
        def on_delivery(error: KafkaError | None, _message: object) -> None:
            if error is None:
                self.acked += 1
            else:
                self.failed.append(error.str())

        producer = Producer({**self._writer, "enable.idempotence": "true", "acks": "all"})
        while not self._stop_producing.is_set():
            for _ in range(RATE // 20):
                producer.produce(TOPIC, self._value(self.sent), key=str(self.sent), on_delivery=on_delivery)
                self.sent += 1
            producer.poll(0)
            time.sleep(0.05)
        left = producer.flush(150)
        if left:
            self.failed.append(f"{left} records had no answer")

    def _consume(self) -> None:
        consumer = Consumer(
            {
                **self._reader,
                "group.id": self.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": "true",
            }
        )
        consumer.subscribe([TOPIC], on_assign=lambda *_: self._subscribed.set())
        while not self._stop_consuming.is_set():
            for message in consumer.consume(500, 0.5):
                value = message.value()
                if message.error() is None and value is not None and value.startswith(self.mark):
                    self.seen[value] += 1
        consumer.close()


@contextmanager
def traffic(platform: Platform) -> Iterator[Traffic]:
    """Traffic around a block of trouble; afterwards every record is accounted for."""
    running = Traffic(platform)
    running.start()
    try:
        yield running
    finally:
        running.finish()
    running.check()
