"""What becomes of events: handled in order, tried again, parked with the reason, sent back."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest

from pyairtable_events.asynchronous import in_loop, run_async
from pyairtable_events.bus import EventBus
from pyairtable_events.consumer import EventConsumer
from pyairtable_events.dead_letter import PARKED
from pyairtable_events.envelope import Event
from pyairtable_events.errors import PartitionsLost, PublishFailed, RecordTooLarge, Rejected, Unavailable
from pyairtable_events.memory import MemoryConsumer, MemoryLog
from pyairtable_events.record import Outgoing, Partition
from pyairtable_events.redrive import dead_letters, redrive
from pyairtable_events.retry import RetryPolicy
from tests.events import DEAD_LETTERS, WORKFLOWS, completed, memory_bus

GROUP = "workflow-engine-tests"
QUICK = RetryPolicy(attempts=3, first_delay=timedelta(milliseconds=1), longest_delay=timedelta(milliseconds=2))


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within 30 s"
        time.sleep(0.005)


@contextmanager
def consuming(consumer: EventConsumer) -> Iterator[list[BaseException]]:
    """Run a consumer in a thread; what it raised is in the list once the block is left."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            consumer.run(stop)
        except Exception as error:  # noqa: BLE001 the test looks at it
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        stop.set()
        thread.join()


def consumer_of(bus: EventBus, handler: Callable[[Event], None], *, patience: RetryPolicy = QUICK) -> EventConsumer:
    return EventConsumer(bus, GROUP, [WORKFLOWS], handler, retry=QUICK, patience=patience)


def numbers(events: list[Event]) -> list[int]:
    return [event.payload["duration_ms"] for event in events]


def one_partition() -> EventBus:
    return memory_bus(log=MemoryLog({WORKFLOWS: 1, DEAD_LETTERS: 1}))


def committed(bus: EventBus) -> int | None:
    assert isinstance(bus.log, MemoryLog)
    return bus.log.committed(GROUP, Partition(WORKFLOWS, 0))


def test_events_are_handled_in_order_and_committed() -> None:
    bus = one_partition()
    seen: list[Event] = []
    bus.publish_all(WORKFLOWS, [completed(number) for number in range(50)])
    with consuming(consumer_of(bus, seen.append)):
        wait_for("the last event", lambda: len(seen) == 50)
    assert numbers(seen) == list(range(50))
    assert committed(bus) == 50


def test_a_stopped_consumer_goes_on_where_it_was() -> None:
    bus = one_partition()
    seen: list[Event] = []
    bus.publish_all(WORKFLOWS, [completed(number) for number in range(3)])
    with consuming(consumer_of(bus, seen.append)):
        wait_for("the first events", lambda: len(seen) == 3)
    bus.publish_all(WORKFLOWS, [completed(number) for number in range(3, 6)])
    with consuming(consumer_of(bus, seen.append)):
        wait_for("the other events", lambda: len(seen) == 6)
    assert numbers(seen) == list(range(6))


def test_a_failing_event_is_tried_again_before_the_next_one() -> None:
    bus = one_partition()
    calls: list[int] = []

    def handler(event: Event) -> None:
        calls.append(event.payload["duration_ms"])
        if calls == [0, 1] or calls == [0, 1, 1]:
            raise RuntimeError("not yet")

    bus.publish_all(WORKFLOWS, [completed(number) for number in range(3)])
    with consuming(consumer_of(bus, handler)):
        wait_for("the last event", lambda: calls[-1:] == [2])
    assert calls == [0, 1, 1, 1, 2]
    assert dead_letters(bus) == ()


def test_an_event_that_keeps_failing_is_parked_and_consumption_goes_on() -> None:
    bus = one_partition()
    seen: list[Event] = []

    def handler(event: Event) -> None:
        if event.payload["duration_ms"] == 1:
            raise KeyError("tenant")
        seen.append(event)

    poison = completed(1, "key")
    bus.publish_all(WORKFLOWS, [completed(0), poison, completed(2)])
    consumer = consumer_of(bus, handler)
    with consuming(consumer):
        wait_for("the event after the poison", lambda: numbers(seen) == [0, 2])
    assert (consumer.counts.handled, consumer.counts.parked) == (2, 1)
    assert committed(bus) == 3
    (letter,) = dead_letters(bus)
    assert (letter.topic, letter.partition, letter.offset) == (WORKFLOWS, 0, 1)
    assert (letter.consumer_group, letter.exception, letter.message) == (GROUP, "KeyError", "'tenant'")
    assert letter.attempts == 3
    assert letter.key == b"key"
    assert letter.value == bus.serde.encode(WORKFLOWS, poison)
    assert letter.headers == poison.envelope.headers()


def test_a_dead_letters_headers_tell_where_it_comes_from() -> None:
    bus = one_partition()

    def handler(_event: Event) -> None:
        raise ValueError("no such workflow")

    said = completed()
    bus.publish(WORKFLOWS, said)
    consumer = consumer_of(bus, handler)
    with consuming(consumer):
        wait_for("the parking", lambda: consumer.counts.parked == 1)
    assert isinstance(bus.log, MemoryLog)
    (record,) = bus.log.records(DEAD_LETTERS)
    found = {name: value.decode() for name, value in record.headers if value is not None}
    assert {name: value for name, value in found.items() if name.startswith("dlq.")} == {
        "dlq.original.topic": WORKFLOWS,
        "dlq.original.partition": "0",
        "dlq.original.offset": "0",
        "dlq.consumer.group": GROUP,
        "dlq.exception.class": "ValueError",
        "dlq.exception.message": "no such workflow",
        "dlq.attempts": "3",
    }
    assert found["ce_type"] == PARKED
    assert found["ce_causationid"] == str(said.id)
    letter = bus.serde.decode(record)
    assert letter.payload["error"]["kind"] == "PROCESSING"
    assert "no such workflow" in letter.payload["error"]["stack_trace"]


@pytest.mark.parametrize(
    ("value", "exception", "kind"),
    [
        (b"junk", "pyairtable_events.errors.MalformedRecord", "DESERIALIZATION"),
        (None, "pyairtable_events.errors.MalformedRecord", "DESERIALIZATION"),
    ],
)
def test_what_is_no_event_is_parked_at_once(value: bytes | None, exception: str, kind: str) -> None:
    bus = one_partition()
    seen: list[Event] = []
    bus.send(Outgoing(topic=WORKFLOWS, value=value, key=b"k", headers=(("a", b"b"), ("a", None)))).result()
    bus.publish(WORKFLOWS, completed(1))
    with consuming(consumer_of(bus, seen.append)):
        wait_for("the event after it", lambda: len(seen) == 1)
    (letter,) = dead_letters(bus)
    assert (letter.attempts, letter.exception, letter.value) == (1, exception, value)
    assert letter.headers == (("a", b"b"), ("a", None))
    assert isinstance(bus.log, MemoryLog)
    (record,) = bus.log.records(DEAD_LETTERS)
    assert bus.serde.decode(record).payload["error"]["kind"] == kind


def test_a_rejected_event_is_parked_without_another_try() -> None:
    bus = one_partition()
    calls: list[Event] = []

    def handler(event: Event) -> None:
        calls.append(event)
        raise Rejected("a workflow has a name")

    bus.publish(WORKFLOWS, completed())
    consumer = consumer_of(bus, handler)
    with consuming(consumer):
        wait_for("the parking", lambda: consumer.counts.parked == 1)
    assert len(calls) == 1
    assert [letter.message for letter in dead_letters(bus)] == ["a workflow has a name"]


def test_an_event_waits_for_what_is_unavailable_and_costs_no_attempt() -> None:
    bus = one_partition()
    calls: list[Event] = []

    def handler(event: Event) -> None:
        calls.append(event)
        if len(calls) < 6:
            raise Unavailable("the database")
        if len(calls) < 8:
            raise RuntimeError("twice")

    bus.publish(WORKFLOWS, completed())
    consumer = consumer_of(bus, handler, patience=RetryPolicy(attempts=10, first_delay=QUICK.first_delay))
    with consuming(consumer):
        wait_for("the handling", lambda: consumer.counts.handled == 1)
    assert len(calls) == 8
    assert dead_letters(bus) == ()


def test_patience_ends_with_an_error_and_nothing_lost() -> None:
    bus = one_partition()
    seen: list[Event] = []

    def handler(_event: Event) -> None:
        raise Unavailable("the database is away")

    bus.publish(WORKFLOWS, completed(3))
    with consuming(consumer_of(bus, handler)) as raised:
        wait_for("the end of patience", lambda: len(raised) == 1)
    assert str(raised[0]) == "the database is away"
    assert dead_letters(bus) == ()
    assert committed(bus) is None
    with consuming(consumer_of(bus, seen.append)):
        wait_for("the event again", lambda: numbers(seen) == [3])


def test_a_dead_letter_that_is_not_confirmed_keeps_its_event_uncommitted(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = one_partition()

    def refused(*_: object) -> None:
        raise PublishFailed("the dead letter topic refuses")

    def handler(_event: Event) -> None:
        raise Rejected("never")

    monkeypatch.setattr("pyairtable_events.consumer.park", refused)
    bus.publish(WORKFLOWS, completed())
    with consuming(consumer_of(bus, handler)) as raised:
        wait_for("the end of patience", lambda: len(raised) == 1)
    assert str(raised[0]) == "the dead letter topic refuses"
    assert committed(bus) is None


def test_a_stop_does_not_wait_for_retries() -> None:
    bus = one_partition()
    tried = threading.Event()

    def handler(_event: Event) -> None:
        tried.set()
        raise RuntimeError("again")

    bus.publish(WORKFLOWS, completed())
    slow = RetryPolicy(attempts=3, first_delay=timedelta(seconds=60), longest_delay=timedelta(seconds=60))
    consumer = EventConsumer(bus, GROUP, [WORKFLOWS], handler, retry=slow, patience=QUICK)
    with consuming(consumer) as raised:
        assert tried.wait(30)
    assert raised == []
    assert (consumer.counts.handled, consumer.counts.parked) == (0, 0)
    assert committed(bus) is None


def test_a_member_that_loses_its_partitions_commits_nothing_any_more() -> None:
    bus = one_partition()
    first: list[Event] = []
    second: list[Event] = []
    blocked, go_on = threading.Event(), threading.Event()

    def slow(event: Event) -> None:
        blocked.set()
        assert go_on.wait(30)
        first.append(event)

    bus.publish_all(WORKFLOWS, [completed(number) for number in range(3)])
    with consuming(consumer_of(bus, slow)) as raised:
        assert blocked.wait(30)
        with consuming(consumer_of(bus, second.append)):
            wait_for("the new owner", lambda: len(second) == 3)
            go_on.set()
            wait_for("the old owner's event", lambda: len(first) == 1)
            wait_for("the new owner's commit", lambda: committed(bus) == 3)
    assert raised == []
    assert numbers(second) == [0, 1, 2]
    assert committed(bus) == 3


def test_offsets_that_were_not_taken_are_committed_when_the_partition_is_still_ours() -> None:
    refused = [True]

    class Rebalancing(MemoryLog):
        def commit_offsets(self, consumer: MemoryConsumer, offsets: Mapping[Partition, int]) -> None:
            if refused.pop() if refused else False:
                raise PartitionsLost("the group rebalances")
            super().commit_offsets(consumer, offsets)

    bus = memory_bus(log=Rebalancing({WORKFLOWS: 1, DEAD_LETTERS: 1}))
    seen: list[Event] = []
    bus.publish(WORKFLOWS, completed(1))
    with consuming(consumer_of(bus, seen.append)) as raised:
        wait_for("the refusal", lambda: not refused)
    assert raised == []
    assert len(seen) == 1
    assert committed(bus) == 1


def test_a_dead_letter_that_is_too_large_is_not_tried_again() -> None:
    bus = memory_bus(log=MemoryLog({WORKFLOWS: 1, DEAD_LETTERS: 1}, largest={DEAD_LETTERS: 10}))

    def handler(_event: Event) -> None:
        raise Rejected("never")

    bus.publish(WORKFLOWS, completed())
    waits = RetryPolicy(attempts=3, first_delay=timedelta(seconds=40), longest_delay=timedelta(seconds=40))
    with consuming(consumer_of(bus, handler, patience=waits)) as raised:
        wait_for("the consumer's end", lambda: len(raised) == 1)
    assert isinstance(raised[0], RecordTooLarge)
    assert committed(bus) is None


def test_redriven_records_come_again_and_are_resolved() -> None:
    bus, broken = one_partition(), [True]
    seen: list[Event] = []

    def handler(event: Event) -> None:
        if broken[0] and event.payload["duration_ms"] == 1:
            raise Rejected("not now")
        seen.append(event)

    poison = completed(1, "k")
    bus.publish_all(WORKFLOWS, [poison, completed(2)])
    consumer = consumer_of(bus, handler)
    with consuming(consumer):
        wait_for("the parking", lambda: consumer.counts.parked == 1)
        wait_for("the other event", lambda: numbers(seen) == [2])
        broken[0] = False
        assert redrive(bus, dead_letters(bus), by="tester", note="mended") == 1
        wait_for("the redriven event", lambda: numbers(seen) == [2, 1])
    assert dead_letters(bus) == ()
    assert seen[-1].id == poison.id
    assert isinstance(bus.log, MemoryLog)
    resolved = bus.serde.decode(bus.log.records(DEAD_LETTERS)[-1])
    assert resolved.payload["resolution"] == "REPLAYED"
    assert (resolved.payload["resolved_by"], resolved.payload["note"]) == ("tester", "mended")


def test_a_record_parked_twice_is_one_dead_letter() -> None:
    bus = one_partition()

    def handler(_event: Event) -> None:
        raise Rejected("never")

    bus.publish(WORKFLOWS, completed())
    for count in (1, 2):
        consumer = consumer_of(bus, handler)
        with consuming(consumer):
            wait_for("the parking", lambda consumer=consumer: consumer.counts.parked == 1)  # type: ignore[misc]
        assert isinstance(bus.log, MemoryLog)
        assert len(bus.log.records(DEAD_LETTERS)) == count
        reader = bus.log.consumer(GROUP)
        reader.subscribe([WORKFLOWS], lambda _: None, lambda _: None, lambda _: None)
        reader.commit({Partition(WORKFLOWS, 0): 0})
    assert len(dead_letters(bus)) == 1


def test_junk_in_the_dead_letter_topic_hides_nothing() -> None:
    bus = one_partition()
    bus.send(Outgoing(topic=DEAD_LETTERS, value=b"junk")).result()

    def handler(_event: Event) -> None:
        raise Rejected("never")

    bus.publish(WORKFLOWS, completed())
    consumer = consumer_of(bus, handler)
    with consuming(consumer):
        wait_for("the parking", lambda: consumer.counts.parked == 1)
    assert len(dead_letters(bus)) == 1


def test_a_coroutine_handles_events_and_cancelling_stops() -> None:
    bus = one_partition()
    seen: list[Event] = []
    bus.publish_all(WORKFLOWS, [completed(number) for number in range(5)])

    async def handle(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    async def main() -> None:
        consumer = consumer_of(bus, in_loop(handle, asyncio.get_running_loop()))
        task = asyncio.create_task(run_async(consumer))
        while len(seen) < 5:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 30))
    assert numbers(seen) == list(range(5))
    assert committed(bus) == 5


@pytest.mark.parametrize(
    ("group", "retry", "message"),
    [
        ("auth-service-x", QUICK, "the group 'auth-service-x' is not workflow-engine's: its name begins with that"),
        (
            GROUP,
            RetryPolicy(attempts=20, first_delay=timedelta(seconds=10)),
            "retries may wait 190 s, allowed are 150: the group would give up on us",
        ),
    ],
)
def test_consumers_that_could_not_work(group: str, retry: RetryPolicy, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        EventConsumer(memory_bus(), group, [WORKFLOWS], lambda _: None, retry=retry, patience=QUICK)
    assert str(caught.value) == message


def test_delays_double_up_to_the_longest() -> None:
    policy = RetryPolicy(attempts=6, first_delay=timedelta(seconds=1), longest_delay=timedelta(seconds=5))
    assert [policy.delay(attempt).total_seconds() for attempt in range(1, 6)] == [1, 2, 4, 5, 5]
    assert policy.longest == timedelta(seconds=17)


@pytest.mark.parametrize(
    ("attempts", "first", "message"),
    [
        (0, 1, "a retry policy has at least one attempt"),
        (1, 20, "a retry policy's first delay is not negative and not above its longest"),
        (1, -1, "a retry policy's first delay is not negative and not above its longest"),
    ],
)
def test_policies_that_make_no_sense(attempts: int, first: int, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        RetryPolicy(attempts=attempts, first_delay=timedelta(seconds=first))
    assert str(caught.value) == message
