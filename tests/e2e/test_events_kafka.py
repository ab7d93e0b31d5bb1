"""pyairtable_events on a real broker, registry and PostgreSQL, with its processes killed. Needs java, and no lab."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pyairtable_events.bus import EventBus
from pyairtable_events.consumer import EventConsumer
from pyairtable_events.envelope import Event
from pyairtable_events.errors import Fenced, PublishFailed, RecordTooLarge
from pyairtable_events.idempotent import Idempotent
from pyairtable_events.kafka_producer import KafkaProducer
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.record import LARGEST_DECISION, LARGEST_RECORD, Outgoing, Partition, Record
from pyairtable_events.redrive import dead_letters, read_to_end, redrive
from pyairtable_events.retry import RetryPolicy
from tests.e2e.events_stack import Stack, ended, running, stacked
from tests.e2e.harness import wait_for
from tests.events import (
    DEAD_LETTERS,
    SAGAS,
    WORKFLOWS,
    completed,
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


def test_the_outbox_through_killed_publishers(stack: Stack) -> None:
    """300 events of ten aggregates, half as many rolled back, publishers killed five times among them."""
    bus, mark = stack.bus(), uuid4().hex
    writer = OutboxWriter(bus.serde)
    keys = [f"{mark}-{number}" for number in range(10)]
    kills = seen = 0
    process = stack.process("-m", "pyairtable_events", "publish", service="workflow-engine")
    with stack.connect() as connection:
        for number in range(300):
            with connection.transaction():
                writer.write(connection, WORKFLOWS, completed(number, keys[number % 10]))
            if number % 2:
                with pytest.raises(ZeroDivisionError), connection.transaction():
                    writer.write(connection, WORKFLOWS, completed(-number, keys[number % 10]))
                    raise ZeroDivisionError
            if number % 60 == 29:
                wait_for("a newly published event", lambda seen=seen: len(written(bus, mark)) > seen)  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
                ended(process, -signal.SIGKILL)
                kills, seen = kills + 1, len(written(bus, mark))
                process = stack.process("-m", "pyairtable_events", "publish", service="workflow-engine")
        wait_for("an empty outbox", lambda: connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,))
    process.send_signal(signal.SIGTERM)
    ended(process, 0)
    assert kills == 5
    found = written(bus, mark)
    first = list({event.id: event for event in found}.values())
    for index, key in enumerate(keys):
        numbers = [event.payload["duration_ms"] for event in first if event.key == key]
        assert numbers == list(range(index, 300, 10)), "order of an aggregate's first arrivals"

    def effect(connection: "psycopg.Connection[Any]", event: Event) -> None:
        if event.key in keys:
            connection.execute("INSERT INTO effects (what) VALUES (%s)", (str(event.payload["duration_ms"]),))

    handler = Idempotent(stack.connect, mark, effect)
    with running(EventConsumer(bus, f"workflow-engine-{mark}", [WORKFLOWS], handler).run):
        wait_for("all effects", lambda: len(stack.effects()) == 300)
    assert stack.effects() == Counter(str(number) for number in range(300))
    handler.close()
    bus.close()


def written(bus: EventBus, mark: str) -> list[Event]:
    """Everything a topic has of these aggregates, duplicates included."""
    records = read_to_end(bus, WORKFLOWS)
    return [bus.serde.decode(one) for one in records if (one.key or b"").startswith(mark.encode())]


def test_a_gapless_producer_lets_nothing_through_after_a_refused_record(stack: Stack) -> None:
    bus, mark = stack.bus(), uuid4().hex
    producer = bus.log.producer(gapless=True)
    values = [mark.encode()] * 20 + [os.urandom(1_200_000)] + [mark.encode()] * 20
    futures = [producer.send(Outgoing(topic=DEAD_LETTERS, value=value, key=mark.encode())) for value in values]
    failed = [future.exception(60) is not None for future in futures]
    producer.close(0)
    records = [one for one in read_to_end(bus, DEAD_LETTERS) if one.key == mark.encode()]
    first = failed.index(True)
    assert first <= 20
    assert len(records) == failed.count(False) == first
    bus.close()


def test_a_producer_that_librdkafka_ended_leaves_no_record_without_an_answer(stack: Stack) -> None:
    """A refusal by the broker ends a gapless producer for good; the bus's own would be replaced."""
    client = {"bootstrap.servers": stack.environment["KAFKA_BROKERS"], "message.max.bytes": 5_000_000}
    producer = KafkaProducer(client, gapless=True)
    futures = [producer.send(Outgoing(topic=WORKFLOWS, value=os.urandom(1_200_000), key=b"k")) for _ in range(3)]
    wait_for("the producer's end", lambda: producer.failed)
    futures.append(producer.send(Outgoing(topic=WORKFLOWS, value=b"v", key=b"k")))
    assert all(isinstance(future.exception(60), PublishFailed) for future in futures)
    producer.close(30)


def test_a_record_that_its_topic_does_not_take_is_said_to_be_too_large(stack: Stack) -> None:
    bus, mark = stack.bus(), uuid4().hex
    large = Outgoing(topic=WORKFLOWS, value=os.urandom(1_200_000), key=mark.encode())
    with pytest.raises(RecordTooLarge, match=rf"^{WORKFLOWS}: a record of 1200000 bytes: "):
        bus.send(large).result(60)
    bus.publish(WORKFLOWS, completed(1, mark))
    assert [event.payload["duration_ms"] for event in written(bus, mark)] == [1]
    bus.close()


@pytest.mark.parametrize("largest", [LARGEST_DECISION, LARGEST_RECORD], ids=["refused here", "refused by the broker"])
def test_a_transaction_with_a_record_that_is_too_large_is_none(stack: Stack, largest: int) -> None:
    bus, mark = stack.bus(), uuid4().hex
    good = bus.outgoing(WORKFLOWS, completed(1, mark))
    producer = bus.log.transactional_producer(f"workflow-engine-{mark}", largest=largest)
    producer.begin()
    producer.send(good)
    producer.send(Outgoing(topic=WORKFLOWS, value=os.urandom(1_200_000), key=mark.encode()))
    with pytest.raises(RecordTooLarge):
        producer.commit()
    producer.close()
    assert written(bus, mark) == []
    again = bus.log.transactional_producer(f"workflow-engine-{mark}")
    again.begin()
    again.send(good)
    again.commit()
    again.close()
    assert len(written(bus, mark)) == 1
    bus.close()


def test_the_largest_event_of_a_topic_is_parked_and_goes_back(stack: Stack) -> None:
    bus, mark = stack.bus(), uuid4().hex
    value = os.urandom(1_040_000)
    bus.send(Outgoing(topic=SAGAS, value=value, key=mark.encode())).result(60)
    group = f"workflow-engine-{mark}"
    with running(EventConsumer(bus, group, [SAGAS], lambda _: None).run):
        wait_for("the dead letter", lambda: len(parked(bus, group)) >= 1)
    (letter,) = [one for one in dead_letters(bus) if one.consumer_group == group and one.value == value]
    assert redrive(bus, [letter], by="tester") == 1
    records = [one.value for one in read_to_end(bus, SAGAS) if one.key == mark.encode()]
    assert records == [value, value]
    bus.close()


def test_a_partition_ends_behind_transactions_that_are_open(stack: Stack) -> None:
    """A new owner of the sagas' log that was told less would decide before it has read everything."""
    bus, mark = stack.bus(), uuid4().hex
    partition = Partition(DEAD_LETTERS, 0)
    opened = bus.log.transactional_producer(f"workflow-engine-{mark}-open")
    opened.begin()
    first = opened.send(Outgoing(topic=DEAD_LETTERS, value=b"open", partition=0))
    opened.flush()
    bus.send(Outgoing(topic=DEAD_LETTERS, value=b"behind", partition=0)).result(60)
    consumer = bus.log.consumer(f"workflow-engine-{mark}")
    assert consumer.end(partition) == first.result(0).offset + 2
    consumer.close()
    opened.abort()
    opened.close()
    bus.close()


def test_a_static_member_that_another_one_replaced_ends(stack: Stack) -> None:
    bus, group = stack.bus(), f"workflow-engine-{uuid4().hex}"
    handled: list[Event] = []
    raised: list[BaseException] = []

    def replaced() -> None:
        try:
            EventConsumer(bus, group, [WORKFLOWS], handled.append, instance="0").run(threading.Event())
        except Fenced as error:
            raised.append(error)

    bus.publish(WORKFLOWS, completed())
    thread = threading.Thread(target=replaced)
    thread.start()
    wait_for("the first member's work", lambda: len(handled) > 0)
    with running(EventConsumer(bus, group, [WORKFLOWS], lambda _: None, instance="0").run):
        wait_for("the first member's end", lambda: not thread.is_alive())
    assert len(raised) == 1
    bus.close()


def test_a_poison_event_is_parked_with_its_headers_and_redriven(stack: Stack) -> None:
    bus, mark = stack.bus(), uuid4().hex
    broken, seen = [True], []
    quick = RetryPolicy(attempts=3, first_delay=timedelta(milliseconds=10))

    def handler(event: Event) -> None:
        if event.key == mark:
            if broken[0] and event.payload["duration_ms"] == 2:
                raise KeyError("tenant")
            seen.append(event.payload["duration_ms"])

    group = f"workflow-engine-{mark}"
    bus.publish(WORKFLOWS, completed(1, mark))
    junk = bus.send(Outgoing(topic=WORKFLOWS, value=b"junk", key=mark.encode(), headers=(("a", b"b"),))).result()
    bus.publish_all(WORKFLOWS, [completed(2, mark), completed(3, mark)])
    with running(EventConsumer(bus, group, [WORKFLOWS], handler, retry=quick).run):
        wait_for("the event behind the poison", lambda: seen == [1, 3])
        wait_for("the dead letters", lambda: len(parked(bus, group)) == 2)
        letters = {headers(one)["dlq.exception.class"]: headers(one) for one in parked(bus, group)}
        assert letters["pyairtable_events.errors.MalformedRecord"] == {
            "dlq.original.topic": WORKFLOWS,
            "dlq.original.partition": str(junk.partition),
            "dlq.original.offset": str(junk.offset),
            "dlq.consumer.group": group,
            "dlq.exception.class": "pyairtable_events.errors.MalformedRecord",
            "dlq.exception.message": "the value begins with 6a756e6b, not with the frame of a schema's id",
            "dlq.attempts": "1",
        }
        assert letters["KeyError"]["dlq.attempts"] == "3"
        assert letters["KeyError"]["dlq.original.offset"] == str(junk.offset + 1)
        broken[0] = False
        mended = [one for one in dead_letters(bus) if one.consumer_group == group and one.exception == "KeyError"]
        assert redrive(bus, mended, by="tester") == 1
        wait_for("the redriven event", lambda: seen == [1, 3, 2])
    assert [one.exception for one in dead_letters(bus) if one.consumer_group == group] == [
        "pyairtable_events.errors.MalformedRecord"
    ]
    bus.close()


def parked(bus: EventBus, group: str) -> list[Record]:
    records = read_to_end(bus, DEAD_LETTERS)
    return [one for one in records if one.header("dlq.consumer.group") == group]


def headers(record: Record) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers if name.startswith("dlq.")}


def test_a_taken_over_transactional_id_fences_its_producer(stack: Stack) -> None:
    bus, mark = stack.bus(), uuid4().hex
    old = bus.log.transactional_producer(f"workflow-engine-{mark}")
    old.begin()
    old.send(Outgoing(topic=DEAD_LETTERS, value=b"old", key=mark.encode()))
    old.flush()
    new = bus.log.transactional_producer(f"workflow-engine-{mark}")
    with pytest.raises(Fenced):
        old.commit()
    new.begin()
    new.send(Outgoing(topic=DEAD_LETTERS, value=b"new", key=mark.encode()))
    new.commit()
    new.close()
    records = read_to_end(bus, DEAD_LETTERS)
    assert [one.value for one in records if one.key == mark.encode()] == [b"new"]
    bus.close()
