"""Publishing events: confirmed by every in-sync replica, in Avro, with the envelope's ids in the headers."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType

from pyairtable_events.envelope import Event
from pyairtable_events.errors import PublishFailed, SettingsError
from pyairtable_events.kafka import KafkaLog
from pyairtable_events.memory import MemoryLog
from pyairtable_events.record import Delivery, Log, Outgoing, Producer
from pyairtable_events.registry import registry_client
from pyairtable_events.serde import Serde
from pyairtable_events.settings import BusType, EventBusSettings


class EventBus:
    """Publishes a service's events; threads may share it. ``event_bus`` makes one from the environment's settings."""

    def __init__(self, service: str, log: Log, serde: Serde) -> None:
        self.service = service
        """The service's id."""
        self.log = log
        """Where consumers, outbox publishers and sagas of the same service find their clients."""
        self.serde = serde
        """How events become bytes."""
        self._producer: Producer | None = None
        self._making = threading.Lock()

    def __enter__(self) -> "EventBus":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, topic: str, event: Event) -> Delivery:
        """Publish an event and wait until it is confirmed.

        Raises SerializationFailed or RegistryUnavailable when nothing was sent, PublishFailed when it wasn't confirmed.
        """
        return self.submit(topic, event).result()

    def publish_all(self, topic: str, events: Sequence[Event]) -> list[Delivery]:
        """Publish events together and wait for all of them; nothing is sent when one doesn't fit its schema.

        Raises PublishFailed that says how many weren't confirmed, and the first reason.
        """
        futures = [self.send(record) for record in [self.outgoing(topic, event) for event in events]]
        failures = [error for future in futures if (error := future.exception()) is not None]
        if failures:
            raise PublishFailed(f"{len(failures)} of {len(events)} events weren't confirmed: {failures[0]}")
        return [future.result() for future in futures]

    def submit(self, topic: str, event: Event) -> "Future[Delivery]":
        """Queue an event; the future has its confirmation, or raises PublishFailed."""
        return self.send(self.outgoing(topic, event))

    def send(self, record: Outgoing) -> "Future[Delivery]":
        """Queue a record that is encoded already."""
        ended: Producer | None = None
        with self._making:
            if self._producer is not None and self._producer.failed:
                ended, self._producer = self._producer, None
            if self._producer is None:
                self._producer = self.log.producer()
            producer = self._producer
        if ended is not None:
            ended.close(0)
        return producer.send(record)

    def outgoing(self, topic: str, event: Event) -> Outgoing:
        """Return the record of an event."""
        return outgoing(self.serde, topic, event)

    def close(self) -> None:
        """Wait for what is queued, then stop."""
        with self._making:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()
        self.serde.close()


class AsyncEventBus:
    """The same for asyncio: no call blocks the event loop."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        """The bus it goes through."""

    async def __aenter__(self) -> "AsyncEventBus":
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def publish(self, topic: str, event: Event) -> Delivery:
        """Publish an event and wait until it is confirmed, see ``EventBus.publish``."""
        await self.prepare(topic)
        return await asyncio.wrap_future(self.bus.submit(topic, event))

    async def publish_all(self, topic: str, events: Sequence[Event]) -> list[Delivery]:
        """Publish events together and wait for all of them, see ``EventBus.publish_all``."""
        await self.prepare(topic)
        return await asyncio.to_thread(self.bus.publish_all, topic, events)

    async def prepare(self, topic: str) -> None:
        """Fetch the topic's schema outside the event loop when that is due."""
        if not self.bus.serde.prepared(topic):
            await asyncio.to_thread(self.bus.serde.prepare, topic)

    async def close(self) -> None:
        """Wait for what is queued, then stop."""
        await asyncio.to_thread(self.bus.close)


def event_bus(settings: EventBusSettings, *, schema_ids: Mapping[str, int] | None = None) -> EventBus:
    """Return the bus that ``EVENT_BUS_TYPE`` names; nothing is connected yet.

    ``schema_ids`` pins topics to a schema's id; otherwise the latest version of the topic's subject is written.
    """
    serde = Serde(registry_client(settings), schema_ids)
    return EventBus(settings.service, _log(settings), serde)


def async_event_bus(settings: EventBusSettings, *, schema_ids: Mapping[str, int] | None = None) -> AsyncEventBus:
    """Return ``event_bus`` for asyncio."""
    return AsyncEventBus(event_bus(settings, schema_ids=schema_ids))


def outgoing(serde: Serde, topic: str, event: Event) -> Outgoing:
    """Return the record of an event; raises SerializationFailed or RegistryUnavailable."""
    return Outgoing(
        topic=topic, value=serde.encode(topic, event), key=event.partition_key, headers=event.envelope.headers()
    )


def _log(settings: EventBusSettings) -> Log:
    if settings.type is BusType.MEMORY:
        return MemoryLog()
    if settings.kafka is None:
        raise SettingsError(("KAFKA_BROKERS: it is missing; write host:port, several with commas",))
    return KafkaLog(settings.kafka)
