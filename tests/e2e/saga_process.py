"""An orchestrator as a process that kills itself (SIGKILL) at a point of its transactions; the test starts it."""

import os
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import Future

from pyairtable_events.bus import event_bus
from pyairtable_events.consumer import stopped_by_signals
from pyairtable_events.kafka import KafkaLog, KafkaTransactionalProducer
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.record import Consumer, Delivery, Outgoing, Partition
from pyairtable_events.settings import KafkaSettings, from_environment
from tests.events import WORKFLOWS, five_steps


class Points:
    """Counts the points of all producers of the process."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def point(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A transactional producer with a point before, within and after each transaction."""

    def __init__(self, inner: KafkaTransactionalProducer, points: Points) -> None:
        self._inner, self._points = inner, points

    def begin(self) -> None:
        self._points.point()
        self._inner.begin()

    def send(self, record: Outgoing) -> "Future[Delivery]":
        return self._inner.send(record)

    def flush(self) -> None:
        self._inner.flush()

    def commit(self, offsets: Mapping[Partition, int] | None = None, consumer: Consumer | None = None) -> None:
        self._inner.flush()
        self._points.point()
        self._inner.commit(offsets, consumer)
        self._points.point()

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


class MortalLog(KafkaLog):
    """Kafka, with producers that count."""

    def __init__(self, settings: KafkaSettings, points: Points) -> None:
        super().__init__(settings)
        self._points = points

    def transactional_producer(self, transactional_id: str) -> Mortal:  # type: ignore[override]
        return Mortal(super().transactional_producer(transactional_id), self._points)


def main(fatal: int) -> None:
    settings = from_environment(os.environ)
    bus = event_bus(settings)
    if settings.kafka is None:
        raise SystemExit("a broker is needed")
    bus.log = MortalLog(settings.kafka, Points(fatal))
    with stopped_by_signals() as stop:
        SagaOrchestrator(bus, [five_steps()], [WORKFLOWS], instance="0").run(stop)


if __name__ == "__main__":
    main(int(sys.argv[1]))
