"""Publishing through the bus in memory: the code is the one that publishes to Kafka, the log is not."""

import asyncio
from concurrent.futures import Future

import pytest

from pyairtable_events.bus import AsyncEventBus, EventBus, async_event_bus, event_bus
from pyairtable_events.envelope import Event
from pyairtable_events.errors import (
    Fenced,
    PartitionsLost,
    PublishFailed,
    RecordTooLarge,
    SerializationFailed,
    SettingsError,
)
from pyairtable_events.kafka import KafkaLog
from pyairtable_events.memory import MemoryConsumer, MemoryLog, MemoryProducer
from pyairtable_events.record import Delivery, EndOfPartition, Outgoing, Partition, Record
from pyairtable_events.settings import BusType, EventBusSettings, KafkaSettings, from_environment
from tests.events import RUN_COMPLETED, SCHEMAS, WORKFLOWS, completed, memory_bus, serde

MEMORY = {"EVENT_BUS_TYPE": "memory", "EVENT_BUS_SERVICE": "workflow-engine", "EVENT_BUS_SCHEMAS": str(SCHEMAS)}
P0 = Partition("t", 0)


def log_of(bus: EventBus) -> MemoryLog:
    assert isinstance(bus.log, MemoryLog)
    return bus.log


def test_an_event_is_published_with_its_headers() -> None:
    bus = event_bus(from_environment(MEMORY))
    said = completed(5, "run-1")
    delivery = bus.publish(WORKFLOWS, said)
    (record,) = log_of(bus).records(WORKFLOWS)
    assert (record.topic, record.partition, record.offset) == (delivery.topic, delivery.partition, delivery.offset)
    assert record.key == b"run-1"
    assert record.headers == said.envelope.headers()
    assert bus.serde.decode(record).payload["duration_ms"] == 5


def test_events_of_one_key_stay_in_order_in_one_partition() -> None:
    bus = memory_bus()
    bus.publish_all(WORKFLOWS, [completed(number, "same") for number in range(20)])
    records = log_of(bus).records(WORKFLOWS)
    assert len({record.partition for record in records}) == 1
    assert [bus.serde.decode(record).payload["duration_ms"] for record in records] == list(range(20))


def test_nothing_is_published_when_one_event_does_not_fit() -> None:
    bus = memory_bus()
    wrong = Event(envelope=completed().envelope, payload={"run_id": "x"})
    with pytest.raises(SerializationFailed):
        bus.publish_all(WORKFLOWS, [completed(), wrong])
    assert log_of(bus).records(WORKFLOWS) == []


def test_the_bus_that_the_environment_names() -> None:
    kafka = KafkaSettings(brokers="127.0.0.1:1")
    settings = EventBusSettings(type=BusType.KAFKA, service="a", kafka=kafka, schemas=SCHEMAS)
    assert isinstance(event_bus(settings).log, KafkaLog)
    assert isinstance(event_bus(from_environment(MEMORY)).log, MemoryLog)
    assert isinstance(async_event_bus(from_environment(MEMORY)), AsyncEventBus)
    with pytest.raises(SettingsError, match="SCHEMA_REGISTRY_URL: it is missing"):
        event_bus(EventBusSettings(type=BusType.KAFKA, service="a", kafka=kafka))


class HalfBroken(MemoryLog):
    """A log whose producers lose every second record."""

    def producer(self, *, gapless: bool = False) -> MemoryProducer:  # noqa: ARG002 as in memory.py
        log = self

        class Losing(MemoryProducer):
            count = 0

            def send(self, record: Outgoing) -> "Future[Delivery]":
                self.count += 1
                if self.count % 2:
                    return super().send(record)
                lost: Future[Delivery] = Future()
                lost.set_exception(PublishFailed(f"{record.topic}: no answer"))
                return lost

        return Losing(log)


def test_what_was_not_confirmed_is_an_error() -> None:
    bus = memory_bus(log=HalfBroken())
    with pytest.raises(PublishFailed) as caught:
        bus.publish_all(WORKFLOWS, [completed() for _ in range(4)])
    assert str(caught.value) == f"2 of 4 events weren't confirmed: {WORKFLOWS}: no answer"


def test_the_same_for_asyncio() -> None:
    async def main() -> list[Delivery]:
        async with async_event_bus(from_environment(MEMORY)) as bus:
            first = await bus.publish(WORKFLOWS, completed(0, "k"))
            return [first, *await bus.publish_all(WORKFLOWS, [completed(1, "k"), completed(2, "k")])]

    deliveries = asyncio.run(main())
    assert [delivery.offset for delivery in deliveries] == [0, 1, 2]


def test_asyncio_sees_the_same_errors() -> None:
    async def main() -> None:
        async with async_event_bus(from_environment(MEMORY)) as bus:
            await bus.publish(WORKFLOWS, Event(envelope=completed().envelope, payload={}))

    with pytest.raises(SerializationFailed, match="run_id"):
        asyncio.run(main())


# What tests with the log in memory rely on: it hides what isn't committed, and fences.


def out(text: str, partition: int = 0) -> Outgoing:
    return Outgoing(topic="t", value=text.encode(), partition=partition)


def values(log: MemoryLog) -> list[bytes | None]:
    return [record.value for record in log.records("t")]


def joined(log: MemoryLog, group: str = "g") -> MemoryConsumer:
    consumer = log.consumer(group)
    consumer.subscribe(["t"], lambda _: None, lambda _: None, lambda _: None)
    return consumer


def drain(consumer: MemoryConsumer) -> list[bytes | None]:
    found: list[bytes | None] = []
    while (one := consumer.poll(0)) is not None:
        if isinstance(one, Record):
            found.append(one.value)
    return found


def test_a_transaction_is_seen_when_it_is_committed() -> None:
    log = MemoryLog({"t": 1})
    producer, reader = log.transactional_producer("x"), joined(log)
    producer.begin()
    producer.send(out("a"))
    log.producer().send(out("b"))
    assert drain(reader) == [], (
        "what stands behind an open transaction waits for it, as Kafka's last stable offset does"
    )
    producer.commit()
    assert drain(reader) == [b"a", b"b"]


def test_an_aborted_transaction_is_never_seen() -> None:
    log = MemoryLog({"t": 1})
    producer = log.transactional_producer("x")
    producer.begin()
    producer.send(out("a"))
    producer.abort()
    log.producer().send(out("b"))
    reader = joined(log)
    assert drain(reader) == [b"b"]
    assert log.length(P0) == 2


def test_a_taken_over_id_fences_its_producer() -> None:
    log = MemoryLog({"t": 1})
    old = log.transactional_producer("x")
    old.begin()
    old.send(out("old"))
    new = log.transactional_producer("x")
    with pytest.raises(Fenced, match="another producer has the transactional id x"):
        old.commit()
    with pytest.raises(Fenced):
        old.begin()
    new.begin()
    new.send(out("new"))
    new.commit()
    assert values(log) == [b"new"]


def test_offsets_are_part_of_a_transaction() -> None:
    log = MemoryLog({"t": 1})
    consumer, producer = joined(log), log.transactional_producer("x")
    consumer.poll(0)
    producer.begin()
    producer.send(out("a"))
    producer.commit({P0: 7}, consumer)
    assert log.committed("g", P0) == 7
    taken = joined(log)
    taken.poll(0)
    producer.begin()
    producer.send(out("b"))
    with pytest.raises(PartitionsLost):
        producer.commit({P0: 8}, consumer)
    assert log.committed("g", P0) == 7
    assert values(log) == [b"a"]


def test_a_consumer_is_told_where_a_partition_ends_once() -> None:
    log = MemoryLog({"t": 1})
    consumer = joined(log)
    log.producer().send(out("a"))
    found = [consumer.poll(0) for _ in range(4)]
    assert [type(one) for one in found] == [Record, EndOfPartition, type(None), type(None)]
    assert found[1] == EndOfPartition(P0, 1)


def test_a_transaction_with_a_record_that_is_too_large_is_none() -> None:
    log = MemoryLog({"t": 1, "source": 1}, largest={"t": 5})
    consumer = joined(log)
    for largest, value in ((1_000, b"123456"), (3, b"1234")):
        producer = log.transactional_producer("id", largest=largest)
        producer.begin()
        producer.send(out("good"[:3]))
        producer.send(Outgoing(topic="t", value=value, partition=0))
        with pytest.raises(RecordTooLarge, match=rf"^t: the record has {len(value)} bytes, allowed are "):
            producer.commit({Partition("source", 0): 3}, consumer)
        assert log.committed("g", Partition("source", 0)) is None
    assert values(log) == []
    producer.begin()
    producer.send(out("1"))
    producer.commit()
    assert values(log) == [b"1"]


def test_a_producer_that_ended_is_replaced() -> None:
    made: list[MemoryProducer] = []

    class Ending(MemoryLog):
        def producer(self, *, gapless: bool = False) -> MemoryProducer:
            made.append(super().producer(gapless=gapless))
            return made[-1]

    bus = memory_bus(log=Ending())
    bus.publish(WORKFLOWS, completed(1, "k"))
    bus.publish(WORKFLOWS, completed(2, "k"))
    assert len(made) == 1
    made[0].failed = True
    assert bus.publish(WORKFLOWS, completed(3, "k")).offset == 2
    assert len(made) == 2


def test_a_type_that_a_topic_does_not_carry_is_not_sent() -> None:
    bus = memory_bus()
    with pytest.raises(SerializationFailed):
        bus.publish("pyairtable.auth.events", completed())
    assert RUN_COMPLETED not in {record.header("ce_type") for record in log_of(bus).records("pyairtable.auth.events")}
    assert serde() is bus.serde
