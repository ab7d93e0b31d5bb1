"""A saga whose orchestrator dies at every point of its work: what was decided once is never decided again."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from pyairtable_events.bus import EventBus
from pyairtable_events.consumer import EventConsumer
from pyairtable_events.envelope import Event
from pyairtable_events.errors import Fenced
from pyairtable_events.memory import MemoryLog
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.record import (
    Outgoing,
    Partition,
)
from pyairtable_events.redrive import dead_letters
from pyairtable_events.retry import RetryPolicy
from pyairtable_events.saga import Direction, Entry, Kind, SagaDefinition, SagaError
from pyairtable_events.saga_log import command_of, from_event
from tests.e2e.doom import Doom, DoomedLog, Killed
from tests.events import (
    SAGAS,
    STEP_COMPLETED,
    STEP_FAILED,
    STEPS,
    WORKFLOWS,
    five_steps,
    memory_bus,
    run_started,
    serde,
    step_completed,
    step_failed,
)

# Neither program nor lab is needed, only seconds, which unit tests don't take.
pytestmark = pytest.mark.programs


def wake(log: MemoryLog) -> None:
    """Let consumers that wait for records look around: the test needn't wait for their timeouts."""
    with log.changed:
        log.changed.notify_all()


class World:
    """The other services: they do each step once and answer, also a second time."""

    def __init__(self, log: MemoryLog, refuses: str | None = None) -> None:
        self._log = log
        self.bus = memory_bus("workflow-engine", log)
        self.effects: Counter[tuple[str, Direction]] = Counter()
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
        wake(self._log)
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
                self.effects[command.step, command.direction] += 1
                payload = step_completed(command.saga_id, command.step, {"of": command.step})
                answer = event.follow_up(type=STEP_COMPLETED, source="workflow-engine", payload=payload)
            self._answers[key] = answer
        self.bus.publish(WORKFLOWS, self._answers[key])


class Orchestrating:
    """An orchestrator in threads of its own, and what it raised once it ended."""

    def __init__(
        self,
        log: MemoryLog,
        *definitions: SagaDefinition,
        doom: Doom | None = None,
        instance: str = "0",
        remember: timedelta = timedelta(hours=1),
    ) -> None:
        self._log = log
        self.doom = doom or Doom(0)
        self.raised: list[BaseException] = []
        bus = EventBus("saga-orchestrator", DoomedLog(log, self.doom), serde())
        once = RetryPolicy(attempts=1)
        self._orchestrator = SagaOrchestrator(
            bus, definitions, [WORKFLOWS], instance=instance, retry=once, remember=remember
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Orchestrating":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        wake(self._log)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._orchestrator.run(self._stop)
        except Exception as error:  # noqa: BLE001 the test looks at it
            self.raised.append(error)


def entries(log: MemoryLog) -> list[Entry]:
    return [from_event(serde().decode(record)) for record in log.records(SAGAS)]


def kinds(log: MemoryLog) -> list[Kind]:
    return [entry.kind for entry in entries(log)]


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within 60 s"
        time.sleep(0.002)


def assert_decided_once(log: MemoryLog) -> None:
    counts = Counter((one.saga_id, one.kind, one.step, one.attempt) for one in entries(log))
    assert {entry: count for entry, count in counts.items() if count > 1} == {}, "entries were written twice"


def effects(refuses: str | None) -> dict[tuple[str, Direction], int]:
    """What a saga does altogether: all steps, or those before the refused one and their compensations."""
    if refuses is None:
        return {(step, Direction.ACTION): 1 for step in STEPS}
    before = STEPS[: STEPS.index(refuses)]
    return {(step, direction): 1 for step in before for direction in Direction}


@pytest.fixture(autouse=True)
def quiet_deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ends by Killed is no warning: its process would be gone."""
    inform = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not Killed:
            inform(arguments)

    monkeypatch.setattr(threading, "excepthook", hook)


@pytest.mark.parametrize(
    ("refuses", "end", "fewest_points"),
    [(None, Kind.SAGA_COMPLETED, 30), ("notify", Kind.SAGA_COMPENSATED, 50)],
)
def test_killed_at_every_point(refuses: str | None, end: Kind, fewest_points: int) -> None:
    point, killed = 0, True
    while killed:
        point += 1
        log, doom = MemoryLog(), Doom(point)
        with World(log, refuses) as world:
            world.bus.publish(WORKFLOWS, run_started())
            with Orchestrating(log, five_steps(), doom=doom):
                wait_for("the end, or the death", lambda log=log, doom=doom: doom.dead.is_set() or end in kinds(log))  # type: ignore[misc]
                killed = end not in kinds(log)
            if killed:
                with Orchestrating(log, five_steps()):
                    wait_for("the end", lambda log=log: end in kinds(log))  # type: ignore[misc]
        assert world.effects == effects(refuses), f"killed at point {point}"
        assert_decided_once(log)
    assert point > fewest_points


def test_nothing_is_decided_about_a_log_that_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record by record: between any two of them the saga looks as if something had to be written that already is."""
    monkeypatch.setattr("pyairtable_events.saga_decider._BATCH", 1)
    log = MemoryLog({SAGAS: 1})
    with World(log, "notify") as world:
        for _ in range(3):
            world.bus.publish(WORKFLOWS, run_started())
        with Orchestrating(log, five_steps()):
            wait_for("a compensation", lambda: Kind.STEP_COMPENSATED in kinds(log))
        with Orchestrating(log, five_steps()):
            wait_for("all ends", lambda: kinds(log).count(Kind.SAGA_COMPENSATED) == 3)
    assert world.effects == {effect: 3 * count for effect, count in effects("notify").items()}
    assert_decided_once(log)


def test_killed_again_and_again_at_the_same_point() -> None:
    log = MemoryLog()
    with World(log) as world:
        world.bus.publish(WORKFLOWS, run_started())
        deaths = 0
        while Kind.SAGA_COMPLETED not in kinds(log):
            doom = Doom(4)
            with Orchestrating(log, five_steps(), doom=doom):
                wait_for("the death", lambda doom=doom: doom.dead.is_set() or Kind.SAGA_COMPLETED in kinds(log))  # type: ignore[misc]
            deaths += doom.dead.is_set()
    assert deaths >= 5
    assert world.effects == effects(None)
    assert_decided_once(log)


def test_a_second_orchestrator_takes_over_and_the_first_writes_no_more() -> None:
    log = MemoryLog()
    with World(log) as world, Orchestrating(log, five_steps(), instance="0"):
        for _ in range(5):
            world.bus.publish(WORKFLOWS, run_started())
        wait_for("some steps", lambda: Kind.STEP_SUCCEEDED in kinds(log))
        with Orchestrating(log, five_steps(), instance="1"):
            for _ in range(5):
                world.bus.publish(WORKFLOWS, run_started())
            wait_for("all ends", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 10)
    assert world.effects == {(step, Direction.ACTION): 10 for step in STEPS}
    assert_decided_once(log)


def test_a_request_that_comes_twice_starts_one_saga() -> None:
    log, trigger = MemoryLog(), run_started()
    with World(log) as world, Orchestrating(log, five_steps()):
        world.bus.publish(WORKFLOWS, trigger)
        wait_for("the end", lambda: Kind.SAGA_COMPLETED in kinds(log))
        world.bus.publish(WORKFLOWS, trigger)
        world.bus.publish(WORKFLOWS, run_started())
        wait_for("the next end", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 2)
    assert world.effects == {(step, Direction.ACTION): 2 for step in STEPS}


def test_the_next_owner_begins_where_the_oldest_open_saga_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyairtable_events.saga_decider._CHECKPOINT_SECONDS", 0.0)
    log = MemoryLog({SAGAS: 1})

    def committed() -> int | None:
        return log.committed("saga-orchestrator-saga-log", Partition(SAGAS, 0))

    with World(log) as world, Orchestrating(log, five_steps(), remember=timedelta(0)):
        world.bus.publish(WORKFLOWS, run_started())
        wait_for("the end", lambda: Kind.SAGA_COMPLETED in kinds(log))
        wait_for("a checkpoint at the log's end", lambda: committed() == log.length(Partition(SAGAS, 0)))
    began = log.length(Partition(SAGAS, 0))
    silent = memory_bus(log=log)
    with Orchestrating(log, five_steps(), remember=timedelta(0)):
        silent.publish(WORKFLOWS, run_started())
        wait_for("the first command", lambda: kinds(log)[-1] is Kind.STEP_STARTED)
        wait_for("the checkpoint", lambda: committed() == began)
    with World(log) as world, Orchestrating(log, five_steps()):
        wait_for("the end", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 2)
    assert world.effects == {(step, Direction.ACTION): 1 for step in STEPS} | {("reserve", Direction.ACTION): 1}
    assert_decided_once(log)


def test_a_forgotten_sagas_duplicate_does_not_start_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duplicate stands behind a saga under way, where the next owner begins."""
    monkeypatch.setattr("pyairtable_events.saga_decider._CHECKPOINT_SECONDS", 0.0)
    log, trigger = MemoryLog({SAGAS: 1}), run_started()
    group, partition = "saga-orchestrator-saga-log", Partition(SAGAS, 0)
    remember = timedelta(milliseconds=1)
    with Orchestrating(log, five_steps(), remember=timedelta(hours=1)):
        with World(log) as world:
            world.bus.publish(WORKFLOWS, trigger)
            wait_for("the end", lambda: Kind.SAGA_COMPLETED in kinds(log))
        silent = memory_bus(log=log)
        silent.publish(WORKFLOWS, run_started())
        wait_for("the second saga's command", lambda: kinds(log)[-1] is Kind.STEP_STARTED)
        silent.publish(WORKFLOWS, trigger)
        wait_for("the duplicate", lambda: kinds(log)[-1] is Kind.SAGA_STARTED)
    length = log.length(partition)
    with Orchestrating(log, five_steps(), remember=remember):
        wait_for("a look at what may be forgotten", lambda: log.committed(group, partition) is not None)
        time.sleep(0.5)
    assert log.length(partition) == length
    with Orchestrating(log, five_steps(), remember=remember):
        silent.publish(WORKFLOWS, run_started())
        wait_for("the third saga's command", lambda: kinds(log)[-1] is Kind.STEP_STARTED)
    commands = Counter((one.saga_id, one.step, one.attempt) for one in entries(log) if one.kind is Kind.STEP_STARTED)
    assert set(commands.values()) == {1}


def test_a_trigger_that_is_too_large_for_the_log_is_parked_and_the_others_start() -> None:
    log = MemoryLog({WORKFLOWS: 1})
    with World(log) as world:
        large = run_started({"text": "x" * 1_000_100})
        for trigger in (run_started(), large, run_started()):
            world.bus.publish(WORKFLOWS, trigger)
        with Orchestrating(log, five_steps()):
            wait_for("the other ends", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 2)
            wait_for(
                "the offset",
                lambda: (log.committed("saga-orchestrator-saga-intake", Partition(WORKFLOWS, 0)) or 0) >= 3,
            )
    (letter,) = [one for one in dead_letters(world.bus) if one.consumer_group == "saga-orchestrator-saga-intake"]
    assert letter.offset == 1
    assert letter.exception == "pyairtable_events.errors.RecordTooLarge"
    assert world.effects == {(step, Direction.ACTION): 2 for step in STEPS}


def test_a_trigger_that_its_definition_chokes_on_is_parked() -> None:
    log = MemoryLog({WORKFLOWS: 1})
    choking = replace(five_steps(), input=lambda event: {"must": event.payload["inputs"]["must"]})
    with World(log) as world:
        for trigger in (run_started(), run_started({"must": "be"})):
            world.bus.publish(WORKFLOWS, trigger)
        with Orchestrating(log, choking):
            wait_for("the end of the other", lambda: Kind.SAGA_COMPLETED in kinds(log))
    (letter,) = dead_letters(world.bus)
    assert (letter.offset, letter.exception) == (0, "KeyError")


def test_a_saga_that_grows_too_large_for_the_log_fails_alone() -> None:
    """Its trigger fits; with three steps' outputs in the next command it doesn't."""
    log = MemoryLog({SAGAS: 1, WORKFLOWS: 1})
    large = replace(five_steps(), input=lambda event: {"text": "x" * (999_550 if event.payload["inputs"] else 1)})
    with World(log) as world:
        for trigger in (run_started(), run_started({"large": "yes"}), run_started()):
            world.bus.publish(WORKFLOWS, trigger)
        with Orchestrating(log, large):
            wait_for("the other ends", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 2)
            wait_for("its failure", lambda: Kind.SAGA_FAILED in kinds(log))
    (failed,) = [entry for entry in entries(log) if entry.kind is Kind.SAGA_FAILED]
    assert failed.error is not None
    assert (failed.error.code, failed.step) == ("TOO_LARGE", "write")
    assert failed.error.message.startswith("pyairtable.saga.events: the record has 1")
    assert_decided_once(log)


def test_a_saga_whose_definition_is_gone_stands_still_and_goes_on_later(caplog: pytest.LogCaptureFixture) -> None:
    log = MemoryLog()
    with Orchestrating(log, five_steps()):
        memory_bus(log=log).publish(WORKFLOWS, run_started())
        wait_for("the first command", lambda: Kind.STEP_STARTED in kinds(log))
    with World(log) as world:
        with Orchestrating(log, replace(five_steps(), version=2)):
            wait_for("the answer", lambda: Kind.STEP_SUCCEEDED in kinds(log))
            world.bus.publish(WORKFLOWS, run_started())
            wait_for("a saga of the new version", lambda: Kind.SAGA_COMPLETED in kinds(log))
        assert "sagas of type run-workflow, version 1 stand still: nobody has their definition" in caplog.text
        with Orchestrating(log, five_steps(), replace(five_steps(), version=2)):
            wait_for("the end", lambda: kinds(log).count(Kind.SAGA_COMPLETED) == 2)
    assert_decided_once(log)


def test_junk_in_the_log_is_parked_and_passed_over() -> None:
    log = MemoryLog({SAGAS: 1})
    with World(log) as world, Orchestrating(log, five_steps()):
        world.bus.send(Outgoing(topic=SAGAS, value=b"junk")).result()
        world.bus.publish(WORKFLOWS, run_started())
        wait_for("the end", lambda: b"junk" in [one.value for one in log.records(SAGAS)] and _ended(log))
    letters = dead_letters(world.bus)
    assert {(one.consumer_group, one.value) for one in letters} == {
        ("saga-orchestrator-saga-log", b"junk"),
        ("workflow-engine-saga", b"junk"),
    }


def _ended(log: MemoryLog) -> bool:
    good = [record for record in log.records(SAGAS) if record.value != b"junk"]
    return any(serde().decode(record).type.endswith(".SagaCompleted") for record in good)


def test_an_orchestrator_whose_id_is_taken_ends() -> None:
    log = MemoryLog({SAGAS: 1})
    with World(log) as world, Orchestrating(log, five_steps()) as first:
        world.bus.publish(WORKFLOWS, run_started())
        wait_for("some step", lambda: Kind.STEP_SUCCEEDED in kinds(log))
        log.transactional_producer("saga-orchestrator-saga-log-0")
        world.bus.publish(WORKFLOWS, run_started())
        wait_for("the orchestrator's end", lambda: len(first.raised) == 1)
    assert isinstance(first.raised[0], Fenced)


def test_two_definitions_of_one_version() -> None:
    with pytest.raises(ValueError, match=r"^a saga's type and version tell its definition: there are two of the same$"):
        SagaOrchestrator(memory_bus(), [five_steps(), five_steps()], [WORKFLOWS], instance="0")
