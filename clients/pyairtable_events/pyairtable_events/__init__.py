"""Event bus, outbox, idempotent consumers and sagas for PyAirtable's Python services.

What needs PostgreSQL (extra ``postgres``) is imported from its own module: outbox, publisher, idempotent, participant.
"""

from pyairtable_events.bus import AsyncEventBus, EventBus, async_event_bus, event_bus
from pyairtable_events.consumer import EventConsumer, stopped_by_signals
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import (
    BusFailed,
    EventsError,
    Fenced,
    MalformedRecord,
    PublishFailed,
    RecordTooLarge,
    RegistryUnavailable,
    Rejected,
    SerializationFailed,
    SettingsError,
    Unavailable,
)
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.retry import RetryPolicy
from pyairtable_events.saga import SagaDefinition, Step
from pyairtable_events.settings import EventBusSettings, from_environment

__all__ = [
    "AsyncEventBus",
    "BusFailed",
    "Envelope",
    "Event",
    "EventBus",
    "EventBusSettings",
    "EventConsumer",
    "EventsError",
    "Fenced",
    "MalformedRecord",
    "PublishFailed",
    "RecordTooLarge",
    "RegistryUnavailable",
    "Rejected",
    "RetryPolicy",
    "SagaDefinition",
    "SagaOrchestrator",
    "SerializationFailed",
    "SettingsError",
    "Step",
    "Unavailable",
    "async_event_bus",
    "event_bus",
    "from_environment",
    "stopped_by_signals",
]
