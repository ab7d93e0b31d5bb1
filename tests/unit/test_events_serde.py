"""Events to bytes and back, by the committed schemas; what doesn't fit, and bytes that are no event."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from confluent_kafka.schema_registry import RegisteredSchema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from hypothesis import given
from hypothesis import strategies as st

from pyairtable_events import serde as serde_module
from pyairtable_events.envelope import Envelope, Event
from pyairtable_events.errors import (
    EventsError,
    MalformedRecord,
    RegistryUnavailable,
    SerializationFailed,
    SettingsError,
)
from pyairtable_events.registry import folder_registry
from pyairtable_events.serde import Serde
from tests.events import RUN_COMPLETED, RUN_STARTED, SAGAS, SCHEMAS, STEP_FAILED, WORKFLOWS, completed, recorded
from tests.events import serde as shared_serde

RUN = UUID("8c5f3a52-6f0b-4a3e-9d0c-0d1f6d3b1a11")


def event(type: str, **payload: Any) -> Event:
    return Event(envelope=Envelope(type=type, source="workflow-engine"), payload=payload, key="k")


def test_what_is_written_is_read() -> None:
    said = Event(
        envelope=Envelope(
            type=RUN_COMPLETED,
            source="workflow-engine",
            time=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
            tenant="acme",
            correlation_id=uuid4(),
            causation_id=uuid4(),
        ),
        payload={"run_id": RUN, "duration_ms": 12, "outputs": {"a": "1"}},
        key="run",
    )
    read = shared_serde().decode(recorded(shared_serde().encode(WORKFLOWS, said), b"run"))
    assert read.payload == said.payload
    assert read.key == "run"
    assert read.envelope.time == datetime(2026, 3, 1, 10, 0, 0, 123000, tzinfo=UTC)
    assert read.envelope.schema_version == 1
    for name in ("id", "type", "source", "tenant", "correlation_id", "causation_id"):
        assert getattr(read.envelope, name) == getattr(said.envelope, name)


def test_the_frame_is_confluents() -> None:
    value = shared_serde().encode(WORKFLOWS, completed())
    magic, schema_id = struct.unpack_from(">bI", value)
    assert magic == 0
    latest = folder_registry(SCHEMAS).get_latest_version(f"{WORKFLOWS}-value")
    assert schema_id == latest.schema_id


def test_an_event_without_a_correlation_begins_one() -> None:
    first = completed()
    second = first.follow_up(type=RUN_COMPLETED, source="x", payload={})
    assert first.envelope.correlation_id == first.id
    assert second.envelope.correlation_id == first.id
    assert second.envelope.causation_id == first.id
    assert second.id != first.id


def test_headers_say_what_the_envelope_says() -> None:
    said = Envelope(
        id=RUN,
        type=RUN_COMPLETED,
        source="workflow-engine",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        tenant="acme",
        causation_id=RUN,
    )
    assert dict(said.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": str(RUN).encode(),
        "ce_type": RUN_COMPLETED.encode(),
        "ce_source": b"workflow-engine",
        "ce_time": b"2026-03-01T00:00:00.000Z",
        "ce_tenant": b"acme",
        "ce_correlationid": str(RUN).encode(),
        "ce_causationid": str(RUN).encode(),
    }


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^an event's time has a zone$"):
        Envelope(type="a", source="b", time=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("topic", "said", "message"),
    [
        (
            "pyairtable.nothing.events",
            event(RUN_COMPLETED),
            "pyairtable.nothing.events: the registry has no schema under pyairtable.nothing.events-value",
        ),
        (
            WORKFLOWS,
            event("com.pyairtable.workflows.events.RunComplete"),
            f"{WORKFLOWS}: it carries no com.pyairtable.workflows.events.RunComplete, but {RUN_COMPLETED}",
        ),
        (
            WORKFLOWS,
            event(RUN_COMPLETED, run_id=RUN),
            f"{WORKFLOWS}: {RUN_COMPLETED} doesn't fit its schema: "
            "Field duration_ms is specified in the schema but missing from the record",
        ),
        (
            WORKFLOWS,
            event(RUN_COMPLETED, run_id=RUN, duration_ms=1, duration=1),
            f"{WORKFLOWS}: {RUN_COMPLETED} doesn't fit its schema: "
            "record contains more fields than the schema specifies: duration",
        ),
        (
            WORKFLOWS,
            event(RUN_COMPLETED, run_id="no uuid", duration_ms=1),
            f"{WORKFLOWS}: {RUN_COMPLETED} doesn't fit its schema: badly formed hexadecimal UUID string",
        ),
        (
            WORKFLOWS,
            event(RUN_STARTED, workflow_id=RUN, run_id=RUN, version=1, trigger="MANUAL", parent_run_id="no uuid"),
            f"{WORKFLOWS}: {RUN_STARTED} doesn't fit its schema: badly formed hexadecimal UUID string",
        ),
        (
            WORKFLOWS,
            event(RUN_COMPLETED, run_id=RUN, duration_ms="1"),
            f"{WORKFLOWS}: {RUN_COMPLETED} doesn't fit its schema: "
            "an integer is required on field duration_ms on field payload on field payload",
        ),
    ],
)
def test_what_does_not_fit_is_refused(topic: str, said: Event, message: str) -> None:
    with pytest.raises(SerializationFailed) as caught:
        shared_serde().encode(topic, said)
    assert str(caught.value) == message


def frame(schema_id: int, data: bytes = b"") -> bytes:
    return struct.pack(">bI", 0, schema_id) + data


def envelope_schema() -> int:
    found = folder_registry(SCHEMAS).get_latest_version("com.pyairtable.events.EventEnvelope")
    assert found.schema_id is not None
    return int(found.schema_id)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the record has no value"),
        (b"", "the value begins with nothing, not with the frame of a schema's id"),
        (b'{"a": 1}', "the value begins with 7b2261223a, not with the frame of a schema's id"),
        (frame(9999, b"x"), "the registry has no schema 9999"),
        (
            frame(envelope_schema(), b"x"),
            f"schema {envelope_schema()} is none of an event: its fields are id, type, source, time, tenant, "
            "correlation_id, causation_id, schema_version, not an envelope and a union of payloads",
        ),
    ],
)
def test_what_is_no_event(value: bytes | None, message: str) -> None:
    with pytest.raises(MalformedRecord) as caught:
        shared_serde().decode(recorded(value))
    assert str(caught.value) == message


def test_bytes_behind_an_event() -> None:
    value = shared_serde().encode(WORKFLOWS, completed())
    with pytest.raises(MalformedRecord, match=r"^2 bytes are left behind the data of schema \d+$"):
        shared_serde().decode(recorded(value + b"ab"))


def test_an_envelope_that_speaks_of_something_else() -> None:
    value = shared_serde().encode(WORKFLOWS, completed())
    other = RUN_COMPLETED.replace("RunCompleted", "RunCancelled").encode()
    with pytest.raises(
        MalformedRecord, match=r"^the envelope speaks of .*RunCancelled, the payload is .*RunCompleted$"
    ):
        shared_serde().decode(recorded(value.replace(RUN_COMPLETED.encode(), other)))


@given(data=st.binary(max_size=200), cut=st.integers(0, 60))
def test_any_bytes_are_an_event_or_malformed(data: bytes, cut: int) -> None:
    good = shared_serde().encode(WORKFLOWS, completed())
    for value in (data, good[:5] + data, good[:cut] + data, good[: -cut or None], good[:cut] + data + good[cut:]):
        try:
            found = shared_serde().decode(recorded(value))
        except MalformedRecord:
            continue
        assert isinstance(found.id, UUID)


@given(
    outputs=st.dictionaries(st.text(), st.text()),
    duration=st.integers(-(2**63), 2**63 - 1),
    tenant=st.none() | st.text(),
    key=st.none() | st.text(min_size=1).filter(lambda text: text.encode(errors="replace").decode() == text),
)
def test_every_payload_of_the_schema_survives(
    outputs: dict[str, str], duration: int, tenant: str | None, key: str | None
) -> None:
    said = Event(
        envelope=Envelope(type=RUN_COMPLETED, source="x", tenant=tenant),
        payload={"run_id": RUN, "duration_ms": duration, "outputs": outputs},
        key=key,
    )
    read = shared_serde().decode(recorded(shared_serde().encode(WORKFLOWS, said), said.partition_key))
    assert read.payload == said.payload
    assert read.key == (key or str(said.id))
    assert read.envelope.tenant == tenant


def test_a_reference_to_a_type_of_an_earlier_payload() -> None:
    said = event(STEP_FAILED, run_id=RUN, step="a", error={"code": "c", "message": "m", "retriable": True})
    read = shared_serde().decode(recorded(shared_serde().encode(WORKFLOWS, said)))
    assert read.payload["error"] == {"code": "c", "message": "m", "retriable": True}
    assert read.payload["retry_at"] is None


class Failing:
    """A registry that works until it is told to fail."""

    def __init__(self, inner: SchemaRegistryClient) -> None:
        self.inner = inner
        self.failure: Exception | None = None

    def get_latest_version(self, subject_name: str, fmt: str | None = None) -> RegisteredSchema:
        return self._or_fail(lambda: self.inner.get_latest_version(subject_name, fmt))

    def get_version(self, *arguments: Any, **named: Any) -> RegisteredSchema:
        return self._or_fail(lambda: self.inner.get_version(*arguments, **named))

    def _or_fail(self, ask: Callable[[], RegisteredSchema]) -> RegisteredSchema:
        if self.failure is not None:
            raise self.failure
        return ask()


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (httpx2.ConnectError("refused"), "the schema registry doesn't answer: refused"),
        (httpx2.ReadTimeout(""), "the schema registry doesn't answer: ReadTimeout"),
        (
            SchemaRegistryError(401, 40101, "Unauthorized"),
            "the schema registry refuses: Unauthorized (HTTP status code 401, SR code 40101)",
        ),
        (
            SchemaRegistryError(500, 50001, "store"),
            "the schema registry refuses: store (HTTP status code 500, SR code 50001)",
        ),
    ],
)
def test_a_registry_that_is_away(failure: Exception, message: str) -> None:
    registry = Failing(folder_registry(SCHEMAS))
    registry.failure = failure
    with pytest.raises(RegistryUnavailable) as caught:
        Serde(registry).encode(WORKFLOWS, completed())
    assert str(caught.value) == message


def test_a_known_schema_outlives_its_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serde_module, "_LATEST_SECONDS", 0.0)
    registry = Failing(folder_registry(SCHEMAS))
    serde = Serde(registry)
    before = serde.encode(WORKFLOWS, (said := completed()))
    registry.failure = httpx2.ConnectError("refused")
    assert serde.encode(WORKFLOWS, said) == before


def test_a_fixed_schema() -> None:
    registry = folder_registry(SCHEMAS)
    first = registry.get_latest_version(f"{WORKFLOWS}-value")
    assert first.schema_id is not None
    assert first.schema is not None
    changed = (first.schema.schema_str or "").replace('"duration_ms"', '"took_ms"')
    registry.register_schema(f"{WORKFLOWS}-value", type(first.schema)(changed, "AVRO", first.schema.references))
    fixed = Serde(registry, {WORKFLOWS: first.schema_id})
    assert struct.unpack_from(">bI", fixed.encode(WORKFLOWS, completed()))[1] == first.schema_id
    with pytest.raises(SerializationFailed, match="duration_ms"):
        Serde(registry).encode(WORKFLOWS, completed())


def test_a_fixed_schema_that_is_not_the_topics() -> None:
    with pytest.raises(SerializationFailed) as caught:
        Serde(folder_registry(SCHEMAS), {WORKFLOWS: envelope_schema()}).encode(WORKFLOWS, completed())
    assert str(caught.value) == f"{WORKFLOWS}: the registry has no schema {envelope_schema()} under {WORKFLOWS}-value"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.avsc": "{"}, "EVENT_BUS_SCHEMAS: a.avsc is no JSON: "),
        (
            {
                "x.A.avsc": '{"type":"record","name":"x.A","fields":[{"name":"b","type":"x.B"}]}',
                "x.B.avsc": '{"type":"record","name":"x.B","fields":[{"name":"a","type":["null","x.A"]}]}',
            },
            "EVENT_BUS_SCHEMAS: x.A, x.B refer to each other; schemas refer to earlier ones",
        ),
    ],
)
def test_a_folder_of_bad_schemas(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError) as caught:
        folder_registry(tmp_path)
    assert caught.value.problems[0].startswith(message)


def test_every_topic_of_the_folder_can_be_written_to() -> None:
    for file in SCHEMAS.glob("*-value.avsc"):
        shared_serde().prepare(file.name.removesuffix("-value.avsc"))
        assert shared_serde().prepared(file.name.removesuffix("-value.avsc"))
    assert shared_serde().prepared(SAGAS)


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(RegistryUnavailable, EventsError)
    assert issubclass(MalformedRecord, EventsError)
