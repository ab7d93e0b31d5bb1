"""A saga on a real broker, registry and PostgreSQL, its orchestrator's process killed. Needs java, and no lab."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pyairtable_events.bus import EventBus
from pyairtable_events.consumer import EventConsumer
from pyairtable_events.envelope import Event
from pyairtable_events.idempotent import Transactional
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.participant import Answer, SagaParticipant, StepFailed, Work
from pyairtable_events.redrive import read_to_end
from pyairtable_events.saga import Json, Kind
from pyairtable_events.saga_log import Command, from_event
from tests.drill import DRILL
from tests.e2e.events_stack import Stack, ended, running, stacked, stop
from tests.e2e.harness import wait_for
from tests.events import (
    SAGAS,
    STEP_COMPLETED,
    STEP_FAILED,
    STEPS,
    WORKFLOWS,
    run_started,
    step_completed,
    step_failed,
)

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stacked(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    running_stack.forget()
    return running_stack


def act(connection: "psycopg.Connection[Any]", command: Command) -> Json:
    what = f"{command.saga_id} {command.step} {command.direction.value}"
    connection.execute("INSERT INTO effects (what) VALUES (%s)", (what,))
    return {"of": command.step}


def act_unless_told(connection: "psycopg.Connection[Any]", command: Command) -> Json:
    """The last step refuses when the saga's input says so."""
    act(connection, command)
    if "refuse" in command.input["inputs"]:
        raise StepFailed("NO", "it was told to refuse")
    return {}


@contextmanager
def participating(stack: Stack, bus: EventBus) -> Iterator[None]:
    """The service that does all five steps, and publishes its answers from its outbox."""
    work = {("run-workflow", step): Work(action=act, compensation=act) for step in STEPS[:-1]}
    work["run-workflow", STEPS[-1]] = Work(action=act_unless_told, compensation=act)
    participant = SagaParticipant(
        OutboxWriter(bus.serde),
        "workflow-engine",
        WORKFLOWS,
        work,
        done=lambda command, _: Answer(type=STEP_COMPLETED, payload=step_completed(command.saga_id, command.step)),
        failed=lambda command, error: Answer(
            type=STEP_FAILED, payload=step_failed(command.saga_id, command.step, error)
        ),
    )
    handler = Transactional(stack.connect, participant)
    publisher = stack.process("-m", "pyairtable_events", "publish", service="workflow-engine")
    try:
        with running(EventConsumer(bus, "workflow-engine-saga", [SAGAS], handler).run):
            yield
    finally:
        handler.close()
        stop(publisher)


def log_of(bus: EventBus, correlation: UUID) -> list[tuple[Kind, str, int]]:
    records = read_to_end(bus, SAGAS)
    wanted = [one for one in records if one.header("ce_correlationid") == str(correlation)]
    entries = [from_event(bus.serde.decode(one)) for one in wanted]
    return [(entry.kind, entry.step, entry.attempt) for entry in entries]


@pytest.mark.timeout(3600 if DRILL else 900)
@pytest.mark.parametrize(
    ("inputs", "end", "every", "fewest_points"),
    [
        ({}, Kind.SAGA_COMPLETED, 1 if DRILL else 5, 30),
        ({"refuse": "1"}, Kind.SAGA_COMPENSATED, 1 if DRILL else 9, 50),
    ],
)
def test_an_orchestrator_killed_at_its_points(
    stack: Stack,
    inputs: dict[str, str],
    end: Kind,
    every: int,
    fewest_points: int,
    record_property: Callable[[str, object], None],
) -> None:
    """``every`` is the distance of the points: test_events_saga_recovery tries all of both on the log in memory."""
    bus = stack.bus()
    point, sagas, killed, ends = 1 - every, 0, True, (end, "", 1)
    with participating(stack, bus):
        while killed:
            point, sagas = point + every, sagas + 1
            trigger = run_started(inputs)
            mortal = stack.process("-m", "tests.e2e.saga_process", str(point), service="saga-orchestrator")
            bus.publish(WORKFLOWS, trigger)

            def over(mortal: "subprocess.Popen[bytes]" = mortal, trigger: Event = trigger) -> bool:
                return mortal.poll() is not None or ends in log_of(bus, trigger.id)

            wait_for("the end, or the death", over)
            killed = mortal.poll() is not None
            if killed:
                ended(mortal, -signal.SIGKILL)
                mortal = stack.process("-m", "tests.e2e.saga_process", "0", service="saga-orchestrator")
                wait_for("the end", lambda trigger=trigger: ends in log_of(bus, trigger.id))  # type: ignore[misc]
            stop(mortal)
            counts = Counter(log_of(bus, trigger.id))
            assert {entry: count for entry, count in counts.items() if count > 1} == {}, f"point {point}"
    record_property("sagas", f"{sagas} sagas, the orchestrator killed in {sagas - 1} of them")
    done = stack.effects()
    assert set(done.values()) == {1}, "a step was done twice"
    per_saga = len(STEPS) if end is Kind.SAGA_COMPLETED else 2 * (len(STEPS) - 1)
    assert len(done) == per_saga * sagas
    assert point > fewest_points
    bus.close()
