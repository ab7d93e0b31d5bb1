"""A saga whose orchestrator dies at every point of its work: what was decided once is never decided again."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from pyairtable_events.consumer import EventConsumer
from pyairtable_events.envelope import Event
from pyairtable_events.memory import MemoryConsumer, MemoryLog
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.record import Consumer, Delivery, Outgoing, Partition, Producer, TransactionalProducer
from pyairtable_events.retry import RetryPolicy
from pyairtable_events.saga import Direction, Kind, SagaDefinition, SagaError
from pyairtable_events.saga_log import command_of, from_event
from tests.events import (
    SAGAS,
    STEP_COMPLETED,
    STEP_FAILED,
    STEPS,
    WORKFLOWS,
    five_steps,
    memory_bus,
    run_started,
    step_completed,
    step_failed,
)


class Killed(BaseException):
    """The orchestrator's process is gone; nothing catches it."""


class Doom:
    """Kills the orchestrator at the n-th point before, within or after a transaction's commit."""

    def __init__(self, point: int) -> None:
        self.left = point
        self.dead = threading.Event()

    def point(self) -> None:
        if self.dead.is_set():
            raise Killed
        self.left -= 1
        if self.left == 0:
            self.dead.set()
            raise Killed


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
        self._doom.point()
        self._inner.commit(offsets, consumer)
        self._doom.point()

    def abort(self) -> None:
        if not self._doom.dead.is_set():
            self._inner.abort()

    def close(self) -> None:
        if not self._doom.dead.is_set():
            self._inner.close()


class DoomedLog:
    """A log whose clients die together."""

    def __init__(self, log: MemoryLog, doom: Doom) -> None:
        self._log, self._doom = log, doom

    def producer(self, *, gapless: bool = False) -> Producer:
        return self._log.producer(gapless=gapless)

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer:
        return DoomedProducer(self._log.transactional_producer(transactional_id), self._doom)

    def consumer(self, group: str, instance: str | None = None) -> MemoryConsumer:
        return self._log.consumer(group, instance)


class World:
    """The other services: they do each step once and answer, also a second time."""

    def __init__(self, log: MemoryLog, refuses: str | None = None) -> None:
        self.bus = memory_bus("workflow-engine", log)
        self.effects: Counter[tuple[UUID, str, Direction]] = Counter()
        self._answers: dict[UUID, Event] = {}
        self._refuses = refuses
        self._stop = threading.Event()
        consumer = EventConsumer(self.bus, "workflow-engine-saga", [SAGAS], self._handle)
        self._thread = threading.Thread(target=consumer.run, args=(self._stop,))

    def __enter__(self) -> "World":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _handle(self, event: Event) -> None:
        command = command_of(event)
        if command is None:
            return
        key = command.idempotency_key
        if key not in self._answers:
            if command.step == self._refuses and command.direction is Direction.ACTION:
                payload = step_failed(command.saga_id, command.step, SagaError(code="NO", message="never"))
                answer = event.follow_up(type=STEP_FAILED, source="workflow-engine", payload=payload)
            else:
                self.effects[command.saga_id, command.step, command.direction] += 1
                payload = step_completed(command.saga_id, command.step, {"of": command.step})
                answer = event.follow_up(type=STEP_COMPLETED, source="workflow-engine", payload=payload)
            self._answers[key] = answer
        self.bus.publish(WORKFLOWS, self._answers[key])


@contextmanager
def orchestrating(log: MemoryLog, definition: SagaDefinition, doom: Doom) -> Iterator[threading.Thread]:
    bus = memory_bus("saga-orchestrator")
    bus.log = DoomedLog(log, doom)
    orchestrator = SagaOrchestrator(bus, [definition], [WORKFLOWS], instance="0", retry=RetryPolicy(attempts=1))
    stop = threading.Event()

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda _: None)
            orchestrator.run(stop)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join()


def kinds(log: MemoryLog) -> list[Kind]:
    bus = memory_bus(log=log)
    return [from_event(bus.serde.decode(record)).kind for record in log.records(SAGAS)]


def wait_for(what: str, holds: "threading.Event | None", log: MemoryLog, kind: Kind) -> bool:
    """Wait for an entry of the log, or for the orchestrator's death; tell whether the entry came."""
    deadline = time.monotonic() + 30
    while kind not in kinds(log):
        if holds is not None and holds.is_set():
            return False
        assert time.monotonic() < deadline, f"{what}: no {kind} within 30 s, but {kinds(log)}"
        time.sleep(0.005)
    return True
