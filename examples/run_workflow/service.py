"""The workflow engine: takes requests, does the saga's steps, counts what became of them. Everything in PostgreSQL."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg

from examples.run_workflow.saga import RUN_STARTED, RUN_WORKFLOW, STEP_COMPLETED, STEP_FAILED, STEPS, TOPIC
from pyairtable_events.bus import EventBus
from pyairtable_events.consumer import EventConsumer
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.idempotent import Idempotent, Transactional
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.participant import Answer, SagaParticipant, StepFailed, Work
from pyairtable_events.saga import Json, SagaError
from pyairtable_events.saga_log import TOPIC as SAGAS
from pyairtable_events.saga_log import Command

Connect = Callable[[], psycopg.Connection[Any]]

TABLES = """
CREATE TABLE IF NOT EXISTS runs (run_id uuid PRIMARY KEY, requested_by text NOT NULL);
CREATE TABLE IF NOT EXISTS step_effects (saga_id uuid NOT NULL, step text NOT NULL, undone boolean DEFAULT false);
CREATE TABLE IF NOT EXISTS step_counts (step text PRIMARY KEY, completed int NOT NULL);
"""


def request(connection: psycopg.Connection[Any], outbox: OutboxWriter, service: str, inputs: dict[str, str]) -> UUID:
    """Take a request: the row and the event are one transaction. Returns the id the saga is known by."""
    run = uuid4()
    event = Event(
        envelope=Envelope(type=RUN_STARTED, source=service),
        payload={"workflow_id": uuid4(), "run_id": run, "version": 1, "trigger": "MANUAL", "inputs": inputs},
        key=str(run),
    )
    with connection.transaction():
        connection.execute("INSERT INTO runs VALUES (%s, %s)", (run, "example"))
        outbox.write(connection, TOPIC, event)
    return event.id


def participant(bus: EventBus, connect: Connect) -> EventConsumer:
    """Return the consumer that does the steps."""
    work = {(RUN_WORKFLOW.type, step): Work(action=_do, compensation=_undo) for step in STEPS}
    effect = SagaParticipant(OutboxWriter(bus.serde), bus.service, TOPIC, work, done=_done, failed=_failed)
    return EventConsumer(bus, f"{bus.service}-saga", [SAGAS], Transactional(connect, effect))


def counter(bus: EventBus, connect: Connect) -> EventConsumer:
    """Return the consumer that counts completed steps, each once."""

    def count(connection: psycopg.Connection[Any], event: Event) -> None:
        if event.type == STEP_COMPLETED:
            connection.execute(
                "INSERT INTO step_counts VALUES (%s, 1)"
                " ON CONFLICT (step) DO UPDATE SET completed = step_counts.completed + 1",
                (event.payload["step"],),
            )

    group = f"{bus.service}-counts"
    return EventConsumer(bus, group, [TOPIC], Idempotent(connect, group, count))


def _do(connection: psycopg.Connection[Any], command: Command) -> Json:
    if command.input["inputs"].get("fail") == command.step:
        raise StepFailed("REFUSED", "the request said so")
    connection.execute("INSERT INTO step_effects VALUES (%s, %s)", (command.saga_id, command.step))
    return {"by": command.step}


def _undo(connection: psycopg.Connection[Any], command: Command) -> Json:
    where = (command.saga_id, command.step)
    connection.execute("UPDATE step_effects SET undone = true WHERE saga_id = %s AND step = %s", where)
    return {}


def _done(command: Command, output: Json) -> Answer:
    outputs = {name: str(value) for name, value in output.items()}
    payload = {"run_id": command.saga_id, "step": command.step, "outputs": outputs, "duration_ms": 0}
    return Answer(type=STEP_COMPLETED, payload=payload)


def _failed(command: Command, error: SagaError) -> Answer:
    said = {"code": error.code, "message": error.message, "retriable": error.retriable}
    return Answer(type=STEP_FAILED, payload={"run_id": command.saga_id, "step": command.step, "error": said})
