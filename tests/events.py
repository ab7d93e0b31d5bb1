"""What the tests of pyairtable_events share: a bus in memory with the real schemas, events, a saga of five steps."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pyairtable_events.bus import EventBus
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.memory import MemoryLog
from pyairtable_events.record import Record
from pyairtable_events.registry import folder_registry
from pyairtable_events.saga import Json, SagaDefinition, SagaError, Step
from pyairtable_events.serde import Serde

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
WORKFLOWS = "pyairtable.workflows.events"
SAGAS = "pyairtable.saga.events"
DEAD_LETTERS = "pyairtable.dlq.events"
RUN_STARTED = "com.pyairtable.workflows.events.RunStarted"
RUN_COMPLETED = "com.pyairtable.workflows.events.RunCompleted"
STEP_COMPLETED = "com.pyairtable.workflows.events.StepCompleted"
STEP_FAILED = "com.pyairtable.workflows.events.StepFailed"


def memory_bus(service: str = "workflow-engine", log: MemoryLog | None = None) -> EventBus:
    """A bus without a broker that checks events against the committed schemas."""
    return EventBus(service, log or MemoryLog(), serde())


@cache
def serde() -> Serde:
    """Encodes and decodes by the committed schemas."""
    return Serde(folder_registry(SCHEMAS))


def completed(number: int = 0, key: str | None = None, *, id: UUID | None = None) -> Event:
    """An event about a run, told from others by its duration."""
    return Event(
        envelope=Envelope(id=id or uuid4(), type=RUN_COMPLETED, source="workflow-engine"),
        payload={"run_id": uuid4(), "duration_ms": number},
        key=key,
    )


def run_started(inputs: Mapping[str, str] | None = None) -> Event:
    """The trigger of a saga."""
    run = uuid4()
    return Event(
        envelope=Envelope(type=RUN_STARTED, source="workflow-engine"),
        payload={
            "workflow_id": uuid4(),
            "run_id": run,
            "version": 1,
            "trigger": "MANUAL",
            "inputs": dict(inputs or {}),
        },
        key=str(run),
    )


def recorded(value: bytes | None, key: bytes | None = b"k", topic: str = WORKFLOWS) -> Record:
    return Record(topic=topic, partition=0, offset=7, value=value, key=key, time=datetime(2026, 1, 2, tzinfo=UTC))


STEPS = ("reserve", "validate", "generate", "write", "notify")


def five_steps(timeout: timedelta = timedelta(seconds=30), retry_delay: timedelta = timedelta(0)) -> SagaDefinition:
    """The saga that every recovery test runs."""
    return SagaDefinition(
        type="run-workflow",
        steps=tuple(_step(name, timeout, retry_delay) for name in STEPS),
        triggers=frozenset({RUN_STARTED}),
        input=lambda event: {"run_id": str(event.payload["run_id"]), "inputs": dict(event.payload["inputs"])},
    )


def _step(name: str, timeout: timedelta, retry_delay: timedelta) -> Step:
    done, failed = frozenset({STEP_COMPLETED}), frozenset({STEP_FAILED})
    return Step(
        name=name,
        done=done,
        failed=failed,
        undone=done,
        undo_failed=failed,
        timeout=timeout,
        retry_delay=retry_delay,
    )


def step_completed(run_id: UUID, step: str, outputs: Json | None = None) -> dict[str, Any]:
    return {"run_id": run_id, "step": step, "outputs": dict(outputs or {}), "duration_ms": 1}


def step_failed(run_id: UUID, step: str, error: SagaError) -> dict[str, Any]:
    said = {"code": error.code, "message": error.message, "retriable": error.retriable}
    return {"run_id": run_id, "step": step, "error": said}
