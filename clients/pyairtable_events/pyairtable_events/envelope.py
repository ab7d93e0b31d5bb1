"""What every event says of itself, and its copy in Kafka's headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from pyairtable_events.record import Headers

ENVELOPE: Final = "com.pyairtable.events.EventEnvelope"
"""Full name of the Avro record that every topic's schema refers to."""

HEADERS: Final = {
    "id": "ce_id",
    "type": "ce_type",
    "source": "ce_source",
    "time": "ce_time",
    "tenant": "ce_tenant",
    "correlation_id": "ce_correlationid",
    "causation_id": "ce_causationid",
}
"""Header by field, named as CloudEvents' Kafka protocol binding 1.0.2 does (section 3.2.3; an extension has no _)."""
_SPECVERSION: Final = ("ce_specversion", b"1.0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Who says what, when, and why. Its fields are those of the Avro record ``com.pyairtable.events.EventEnvelope``."""

    id: UUID = field(default_factory=uuid4)
    """Stays the same however often the event is delivered; consumers drop duplicates by it."""
    type: str
    """Full name of the payload's record, for example ``com.pyairtable.workflows.events.RunStarted``."""
    source: str
    """Id of the service that says so."""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it happened, in UTC and whole milliseconds; any time with a zone is taken."""
    tenant: str | None = None
    correlation_id: UUID | None = None
    """The same for all that follows from one request; None makes it the event's own id."""
    causation_id: UUID | None = None
    """Id of the event that this one follows from."""
    schema_version: int | None = None
    """Version of the subject's schema; None until the event is encoded."""

    def __post_init__(self) -> None:
        """Fill in what has no value yet; raises ValueError for a time without a zone."""
        if self.time.tzinfo is None:
            raise ValueError("an event's time has a zone")
        time = self.time.astimezone(UTC)
        object.__setattr__(self, "time", time.replace(microsecond=time.microsecond // 1000 * 1000))
        if self.correlation_id is None:
            object.__setattr__(self, "correlation_id", self.id)

    @property
    def correlation(self) -> UUID:
        """The correlation id, which always has a value."""
        return self.correlation_id or self.id

    def headers(self) -> Headers:
        """Return what can be read without the value: ids, type, source, time, tenant."""
        values = {name: getattr(self, name) for name in HEADERS}
        values["time"] = self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = tuple((HEADERS[name], str(value).encode()) for name, value in values.items() if value is not None)
        return (_SPECVERSION, *said)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An envelope and the payload it speaks of."""

    envelope: Envelope
    payload: Mapping[str, Any]
    """Fields of the Avro record ``envelope.type``, as fastavro takes and returns them."""
    key: str | None = None
    """Events of one key stay in order: the aggregate's id. None: the event's own id, hence no order."""

    @property
    def id(self) -> UUID:
        """The envelope's id."""
        return self.envelope.id

    @property
    def type(self) -> str:
        """The envelope's type."""
        return self.envelope.type

    @property
    def partition_key(self) -> bytes:
        """The key of its record."""
        return (self.key or str(self.id)).encode()

    def follow_up(
        self, *, type: str, source: str, payload: Mapping[str, Any], key: str | None = None, id: UUID | None = None
    ) -> "Event":
        """Return an event that this one causes: same tenant and correlation, and the same key unless one is given."""
        envelope = Envelope(
            id=id or uuid4(),
            type=type,
            source=source,
            tenant=self.envelope.tenant,
            correlation_id=self.envelope.correlation,
            causation_id=self.id,
        )
        return Event(envelope=envelope, payload=payload, key=self.key if key is None else key)

    def with_key(self, key: str | None) -> "Event":
        """Return the event with another key."""
        return replace(self, key=key)
