"""How sagas are decided: every path of answers, silence and deadlines, without a log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import MalformedRecord
from pyairtable_events.saga import (
    TIMEOUT,
    Direction,
    Entry,
    Kind,
    Phase,
    Reason,
    SagaDefinition,
    SagaError,
    SagaState,
    Status,
    Step,
    advance,
    command_id,
    decide,
    due,
    entries_of,
    entry_id,
    idempotency_key,
    saga_id_of,
    start,
)
from pyairtable_events.saga_log import Command, command_of, from_event, thread_of, to_event
from tests.events import (
    SAGAS,
    STEP_COMPLETED,
    STEP_FAILED,
    STEPS,
    five_steps,
    recorded,
    run_started,
    serde,
    step_completed,
    step_failed,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO = SagaError(code="NO", message="it can't be done")
MAYBE = SagaError(code="BUSY", message="later", retriable=True)


class Story:
    """A saga and its clock: what is decided is written, so the next decision builds on it."""

    def __init__(self, definition: SagaDefinition, trigger: Event | None = None) -> None:
        self.definition = definition
        self.now = NOW
        trigger = trigger or run_started()
        trigger = replace(trigger, envelope=replace(trigger.envelope, time=NOW))
        (begin,) = entries_of([definition], trigger)
        self.state = start(begin, self.now)
        self.log: list[Entry] = [begin]
        self.go()

    def go(self) -> list[Entry]:
        """Write what comes next."""
        entries = list(decide(self.definition, self.state, self.now))
        self.write(*entries)
        return entries

    def write(self, *entries: Entry) -> None:
        for entry in entries:
            self.state = advance(self.state, entry, self.now)
            self.log.append(entry)

    def answer(self, kind: Kind, step: str, attempt: int = 1, error: SagaError | None = None) -> list[Entry]:
        data = {"of": step} if kind is Kind.STEP_SUCCEEDED else {}
        self.write(Entry(kind=kind, saga_id=self.state.saga_id, step=step, attempt=attempt, error=error, data=data))
        return self.go()

    def later(self, span: timedelta) -> list[Entry]:
        self.now += span
        return self.go()


def told(entries: Sequence[Entry]) -> list[tuple[str, str, int]]:
    return [(entry.kind.value, entry.step, entry.attempt) for entry in entries]


def test_steps_follow_one_another_to_the_end() -> None:
    story = Story(five_steps())
    for index, step in enumerate(STEPS):
        assert told(story.log)[-1] == ("StepStarted", step, 1)
        assert story.log[-1].index == index
        story.answer(Kind.STEP_SUCCEEDED, step)
    assert story.state.status is Status.COMPLETED
    assert story.log[-1].kind is Kind.SAGA_COMPLETED
    assert story.log[-1].data == {step: {"of": step} for step in STEPS}


def test_a_step_is_told_the_sagas_input_and_the_outputs_before_it() -> None:
    trigger = run_started({"a": "1"})
    story = Story(five_steps(), trigger)
    story.answer(Kind.STEP_SUCCEEDED, "reserve")
    assert story.log[-1].data == {
        "saga_type": "run-workflow",
        "input": {"run_id": str(trigger.payload["run_id"]), "inputs": {"a": "1"}},
        "outputs": {"reserve": {"of": "reserve"}},
    }


def test_a_refused_step_is_compensated_by_the_steps_before_it_in_reverse() -> None:
    story = Story(five_steps())
    for step in STEPS[:3]:
        story.answer(Kind.STEP_SUCCEEDED, step)
    assert told(story.answer(Kind.STEP_FAILED, "write", error=NO)) == [
        ("CompensationStarted", "", 1),
        ("StepCompensationStarted", "generate", 1),
    ]
    assert story.log[-2].reason is Reason.STEP_FAILED
    assert story.log[-2].error == NO
    for step in ("generate", "validate", "reserve"):
        assert told(story.log)[-1] == ("StepCompensationStarted", step, 1)
        story.answer(Kind.STEP_COMPENSATED, step)
    assert story.state.status is Status.COMPENSATED


def test_a_step_with_nothing_to_compensate_is_left_out() -> None:
    definition = five_steps()
    steps = tuple(replace(step, undone=frozenset()) if step.name == "validate" else step for step in definition.steps)
    story = Story(replace(definition, steps=steps))
    for step in STEPS[:2]:
        story.answer(Kind.STEP_SUCCEEDED, step)
    story.answer(Kind.STEP_FAILED, "generate", error=NO)
    assert told(story.log)[-1] == ("StepCompensationStarted", "reserve", 1)


def test_a_retriable_failure_is_tried_again_after_its_delay_and_then_is_final() -> None:
    story = Story(five_steps(retry_delay=timedelta(seconds=2)))
    for attempt in (1, 2):
        assert story.answer(Kind.STEP_FAILED, "reserve", attempt, MAYBE) == []
        assert due(story.definition, story.state) == story.now + timedelta(seconds=2)
        assert told(story.later(timedelta(seconds=2))) == [("StepStarted", "reserve", attempt + 1)]
    assert told(story.answer(Kind.STEP_FAILED, "reserve", 3, MAYBE)) == [
        ("CompensationStarted", "", 1),
        ("SagaCompensated", "", 1),
    ]


def test_silence_is_a_failure_whose_step_is_compensated_too() -> None:
    story = Story(five_steps(timeout=timedelta(seconds=10)))
    assert due(story.definition, story.state) == story.now + timedelta(seconds=10)
    for attempt in (1, 2):
        assert told(story.later(timedelta(seconds=10))) == [
            ("StepFailed", "reserve", attempt),
            ("StepStarted", "reserve", attempt + 1),
        ]
    assert told(story.later(timedelta(seconds=10))) == [
        ("StepFailed", "reserve", 3),
        ("CompensationStarted", "", 1),
        ("StepCompensationStarted", "reserve", 1),
    ]


def test_an_answer_to_an_earlier_try_counts() -> None:
    story = Story(five_steps(timeout=timedelta(seconds=10)))
    story.later(timedelta(seconds=10))
    assert told(story.answer(Kind.STEP_SUCCEEDED, "reserve", 1)) == [("StepStarted", "validate", 1)]


def test_a_failure_of_an_earlier_try_does_not() -> None:
    story = Story(five_steps(timeout=timedelta(seconds=10)))
    story.later(timedelta(seconds=10))
    assert story.answer(Kind.STEP_FAILED, "reserve", 1, NO) == []
    assert story.state.action("reserve").phase is Phase.STARTED


def test_a_success_that_comes_while_going_back_is_compensated() -> None:
    story = Story(replace(five_steps(), deadline=timedelta(seconds=5)))
    story.answer(Kind.STEP_SUCCEEDED, "reserve")
    assert told(story.later(timedelta(seconds=5))) == [
        ("CompensationStarted", "", 1),
        ("StepCompensationStarted", "validate", 1),
    ]
    assert story.log[-2].reason is Reason.DEADLINE
    assert story.answer(Kind.STEP_SUCCEEDED, "validate") == []
    assert told(story.answer(Kind.STEP_COMPENSATED, "validate")) == [("StepCompensationStarted", "reserve", 1)]


def test_a_compensation_that_can_not_be_done_needs_an_operator() -> None:
    story = Story(five_steps())
    story.answer(Kind.STEP_SUCCEEDED, "reserve")
    story.answer(Kind.STEP_FAILED, "validate", error=NO)
    (failed,) = story.answer(Kind.STEP_COMPENSATION_FAILED, "reserve", error=NO)
    assert (failed.kind, failed.step, failed.error) == (Kind.SAGA_FAILED, "reserve", NO)
    assert story.state.status is Status.FAILED
    assert due(story.definition, story.state) is None


def test_nothing_comes_after_the_end() -> None:
    story = Story(five_steps())
    for step in STEPS:
        story.answer(Kind.STEP_SUCCEEDED, step)
    assert story.answer(Kind.STEP_FAILED, "reserve", error=NO) == []
    assert story.later(timedelta(days=1)) == []
    assert story.state.status is Status.COMPLETED


ANSWERS = st.sampled_from([Kind.STEP_SUCCEEDED, Kind.STEP_FAILED, Kind.STEP_COMPENSATED, Kind.STEP_COMPENSATION_FAILED])
HAPPENINGS = st.one_of(
    st.tuples(ANSWERS, st.sampled_from(STEPS), st.integers(1, 4), st.sampled_from([NO, MAYBE])),
    st.tuples(st.just("later"), st.integers(0, 40)),
    st.tuples(st.just("again"), st.integers(0, 30)),
)


@given(happenings=st.lists(HAPPENINGS, max_size=40))
def test_whatever_happens_nothing_is_asked_for_twice_and_nothing_is_left_undone(happenings: list[Any]) -> None:
    story = Story(replace(five_steps(retry_delay=timedelta(seconds=1)), deadline=timedelta(minutes=5)))
    for happening in happenings:
        if happening[0] == "later":
            story.later(timedelta(seconds=happening[1]))
        elif happening[0] == "again":
            story.write(story.log[happening[1] % len(story.log)])
            story.log.pop()
            story.go()
        else:
            kind, step, attempt, error = happening
            if _was_asked(story, kind, step, attempt):
                failed = kind in (Kind.STEP_FAILED, Kind.STEP_COMPENSATION_FAILED)
                story.answer(kind, step, attempt, error if failed else None)
        assert story.go() == [], "a decision that is written decides no more at the same time"
    _ends(story)
    asked = [entry for entry in story.log if entry.kind in (Kind.STEP_STARTED, Kind.STEP_COMPENSATION_STARTED)]
    assert len({entry_id(entry) for entry in asked}) == len(asked), "a command was given twice"
    ends = [entry for entry in story.log if entry.kind in ENDS]
    assert len(ends) == 1
    if story.state.status is Status.COMPLETED:
        assert all(story.state.action(step).phase is Phase.DONE for step in STEPS)
        assert not story.state.compensations
    if story.state.status is Status.COMPENSATED:
        for step in STEPS:
            done = story.state.compensation(step).phase is Phase.DONE
            assert done or not story.state.may_have_acted(step), f"{step} may have acted and is not undone"


ENDS = (Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_FAILED)


def _was_asked(story: Story, kind: Kind, step: str, attempt: int) -> bool:
    """Whether a service can give that answer: nobody answers what nobody asked."""
    action = kind in (Kind.STEP_SUCCEEDED, Kind.STEP_FAILED)
    asked = Kind.STEP_STARTED if action else Kind.STEP_COMPENSATION_STARTED
    return any((one.kind, one.step, one.attempt) == (asked, step, attempt) for one in story.log)


def _ends(story: Story) -> None:
    """Leave the saga alone: silence brings every one to its end."""
    for _ in range(100):
        if story.state.status.final:
            return
        at = due(story.definition, story.state)
        assert at is not None, "the saga waits for something that never comes"
        story.now = max(story.now, at)
        story.go()
    raise AssertionError(f"no end: {told(story.log)[-5:]}")


@given(happenings=st.lists(HAPPENINGS, max_size=30))
def test_the_log_alone_gives_the_same_state(happenings: list[Any]) -> None:
    story = Story(five_steps())
    times: list[datetime] = [story.now] * len(story.log)
    for happening in happenings:
        if happening[0] == "later":
            story.later(timedelta(seconds=happening[1]))
        elif happening[0] != "again":
            kind, step, attempt, error = happening
            failed = kind in (Kind.STEP_FAILED, Kind.STEP_COMPENSATION_FAILED)
            story.answer(kind, step, attempt, error if failed else None)
        times += [story.now] * (len(story.log) - len(times))
    rebuilt = start(story.log[0], times[0])
    for entry, at in zip(story.log[1:], times[1:], strict=True):
        rebuilt = advance(rebuilt, _through_avro(entry), at)
    assert _without_reasons(rebuilt) == _without_reasons(story.state)


def _through_avro(entry: Entry) -> Entry:
    event = to_event(entry, thread_of(run_started()), "saga-orchestrator", NOW)
    return from_event(serde().decode(recorded(serde().encode(SAGAS, event), topic=SAGAS)))


def _without_reasons(state: SagaState) -> SagaState:
    """Leave out what the log keeps for people only."""
    return replace(state, reason=None)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_entry_survives_the_log(kind: Kind) -> None:
    error = NO if kind in (Kind.STEP_FAILED, Kind.STEP_COMPENSATION_FAILED, Kind.SAGA_FAILED) else None
    steps = kind.value.startswith("Step")
    commands = kind in (Kind.STEP_STARTED, Kind.STEP_COMPENSATION_STARTED)
    began = kind is Kind.SAGA_STARTED
    entry = Entry(
        kind=kind,
        saga_id=uuid4(),
        step="write" if steps or kind is Kind.SAGA_FAILED else "",
        index=3 if steps else 0,
        attempt=2 if steps else 1,
        type="run-workflow" if began else "",
        version=4 if began else 1,
        steps=STEPS if began else (),
        data={"a": ["ü", 1, None]} if began or commands or kind in (Kind.STEP_SUCCEEDED, Kind.SAGA_COMPLETED) else {},
        deadline=NOW if began else None,
        error=SagaError(code="DEADLINE", message="STEP: why") if kind is Kind.COMPENSATION_STARTED else error,
        reason=Reason.DEADLINE if kind is Kind.COMPENSATION_STARTED else None,
    )
    written = replace(entry, error=SagaError(code="STEP", message="why")) if entry.reason is not None else entry
    assert _through_avro(written) == entry


def test_what_an_entry_carries_may_have_ids_and_times() -> None:
    entry = Entry(kind=Kind.STEP_SUCCEEDED, saga_id=uuid4(), step="write", data={"id": UUID(int=1), "at": NOW})
    assert _through_avro(entry).data == {"id": str(UUID(int=1)), "at": str(NOW)}


def test_text_that_utf_8_has_no_form_for_survives() -> None:
    data = {"file": "\udcff.csv"}
    assert _through_avro(Entry(kind=Kind.STEP_SUCCEEDED, saga_id=uuid4(), step="write", data=data)).data == data
    failed = Entry(kind=Kind.STEP_FAILED, saga_id=uuid4(), step="write", error=replace(NO, message="no \udcff.csv"))
    assert _through_avro(failed).error == replace(NO, message="no \\udcff.csv")


def test_letters_take_the_bytes_of_utf_8() -> None:
    entry = Entry(kind=Kind.STEP_SUCCEEDED, saga_id=uuid4(), step="write", data={"text": "ж" * 1_000})
    event = to_event(entry, thread_of(run_started()), "saga-orchestrator", NOW)
    assert len(serde().encode(SAGAS, event)) < 2_400


def command(story: Story) -> Event:
    return to_event(story.log[-1], thread_of(run_started()), "saga-orchestrator", NOW)


def test_a_command_as_its_service_reads_it() -> None:
    story = Story(five_steps())
    saga = story.state.saga_id
    event = serde().decode(recorded(serde().encode(SAGAS, command(story)), str(saga).encode(), SAGAS))
    assert command_of(event) == Command(
        id=command_id(saga, "reserve", Direction.ACTION, 1),
        saga_id=saga,
        saga_type="run-workflow",
        step="reserve",
        direction=Direction.ACTION,
        attempt=1,
        idempotency_key=idempotency_key(saga, "reserve", Direction.ACTION),
        input=story.state.input,
        outputs={},
    )
    assert event.key == str(saga)


def test_what_asks_for_nothing_is_no_command() -> None:
    story = Story(five_steps())
    story.write(Entry(kind=Kind.STEP_SUCCEEDED, saga_id=story.state.saga_id, step="reserve"))
    assert command_of(command(story)) is None


@pytest.mark.parametrize(
    ("type", "changes", "message"),
    [
        (
            "com.pyairtable.workflows.events.StepStarted",
            {},
            "com.pyairtable.workflows.events.StepStarted is no entry of a saga's log",
        ),
        (
            "com.pyairtable.saga.events.StepStarted",
            {"input": "{"},
            "the entry's data is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("com.pyairtable.saga.events.StepStarted", {"input": "[]"}, "the entry's data is no JSON object"),
        ("com.pyairtable.saga.events.StepStarted", {"input": "null"}, "the command's input lacks 'saga_type'"),
    ],
)
def test_what_is_no_entry(type: str, changes: dict[str, str], message: str) -> None:
    said = command(Story(five_steps()))
    event = replace(said, envelope=replace(said.envelope, type=type), payload={**said.payload, **changes})
    with pytest.raises(MalformedRecord) as caught:
        command_of(event)
    assert str(caught.value) == message


def reply(story: Story, type: str, payload: dict[str, Any], *, direction: Direction, step: str, attempt: int) -> Event:
    saga = story.state.saga_id
    return Event(
        envelope=Envelope(
            type=type,
            source="workflow-engine",
            correlation_id=CORRELATION,
            causation_id=command_id(saga, step, direction, attempt),
        ),
        payload=payload,
    )


CORRELATION = uuid4()


@pytest.mark.parametrize(
    ("direction", "type", "attempt", "kind"),
    [
        (Direction.ACTION, STEP_COMPLETED, 1, Kind.STEP_SUCCEEDED),
        (Direction.ACTION, STEP_COMPLETED, 3, Kind.STEP_SUCCEEDED),
        (Direction.ACTION, STEP_FAILED, 2, Kind.STEP_FAILED),
        (Direction.COMPENSATION, STEP_COMPLETED, 1, Kind.STEP_COMPENSATED),
        (Direction.COMPENSATION, STEP_FAILED, 1, Kind.STEP_COMPENSATION_FAILED),
    ],
)
def test_an_answer_is_told_by_the_command_it_follows_from(
    direction: Direction, type: str, attempt: int, kind: Kind
) -> None:
    trigger = run_started()
    trigger = replace(trigger, envelope=replace(trigger.envelope, correlation_id=CORRELATION))
    story = Story(five_steps(), trigger)
    said = step_completed if type == STEP_COMPLETED else lambda run, step: step_failed(run, step, MAYBE)
    event = reply(story, type, said(uuid4(), "write"), direction=direction, step="write", attempt=attempt)
    (entry,) = entries_of([story.definition, replace(story.definition, version=2)], event)
    assert (entry.kind, entry.step, entry.index, entry.attempt) == (kind, "write", 3, attempt)
    assert entry.saga_id == saga_id_of(CORRELATION, "run-workflow")
    assert entry.error == (MAYBE if type == STEP_FAILED else None)


def test_events_that_follow_from_something_else_mean_nothing() -> None:
    story = Story(five_steps())
    stranger = Event(
        envelope=Envelope(type=STEP_COMPLETED, source="x", causation_id=uuid4()),
        payload=step_completed(uuid4(), "write"),
    )
    assert entries_of([story.definition], stranger) == ()
    late = reply(story, STEP_COMPLETED, {}, direction=Direction.ACTION, step="write", attempt=4)
    assert entries_of([story.definition], late) == ()


def test_the_latest_definition_is_started() -> None:
    first = five_steps()
    second = replace(first, version=2, steps=first.steps[:2])
    (entry,) = entries_of([second, first], run_started())
    assert (entry.version, entry.steps) == (2, STEPS[:2])


def test_one_request_starts_one_saga_of_a_type() -> None:
    trigger = run_started()
    other = replace(five_steps(), type="audit-run")
    (one,), (again,) = entries_of([five_steps()], trigger), entries_of([five_steps()], trigger)
    (another,) = entries_of([other], trigger)
    assert one.saga_id == again.saga_id
    assert another.saga_id != one.saga_id


STEP = Step(name="a", done=frozenset({"x"}), failed=frozenset())


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((), "saga t: it has steps, each with a name of its own"),
        ((STEP, STEP), "saga t: it has steps, each with a name of its own"),
        ((replace(STEP, done=frozenset()),), "saga t, step a: it has an answer, an attempt and a timeout"),
        ((replace(STEP, attempts=0),), "saga t, step a: it has an answer, an attempt and a timeout"),
        ((replace(STEP, timeout=timedelta(0)),), "saga t, step a: it has an answer, an attempt and a timeout"),
    ],
)
def test_definitions_that_make_no_sense(steps: tuple[Step, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        SagaDefinition(type="t", steps=steps)
    assert str(caught.value) == message


def test_a_timeout_is_told_from_a_refusal() -> None:
    story = Story(five_steps(timeout=timedelta(seconds=10)))
    (failed, *_) = story.later(timedelta(seconds=10))
    assert failed.error is not None
    assert failed.error.code == TIMEOUT
    assert story.state.may_have_acted("reserve")
