"""A service's part in sagas: it does a step when the log asks for it, once, and answers through its outbox."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a step does, and how that is taken back."""

    action: Act
    compensation: Act | None = None


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


class SagaParticipant:
    """An effect for a consumer of ``pyairtable.saga.events``; wrap it in ``Transactional``.

    A step acts once and is undone once, however many tries and deliveries ask for it: the first success is kept in
    ``saga_steps`` and answered again. What is undone, or asked to be before it ever acted, never acts afterwards.
    """

    def __init__(
        self,
        outbox: OutboxWriter,
        service: str,
        topic: str,
        work: Mapping[tuple[str, str], Work],
        *,
        done: Callable[[Command, Json], Answer],
        failed: Callable[[Command, SagaError], Answer],
    ) -> None:
        """``work`` has what the service does by saga type and step; ``done`` and ``failed`` make its answers."""
        self._outbox, self._service, self._topic = outbox, service, topic
        self._work = dict(work)
        self._done, self._failed = done, failed

    def __call__(self, connection: psycopg.Connection[Any], event: Event) -> None:
        """Do, within the connection's transaction, what the event asks this service for."""
        command = command_of(event)
        work = None if command is None else self._work.get((command.saga_type, command.step))
        if command is None or work is None:
            return
        outcome = self._outcome(connection, command, work)
        if outcome.succeeded:
            answer = self._done(command, outcome.output)
        else:
            answer = self._failed(command, outcome.error or SagaError(code="UNKNOWN", message=""))
        said = event.follow_up(
            type=answer.type,
            source=self._service,
            payload=answer.payload,
            key=answer.key or str(command.saga_id),
        )
        self._outbox.write(connection, self._topic, said)

    def _outcome(self, connection: psycopg.Connection[Any], command: Command, work: Work) -> _Outcome:
        # Two members of the group may have the same command for a moment, while its partition changes hands.
        connection.execute(_LOCK, (f"saga/{command.saga_id}/{command.step}",))
        known = {name: _read(row) for name, *row in connection.execute(_KNOWN, (command.saga_id, command.step))}
        before = known.get(command.direction.value)
        if before is not None and (before.succeeded or before.attempt >= command.attempt):
            return before
        acted = (one := known.get(Direction.ACTION.value)) is not None and one.succeeded
        if command.direction is Direction.ACTION and Direction.COMPENSATION.value in known:
            error = SagaError(code=COMPENSATED, message="the step was compensated before it acted")
            outcome = _Outcome(attempt=command.attempt, succeeded=False, output={}, error=error)
        elif command.direction is Direction.ACTION:
            outcome = _done(connection, command, work.action)
        elif acted and work.compensation is not None:
            outcome = _done(connection, command, work.compensation)
        else:
            outcome = _Outcome(attempt=command.attempt, succeeded=True, output={}, error=None)
        _keep(connection, command, outcome)
        return outcome


def _done(connection: psycopg.Connection[Any], command: Command, act: Act) -> _Outcome:
    """Act in a transaction within the transaction, so that a refusal leaves nothing but itself."""
    try:
        with connection.transaction():
            output = act(connection, command)
    except StepFailed as failure:
        return _Outcome(attempt=command.attempt, succeeded=False, output={}, error=failure.error)
    return _Outcome(attempt=command.attempt, succeeded=True, output=output, error=None)


_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_KNOWN: Final = "SELECT direction, attempt, succeeded, output, error FROM saga_steps WHERE saga_id = %s AND step = %s"
_KEEP: Final = (
    "INSERT INTO saga_steps (saga_id, step, direction, attempt, succeeded, output, error)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (saga_id, step, direction) DO UPDATE SET attempt = excluded.attempt,"
    " succeeded = excluded.succeeded, output = excluded.output, error = excluded.error, decided_at = now()"
)


def _read(row: list[Any]) -> _Outcome:
    attempt, succeeded, output, error = row
    return _Outcome(
        attempt=attempt, succeeded=succeeded, output=output, error=None if error is None else SagaError(**error)
    )


def _keep(connection: psycopg.Connection[Any], command: Command, outcome: _Outcome) -> None:
    said = outcome.error
    error = None if said is None else {"code": said.code, "message": said.message, "retriable": said.retriable}
    written = (json.dumps(outcome.output, default=str), None if error is None else json.dumps(error))
    where = (command.saga_id, command.step, command.direction.value)
    connection.execute(_KEEP, (*where, outcome.attempt, outcome.succeeded, *written))
