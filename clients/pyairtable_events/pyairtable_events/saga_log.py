"""The log of sagas: entries as events of ``pyairtable.saga.events``, keyed by the saga's id."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import MalformedRecord
from pyairtable_events.saga import Direction, Entry, Json, Kind, Reason, SagaError, entry_id, idempotency_key
from pyairtable_events.text import text_of

TOPIC: Final = "pyairtable.saga.events"
NAMESPACE: Final = "com.pyairtable.saga.events"


@dataclass(frozen=True, kw_only=True)
class Thread:
    """What all events of a saga have in common."""

    correlation_id: UUID
    tenant: str | None
    causation_id: UUID | None
    """Id of the event that the next entry follows from."""


def thread_of(event: Event) -> Thread:
    """Return the thread that an event's follow-ups belong to."""
    return Thread(correlation_id=event.envelope.correlation, tenant=event.envelope.tenant, causation_id=event.id)


def to_event(entry: Entry, thread: Thread, service: str, at: datetime) -> Event:
    """Return the event of an entry."""
    return Event(
        envelope=Envelope(
            id=entry_id(entry),
            type=f"{NAMESPACE}.{entry.kind.value}",
            source=service,
            time=at,
            tenant=thread.tenant,
            correlation_id=thread.correlation_id,
            causation_id=thread.causation_id,
        ),
        payload={"saga_id": entry.saga_id, **_FIELDS[entry.kind](entry)},
        key=str(entry.saga_id),
    )


def from_event(event: Event) -> Entry:
    """Return the entry of an event; raises MalformedRecord for what is no entry."""
    namespace, _, name = event.type.rpartition(".")
    if namespace != NAMESPACE or name not in Kind.__members__.values():
        raise MalformedRecord(f"{event.type} is no entry of a saga's log")
    said = event.payload
    error, reason = said.get("error"), said.get("reason")
    return Entry(
        kind=Kind(name),
        saga_id=said["saga_id"],
        step=said.get("step", said.get("failed_step", "")),
        index=said.get("index", 0),
        attempt=said.get("attempt", 1),
        type=said.get("saga_type", ""),
        version=said.get("definition_version", 1),
        steps=tuple(said.get("steps", ())),
        data=_object(said.get("input", said.get("output", "{}"))),
        deadline=said.get("deadline"),
        error=_error(error) if error is not None else _reason_error(said) if reason is not None else None,
        reason=Reason(str(reason)) if reason in Reason.__members__ else None,
    )


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a step's service is asked for."""

    id: UUID
    """Id of the event that asks: another for each try."""
    saga_id: UUID
    saga_type: str
    step: str
    direction: Direction
    attempt: int
    idempotency_key: UUID
    """The same for every try."""
    input: Json
    """Input of the saga."""
    outputs: Mapping[str, Json]
    """What the steps before have said, by step; a compensation finds its own action's output there."""


def command_of(event: Event) -> Command | None:
    """Return what an event of the log asks for, None when it asks for nothing; raises MalformedRecord."""
    entry = from_event(event)
    if entry.kind not in (Kind.STEP_STARTED, Kind.STEP_COMPENSATION_STARTED):
        return None
    direction = Direction.ACTION if entry.kind is Kind.STEP_STARTED else Direction.COMPENSATION
    try:
        return Command(
            id=event.id,
            saga_id=entry.saga_id,
            saga_type=str(entry.data["saga_type"]),
            step=entry.step,
            direction=direction,
            attempt=entry.attempt,
            idempotency_key=event.payload["idempotency_key"],
            input=entry.data["input"],
            outputs=entry.data["outputs"],
        )
    except KeyError as error:
        raise MalformedRecord(f"the command's input lacks {error}") from None


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MalformedRecord(f"the entry's data is no JSON: {error}") from None
    if found is not None and not isinstance(found, dict):
        raise MalformedRecord("the entry's data is no JSON object")
    return found or {}


def _text(data: Json) -> str:
    # What JSON has no form for, an id or a time, is written as text. Letters aren't escaped: a Cyrillic one would take
    # six bytes instead of two. A lone surrogate is, in a form that is JSON's own.
    return text_of(json.dumps(data, default=str, ensure_ascii=False))


def _at(entry: Entry) -> dict[str, Any]:
    return {"step": entry.step, "index": entry.index, "attempt": entry.attempt}


def _error(said: Mapping[str, Any]) -> SagaError:
    return SagaError(code=said["code"], message=said["message"], retriable=said["retriable"])


def _reason_error(said: Mapping[str, Any]) -> SagaError:
    return SagaError(code=str(said["reason"]), message=str(said.get("message", "")))


def _written(error: SagaError | None) -> dict[str, Any]:
    said = error or SagaError(code="UNKNOWN", message="")
    return {"code": text_of(said.code), "message": text_of(said.message), "retriable": said.retriable}


def _command_fields(direction: Direction) -> Callable[[Entry], dict[str, Any]]:
    return lambda entry: {
        **_at(entry),
        "idempotency_key": idempotency_key(entry.saga_id, entry.step, direction),
        "input": _text(entry.data),
    }


_FIELDS: Final[Mapping[Kind, Callable[[Entry], dict[str, Any]]]] = {
    Kind.SAGA_STARTED: lambda entry: {
        "saga_type": entry.type,
        "definition_version": entry.version,
        "steps": list(entry.steps),
        "input": _text(entry.data),
        "deadline": entry.deadline,
    },
    Kind.STEP_STARTED: _command_fields(Direction.ACTION),
    Kind.STEP_SUCCEEDED: lambda entry: {**_at(entry), "output": _text(entry.data)},
    Kind.STEP_FAILED: lambda entry: {**_at(entry), "error": _written(entry.error)},
    Kind.COMPENSATION_STARTED: lambda entry: {
        "reason": (entry.reason or Reason.STEP_FAILED).value,
        "message": text_of(f"{entry.error.code}: {entry.error.message}") if entry.error else "",
    },
    Kind.STEP_COMPENSATION_STARTED: _command_fields(Direction.COMPENSATION),
    Kind.STEP_COMPENSATED: _at,
    Kind.STEP_COMPENSATION_FAILED: lambda entry: {**_at(entry), "error": _written(entry.error)},
    Kind.SAGA_COMPLETED: lambda entry: {"output": _text(entry.data)},
    Kind.SAGA_COMPENSATED: lambda _entry: {},
    Kind.SAGA_FAILED: lambda entry: {"error": _written(entry.error), "failed_step": entry.step},
}
