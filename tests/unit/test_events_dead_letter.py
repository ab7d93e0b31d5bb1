"""Dead letters of any size and wording, read and sent back by several at a time."""

from datetime import UTC, datetime

import pytest

from pyairtable_events.bus import EventBus
from pyairtable_events.dead_letter import Failure, park
from pyairtable_events.errors import RecordTooLarge
from pyairtable_events.memory import MemoryLog
from pyairtable_events.record import Outgoing
from pyairtable_events.redrive import dead_letters, read_to_end, redrive
from tests.events import DEAD_LETTERS, WORKFLOWS, memory_bus, recorded

GROUP = "workflow-engine-tests"
LARGEST = 2_000


def bus_with_room(largest: int = LARGEST) -> EventBus:
    return memory_bus(log=MemoryLog({WORKFLOWS: 1, DEAD_LETTERS: 1}, largest={DEAD_LETTERS: largest}))


def failed(error: Exception) -> Failure:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 it has a trace now
        return Failure(error=caught, attempts=1, first_failed_at=datetime.now(UTC))


def parked_size(value: bytes, failure: Failure) -> int:
    bus = bus_with_room(100_000)
    park(bus, GROUP, recorded(value), failure, None)
    assert isinstance(bus.log, MemoryLog)
    (record,) = bus.log.records(DEAD_LETTERS)
    return len(record.value or b"") + len(record.key or b"")


def test_a_record_that_leaves_no_room_for_its_trace_is_parked_without_it() -> None:
    value, failure = b"v" * 1_500, failed(ValueError("no such workflow"))
    bus = bus_with_room(parked_size(value, failure) - 1)
    park(bus, GROUP, recorded(value), failure, None)
    (letter,) = dead_letters(bus)
    assert (letter.value, letter.message) == (value, "no such workflow")
    assert isinstance(bus.log, MemoryLog)
    (record,) = bus.log.records(DEAD_LETTERS)
    assert bus.serde.decode(record).payload["error"]["stack_trace"] is None


def test_a_record_that_the_topic_has_no_room_for_is_said_to_be_too_large() -> None:
    with pytest.raises(RecordTooLarge, match=r"^pyairtable\.dlq\.events: the record has \d+ bytes, allowed are 2000$"):
        park(bus_with_room(), GROUP, recorded(b"v" * LARGEST), failed(ValueError("no")), None)


def test_an_error_that_utf_8_has_no_form_for_is_parked() -> None:
    bus = bus_with_room()
    park(bus, GROUP, recorded(b"v"), failed(ValueError("no file \udcff.csv")), None)
    (letter,) = dead_letters(bus)
    assert letter.message == "no file \\udcff.csv"


def test_two_read_a_topic_at_a_time_and_each_sees_all_of_it() -> None:
    bus = memory_bus(log=MemoryLog({WORKFLOWS: 3}))
    for number in range(30):
        bus.send(Outgoing(topic=WORKFLOWS, value=b"%d" % number, partition=number % 3)).result()
    first = read_to_end(bus, WORKFLOWS)
    seen = [next(first) for _ in range(5)]
    second = list(read_to_end(bus, WORKFLOWS))
    seen += first
    everything = {b"%d" % number for number in range(30)}
    assert {one.value for one in second} == everything
    assert {one.value for one in seen} == everything
    assert len(second) == len(seen) == 30


def test_what_another_redrive_has_sent_back_is_not_sent_again() -> None:
    bus = memory_bus(log=MemoryLog({WORKFLOWS: 1, DEAD_LETTERS: 1}))
    for key in (b"a", b"b"):
        park(bus, GROUP, recorded(b"v-" + key, key), failed(ValueError("no")), None)
    assert isinstance(bus.log, MemoryLog)
    (letter,) = dead_letters(bus)
    assert redrive(bus, [letter], by="one") == 1
    assert redrive(bus, [letter], by="two") == 0
    assert len(bus.log.records(WORKFLOWS)) == 1


def test_a_dead_letter_of_any_size_goes_back() -> None:
    bus, value = memory_bus(), b"v" * 1_500_000
    park(bus, GROUP, recorded(value), failed(ValueError("no")), None)
    assert redrive(bus, dead_letters(bus), by="tester") == 1
    assert isinstance(bus.log, MemoryLog)
    assert [record.value for record in bus.log.records(WORKFLOWS)] == [value]


def test_a_record_that_its_topic_does_not_take_stays_a_dead_letter() -> None:
    bus = memory_bus(log=MemoryLog(largest={WORKFLOWS: 10}))
    park(bus, GROUP, recorded(b"v" * 11), failed(ValueError("no")), None)
    with pytest.raises(RecordTooLarge):
        redrive(bus, dead_letters(bus), by="tester")
    assert len(dead_letters(bus)) == 1
