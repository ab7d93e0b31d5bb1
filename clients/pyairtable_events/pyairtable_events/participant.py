"""A service's part in sagas: it does a step when the log asks for it, once, and answers through its outbox."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import psycopg

from pyairtable_events.envelope import Event
from pyairtable_events.errors import EventsError
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.saga import Direction, Json, SagaError
from pyairtable_events.saga_log import Command, command_of

COMPENSATED: Final = "COMPENSATED"
"""Code of the error of an action that is asked for after its compensation."""


class StepFailed(EventsError):
    """Raised by an action or a compensation: it can't be done, and nothing of it remains."""

    def __init__(self, code: str, message: str, *, retriable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.error = SagaError(code=code, message=message, retriable=retriable)


Act = Callable[[psycopg.Connection[Any], Command], Json]
"""Does a step's work through the connection it gets, whose transaction it leaves open, and returns what later steps may
use. Raises StepFailed to say no; after anything else the command comes again, and is parked in the end."""
AsyncAct = Callable[[psycopg.AsyncConnection[Any], Command], Awaitable[Json]]
_A = TypeVar("_A")
_Way = TypeVar("_Way", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Work(Generic[_Way]):
    """What a step does, and how that is taken back: an ``Act`` each, or an ``AsyncAct``."""

    action: _Way
    compensation: _Way | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An event of the service's own topic that tells what became of a command."""

    type: str
    payload: Json
    key: str | None = None
    """None: the saga's id."""


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    attempt: int
    succeeded: bool
    output: Json
    error: SagaError | None


class _Participant(Generic[_A]):
    def __init__(
        self,
        outbox: OutboxWriter,
        service: str,
        topic: str,
        work: Mapping[tuple[str, str], Work[_A]],
        *,
        done: Callable[[Command, Json], Answer],
        failed: Callable[[Command, SagaError], Answer],
    ) -> None:
        """``work`` has what the service does by saga type and step; ``done`` and ``failed`` make its answers."""
        self._outbox, self._service, self._topic = outbox, service, topic
        self._work = dict(work)
        self._done, self._failed = done, failed

    def _asked(self, event: Event) -> tuple[Command, Work[_A]] | None:
        command = command_of(event)
        work = None if command is None else self._work.get((command.saga_type, command.step))
        return None if command is None or work is None else (command, work)

    def _answer(self, event: Event, command: Command, outcome: _Outcome) -> Event:
        if outcome.succeeded:
            answer = self._done(command, outcome.output)
        else:
            answer = self._failed(command, outcome.error or SagaError(code="UNKNOWN", message=""))
        return event.follow_up(
            type=answer.type,
            source=self._service,
            payload=answer.payload,
            key=answer.key or str(command.saga_id),
        )


class SagaParticipant(_Participant[Act]):
    """An effect for a consumer of ``pyairtable.saga.events``; wrap it in ``Transactional``.

    A step acts once and is undone once, however many tries and deliveries ask for it: the first success is kept in
    ``saga_steps`` and answered again. What is undone, or asked to be before it ever acted, never acts afterwards.
    """

    def __call__(self, connection: psycopg.Connection[Any], event: Event) -> None:
        """Do, within the connection's transaction, what the event asks this service for."""
        asked = self._asked(event)
        if asked is not None:
            command, work = asked
            outcome = self._outcome(connection, command, work)
            self._outbox.write(connection, self._topic, self._answer(event, command, outcome))

    def _outcome(self, connection: psycopg.Connection[Any], command: Command, work: Work[Act]) -> _Outcome:
        connection.execute(_LOCK, (_lock(command),))
        known = _known(connection.execute(_KNOWN, (command.saga_id, command.step)).fetchall())
        before = _before(command, known)
        if before is not None:
            return before
        act = _act(command, known, work)
        outcome = act if isinstance(act, _Outcome) else self._acted(connection, command, act)
        connection.execute(_KEEP, _kept(command, outcome))
        return outcome

    def _acted(self, connection: psycopg.Connection[Any], command: Command, act: Act) -> _Outcome:
        """Act in a transaction within the transaction, so that a refusal leaves nothing but itself."""
        try:
            with connection.transaction():
                output = act(connection, command)
        except StepFailed as failure:
            return _refused(command, failure.error)
        return _succeeded(command, output)


class AsyncSagaParticipant(_Participant[AsyncAct]):
    """``SagaParticipant`` for asyncio; wrap it in ``AsyncTransactional``."""

    async def __call__(self, connection: psycopg.AsyncConnection[Any], event: Event) -> None:
        """Do, within the connection's transaction, what the event asks this service for."""
        asked = self._asked(event)
        if asked is not None:
            command, work = asked
            outcome = await self._outcome(connection, command, work)
            await self._outbox.write_async(connection, self._topic, self._answer(event, command, outcome))

    async def _outcome(
        self, connection: psycopg.AsyncConnection[Any], command: Command, work: Work[AsyncAct]
    ) -> _Outcome:
        await connection.execute(_LOCK, (_lock(command),))
        rows = await connection.execute(_KNOWN, (command.saga_id, command.step))
        known = _known(await rows.fetchall())
        before = _before(command, known)
        if before is not None:
            return before
        act = _act(command, known, work)
        outcome = act if isinstance(act, _Outcome) else await self._acted(connection, command, act)
        await connection.execute(_KEEP, _kept(command, outcome))
        return outcome

    async def _acted(self, connection: psycopg.AsyncConnection[Any], command: Command, act: AsyncAct) -> _Outcome:
        try:
            async with connection.transaction():
                output = await act(connection, command)
        except StepFailed as failure:
            return _refused(command, failure.error)
        return _succeeded(command, output)


def _lock(command: Command) -> str:
    """Two members of the group may have the same command for a moment, while its partition changes hands."""
    return f"saga/{command.saga_id}/{command.step}"


def _before(command: Command, known: Mapping[str, _Outcome]) -> _Outcome | None:
    """Return the outcome that stands already: a success, or that of this try or a later one."""
    if command.direction is Direction.ACTION and Direction.COMPENSATION.value in known:
        # Its success stands no more: a saga that went on from it would have nothing of it.
        return _refused(command, SagaError(code=COMPENSATED, message="the step is compensated"))
    before = known.get(command.direction.value)
    return before if before is not None and (before.succeeded or before.attempt >= command.attempt) else None


def _act(command: Command, known: Mapping[str, _Outcome], work: Work[_A]) -> _A | _Outcome:
    """Return what is to be done, or the outcome where nothing is."""
    if command.direction is Direction.ACTION:
        return work.action
    acted = (one := known.get(Direction.ACTION.value)) is not None and one.succeeded
    return work.compensation if acted and work.compensation is not None else _succeeded(command, {})


def _succeeded(command: Command, output: Json) -> _Outcome:
    return _Outcome(attempt=command.attempt, succeeded=True, output=output, error=None)


def _refused(command: Command, error: SagaError) -> _Outcome:
    return _Outcome(attempt=command.attempt, succeeded=False, output={}, error=error)


_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_KNOWN: Final = "SELECT direction, attempt, succeeded, output, error FROM saga_steps WHERE saga_id = %s AND step = %s"
_KEEP: Final = (
    "INSERT INTO saga_steps (saga_id, step, direction, attempt, succeeded, output, error)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (saga_id, step, direction) DO UPDATE SET attempt = excluded.attempt,"
    " succeeded = excluded.succeeded, output = excluded.output, error = excluded.error, decided_at = now()"
)


def _known(rows: Sequence[Sequence[Any]]) -> dict[str, _Outcome]:
    return {
        name: _Outcome(
            attempt=attempt, succeeded=succeeded, output=output, error=None if error is None else SagaError(**error)
        )
        for name, attempt, succeeded, output, error in rows
    }


def _kept(command: Command, outcome: _Outcome) -> tuple[object, ...]:
    said = outcome.error
    error = None if said is None else {"code": said.code, "message": said.message, "retriable": said.retriable}
    written = (json.dumps(outcome.output, default=str), None if error is None else json.dumps(error))
    where = (command.saga_id, command.step, command.direction.value)
    return (*where, outcome.attempt, outcome.succeeded, *written)
