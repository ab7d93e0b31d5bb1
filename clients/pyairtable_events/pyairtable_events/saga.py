"""Sagas as data: what they consist of, how far one is, and what comes next. Nothing here touches a clock or a wire.

A saga's log is its truth. ``advance`` folds an entry of it into the state, ``decide`` says which come next. Both are
deterministic, so whoever reads the same log decides the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from pyairtable_events.envelope import Event

Json = Mapping[str, Any]
"""An object that JSON can write."""

TIMEOUT: Final = "TIMEOUT"
"""Code of the error of a try that had no answer in time: nobody knows whether it acted."""

TOO_LARGE: Final = "TOO_LARGE"
"""Code of the error of a saga whose next entry is larger than a record of the log may be."""


class Direction(StrEnum):
    """Whether a step is done or undone."""

    ACTION = "action"
    COMPENSATION = "compensation"


class Kind(StrEnum):
    """Entries of the log, named as the records of its schema."""

    SAGA_STARTED = "SagaStarted"
    STEP_STARTED = "StepStarted"
    STEP_SUCCEEDED = "StepSucceeded"
    STEP_FAILED = "StepFailed"
    COMPENSATION_STARTED = "CompensationStarted"
    STEP_COMPENSATION_STARTED = "StepCompensationStarted"
    STEP_COMPENSATED = "StepCompensated"
    STEP_COMPENSATION_FAILED = "StepCompensationFailed"
    SAGA_COMPLETED = "SagaCompleted"
    SAGA_COMPENSATED = "SagaCompensated"
    SAGA_FAILED = "SagaFailed"


class Status(StrEnum):
    """How a saga stands."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    FAILED = "failed"
    """It can neither go on nor back: an operator has to look at it."""

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self not in (Status.RUNNING, Status.COMPENSATING)


class Phase(StrEnum):
    """How a step's action, or its compensation, stands."""

    IDLE = "idle"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a saga goes back, as the schema has it."""

    STEP_FAILED = "STEP_FAILED"
    DEADLINE = "DEADLINE"


@dataclass(frozen=True, kw_only=True)
class SagaError:
    """What went wrong, as the schema has it."""

    code: str
    message: str
    retriable: bool = False


def outputs_of(event: Event) -> Json:
    """Return an answer's ``outputs``, as workflow events have them."""
    found = event.payload.get("outputs")
    return found if isinstance(found, Mapping) else {}


def error_of(event: Event) -> SagaError:
    """Return an answer's ``error`` of code, message and retriable, as workflow events have it."""
    found = event.payload.get("error")
    said = found if isinstance(found, Mapping) else {}
    return SagaError(
        code=str(said.get("code", event.type)),
        message=str(said.get("message", "")),
        retriable=bool(said.get("retriable", False)),
    )


def _nothing(_event: Event) -> Json:
    return {}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: what its service answers when it has acted, and when it has been undone."""

    name: str
    done: frozenset[str]
    """Types of the events that say it is done; their ``causation_id`` is the id of the command."""
    failed: frozenset[str]
    """Types of the events that say it could not be done, and that nothing of it remains."""
    undone: frozenset[str] = frozenset()
    """Types of the events that say it is undone; none when there is nothing to compensate."""
    undo_failed: frozenset[str] = frozenset()
    attempts: int = 3
    """Tries of the action, and of the compensation."""
    timeout: timedelta = timedelta(seconds=30)
    """How long an answer may take; then the try has failed as far as the saga knows."""
    retry_delay: timedelta = timedelta(seconds=1)
    """Wait before another try."""
    output: Callable[[Event], Json] = outputs_of
    """What later steps may use of the answer."""
    error: Callable[[Event], SagaError] = error_of


@dataclass(frozen=True, kw_only=True)
class SagaDefinition:
    """A kind of saga."""

    type: str
    version: int = 1
    """Raised with any change of the steps; an orchestrator has the definitions of all versions still under way."""
    steps: tuple[Step, ...]
    triggers: frozenset[str] = frozenset()
    """Types of the events that start one. A request, told by its ``correlation_id``, starts one saga of a type."""
    input: Callable[[Event], Json] = _nothing
    """What the saga works on, from its trigger."""
    deadline: timedelta | None = None
    """How long it may take before it goes back."""

    def __post_init__(self) -> None:
        """Raise ValueError for steps that can't be told apart, of which there are none, or that end nowhere."""
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"saga {self.type}: it has steps, each with a name of its own")
        for step in self.steps:
            if not step.done or step.attempts < 1 or step.timeout <= timedelta(0):
                raise ValueError(f"saga {self.type}, step {step.name}: it has an answer, an attempt and a timeout")

    @property
    def answers(self) -> frozenset[str]:
        """Types of all events that answer a command."""
        return frozenset().union(*(one.done | one.failed | one.undone | one.undo_failed for one in self.steps))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a saga's log; fields its kind has no use for keep their defaults."""

    kind: Kind
    saga_id: UUID
    step: str = ""
    index: int = 0
    """Place of the step."""
    attempt: int = 1
    type: str = ""
    version: int = 1
    steps: tuple[str, ...] = ()
    data: Json = field(default_factory=dict)
    """Input of a saga or of a command, output of a step or of the saga."""
    deadline: datetime | None = None
    error: SagaError | None = None
    reason: Reason | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a step's action, or its compensation, is."""

    phase: Phase = Phase.IDLE
    attempt: int = 0
    since: datetime | None = None
    """When the phase began."""
    output: Json = field(default_factory=dict)
    error: SagaError | None = None


@dataclass(frozen=True, kw_only=True)
class SagaState:
    """How far a saga is, by its log."""

    saga_id: UUID
    type: str
    version: int
    steps: tuple[str, ...]
    input: Json
    deadline: datetime | None
    status: Status = Status.RUNNING
    since: datetime
    """When the status began."""
    actions: Mapping[str, Progress] = field(default_factory=dict)
    compensations: Mapping[str, Progress] = field(default_factory=dict)
    reason: SagaError | None = None
    """What made it go back."""

    def action(self, step: str) -> Progress:
        """How far a step's action is."""
        return self.actions.get(step, Progress())

    def compensation(self, step: str) -> Progress:
        """How far a step's compensation is."""
        return self.compensations.get(step, Progress())

    def may_have_acted(self, step: str) -> bool:
        """Whether a step has acted, or nobody knows that it hasn't."""
        action = self.action(step)
        unknown = action.phase is Phase.FAILED and action.error is not None and action.error.code == TIMEOUT
        return action.phase in (Phase.STARTED, Phase.DONE) or unknown

    @property
    def outputs(self) -> dict[str, Json]:
        """Output of each step that is done."""
        return {name: one.output for name, one in self.actions.items() if one.phase is Phase.DONE}


def saga_id_of(correlation_id: UUID, saga_type: str) -> UUID:
    """Return the id of the saga that a request starts."""
    return uuid5(correlation_id, f"saga/{saga_type}")


def entry_id(entry: Entry) -> UUID:
    """Return the id of an entry's event: the same whoever writes it, so it counts once."""
    return uuid5(entry.saga_id, f"{entry.kind.value}/{entry.step}/{entry.attempt}")


def command_id(saga_id: UUID, step: str, direction: Direction, attempt: int) -> UUID:
    """Return the id of the event that asks for a step, or for its compensation: the key of (saga, step, attempt)."""
    kind = Kind.STEP_STARTED if direction is Direction.ACTION else Kind.STEP_COMPENSATION_STARTED
    return entry_id(Entry(kind=kind, saga_id=saga_id, step=step, attempt=attempt))


def idempotency_key(saga_id: UUID, step: str, direction: Direction) -> UUID:
    """Return the key that all tries of a step share, for systems that do things once per key."""
    return uuid5(NAMESPACE_URL, f"saga:{saga_id}/{step}/{direction.value}")


def start(entry: Entry, at: datetime) -> SagaState:
    """Return the state after SagaStarted."""
    return SagaState(
        saga_id=entry.saga_id,
        type=entry.type,
        version=entry.version,
        steps=entry.steps,
        input=entry.data,
        deadline=entry.deadline,
        since=at,
    )


def advance(state: SagaState, entry: Entry, at: datetime) -> SagaState:
    """Return the state after an entry written ``at`` that time; what comes twice or too late changes nothing."""
    if state.status.final:
        return state
    if entry.kind in _ENDS:
        return replace(state, status=_ENDS[entry.kind], since=at, reason=entry.error or state.reason)
    if entry.kind is Kind.COMPENSATION_STARTED:
        if state.status is Status.COMPENSATING:
            return state
        return replace(state, status=Status.COMPENSATING, since=at, reason=entry.error)
    if entry.step not in state.steps:
        return state
    if entry.kind in _ACTION_PHASES:
        after = _progress(state.action(entry.step), _ACTION_PHASES[entry.kind], entry, at)
        return replace(state, actions={**state.actions, entry.step: after})
    if entry.kind in _COMPENSATION_PHASES:
        after = _progress(state.compensation(entry.step), _COMPENSATION_PHASES[entry.kind], entry, at)
        return replace(state, compensations={**state.compensations, entry.step: after})
    return state


_ENDS: Final = {
    Kind.SAGA_COMPLETED: Status.COMPLETED,
    Kind.SAGA_COMPENSATED: Status.COMPENSATED,
    Kind.SAGA_FAILED: Status.FAILED,
}
_ACTION_PHASES: Final = {
    Kind.STEP_STARTED: Phase.STARTED,
    Kind.STEP_SUCCEEDED: Phase.DONE,
    Kind.STEP_FAILED: Phase.FAILED,
}
_COMPENSATION_PHASES: Final = {
    Kind.STEP_COMPENSATION_STARTED: Phase.STARTED,
    Kind.STEP_COMPENSATED: Phase.DONE,
    Kind.STEP_COMPENSATION_FAILED: Phase.FAILED,
}


def _progress(before: Progress, phase: Phase, entry: Entry, at: datetime) -> Progress:
    """Move a step on. Done stays done; a failure counts for the latest try only, a success for any."""
    if before.phase is Phase.DONE:
        return before
    if phase is Phase.STARTED and entry.attempt <= before.attempt:
        return before
    if phase is Phase.FAILED and (entry.attempt != before.attempt or before.phase is not Phase.STARTED):
        return before
    attempt = max(before.attempt, entry.attempt)
    return Progress(phase=phase, attempt=attempt, since=at, output=entry.data, error=entry.error)


def decide(definition: SagaDefinition, state: SagaState, now: datetime) -> tuple[Entry, ...]:
    """Return the entries that come next, in their order; none while the saga waits for an answer, or for ``due``."""
    entries: list[Entry] = []
    while (entry := _next(definition, state, now)) is not None:
        entries.append(entry)
        state = advance(state, entry, now)
    return tuple(entries)


def due(definition: SagaDefinition, state: SagaState) -> datetime | None:
    """Return when ``decide`` has something to say even if nothing is heard until then."""
    if state.status.final:
        return None
    times = [state.deadline] if state.deadline is not None and state.status is Status.RUNNING else []
    step, progress = _current(definition, state)
    if step is not None and progress.since is not None:
        waits = {Phase.STARTED: step.timeout, Phase.FAILED: step.retry_delay}
        times += [progress.since + waits[progress.phase]] if progress.phase in waits else []
    return min(times, default=None)


def _current(definition: SagaDefinition, state: SagaState) -> tuple[Step | None, Progress]:
    """Return the step a saga is at, with how far that is; None when no step is left."""
    if state.status is Status.RUNNING:
        for step in definition.steps:
            if state.action(step.name).phase is not Phase.DONE:
                return step, state.action(step.name)
    else:
        for step in reversed(definition.steps):
            open_ = state.compensation(step.name).phase is not Phase.DONE
            if step.undone and state.may_have_acted(step.name) and open_:
                return step, state.compensation(step.name)
    return None, Progress()


def _next(definition: SagaDefinition, state: SagaState, now: datetime) -> Entry | None:
    if state.status.final:
        return None
    running = state.status is Status.RUNNING
    if running and state.deadline is not None and now >= state.deadline:
        error = SagaError(code="DEADLINE", message=f"it wasn't done by {state.deadline.isoformat()}")
        return _back(state, Reason.DEADLINE, error)
    step, progress = _current(definition, state)
    if step is None:
        kind = Kind.SAGA_COMPLETED if running else Kind.SAGA_COMPENSATED
        return Entry(kind=kind, saga_id=state.saga_id, data=state.outputs if running else {})
    since = progress.since or now
    if progress.phase is Phase.IDLE:
        return _command(state, step, 1)
    if progress.phase is Phase.STARTED:
        if now < since + step.timeout:
            return None
        error = SagaError(code=TIMEOUT, message=f"no answer within {step.timeout}", retriable=True)
        kind = Kind.STEP_FAILED if running else Kind.STEP_COMPENSATION_FAILED
        return _entry(kind, state, step.name, progress.attempt, error=error)
    failed = progress.error or SagaError(code="UNKNOWN", message="")
    if failed.retriable and progress.attempt < step.attempts:
        return _command(state, step, progress.attempt + 1) if now >= since + step.retry_delay else None
    if running:
        return _back(state, Reason.STEP_FAILED, failed)
    return _entry(Kind.SAGA_FAILED, state, step.name, error=failed)


def _command(state: SagaState, step: Step, attempt: int) -> Entry:
    kind = Kind.STEP_STARTED if state.status is Status.RUNNING else Kind.STEP_COMPENSATION_STARTED
    data = {"saga_type": state.type, "input": state.input, "outputs": state.outputs}
    return _entry(kind, state, step.name, attempt, data=data)


def _entry(
    kind: Kind,
    state: SagaState,
    step: str,
    attempt: int = 1,
    *,
    data: Json | None = None,
    error: SagaError | None = None,
) -> Entry:
    index = state.steps.index(step)
    return Entry(
        kind=kind, saga_id=state.saga_id, step=step, index=index, attempt=attempt, data=data or {}, error=error
    )


def _back(state: SagaState, reason: Reason, error: SagaError) -> Entry:
    return Entry(kind=Kind.COMPENSATION_STARTED, saga_id=state.saga_id, reason=reason, error=error)


def entries_of(definitions: Sequence[SagaDefinition], event: Event) -> tuple[Entry, ...]:
    """Return what an event of another topic means to sagas: the start of some, the answer to a command, or nothing.

    Only the latest version of a definition is started. Whether a saga of that id exists is for its log to say.
    """
    entries = [_started(one, event) for one in _latest(definitions) if event.type in one.triggers]
    if event.envelope.causation_id is not None:
        answers = (_answer(one, event) for one in definitions if event.type in one.answers)
        entries += list({entry_id(one): one for one in answers if one is not None}.values())
    return tuple(entries)


def _latest(definitions: Sequence[SagaDefinition]) -> list[SagaDefinition]:
    by_type = {one.type: one for one in sorted(definitions, key=lambda one: one.version)}
    return list(by_type.values())


def _started(definition: SagaDefinition, event: Event) -> Entry:
    return Entry(
        kind=Kind.SAGA_STARTED,
        saga_id=saga_id_of(event.envelope.correlation, definition.type),
        type=definition.type,
        version=definition.version,
        steps=tuple(step.name for step in definition.steps),
        data=definition.input(event),
        deadline=None if definition.deadline is None else event.envelope.time + definition.deadline,
    )


def _answer(definition: SagaDefinition, event: Event) -> Entry | None:
    """Return the entry of an answer: the command it was caused by is one of few, whose ids are known beforehand."""
    saga_id = saga_id_of(event.envelope.correlation, definition.type)
    for index, step in enumerate(definition.steps):
        kinds = (
            (Direction.ACTION, step.done, Kind.STEP_SUCCEEDED),
            (Direction.ACTION, step.failed, Kind.STEP_FAILED),
            (Direction.COMPENSATION, step.undone, Kind.STEP_COMPENSATED),
            (Direction.COMPENSATION, step.undo_failed, Kind.STEP_COMPENSATION_FAILED),
        )
        for direction, types, kind in kinds:
            for attempt in range(1, step.attempts + 1) if event.type in types else ():
                if command_id(saga_id, step.name, direction, attempt) == event.envelope.causation_id:
                    done = kind is Kind.STEP_SUCCEEDED
                    failed = kind in (Kind.STEP_FAILED, Kind.STEP_COMPENSATION_FAILED)
                    return Entry(
                        kind=kind,
                        saga_id=saga_id,
                        step=step.name,
                        index=index,
                        attempt=attempt,
                        data=step.output(event) if done else {},
                        error=step.error(event) if failed else None,
                    )
    return None
