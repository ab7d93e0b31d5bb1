"""Events as Avro in Confluent's wire format: a zero byte, the schema's id, the data.

Schemas are looked up, never registered: what a topic carries is decided where the platform's schemas are.
"""

import difflib
import io
import json
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx2
from confluent_kafka.schema_registry import RegisteredSchema, Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro import schemaless_reader, schemaless_writer
from fastavro.repository.base import AbstractSchemaRepository, SchemaRepositoryError
from fastavro.schema import SchemaParseException, load_schema

from pyairtable_events.envelope import ENVELOPE, Envelope, Event
from pyairtable_events.errors import MalformedRecord, RegistryUnavailable, SerializationFailed
from pyairtable_events.record import Record
from pyairtable_events.uuids import Check, uuid_checks

_FRAME: Final = struct.Struct(">bI")
_LATEST_SECONDS: Final = 300.0
"""How long a subject's latest version is taken for granted."""
_MISFITS: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError)
"""What fastavro raises for data that doesn't fit a schema."""
_ROOT: Final = "topic"
"""Stands for the topic's own schema among the named ones; no full name of Avro's is the same, as those have a dot."""
_CORRUPT: Final = (*_MISFITS, EOFError, StopIteration, struct.error, MemoryError)
"""What fastavro raises for bytes that weren't written with a schema."""


_ENVELOPE: Final = "envelope"
_PAYLOAD: Final = "payload"
"""The two fields of every topic's record: the envelope, and a union of the records the topic may carry."""


@dataclass(frozen=True)
class _Codec:
    """A schema as it is used."""

    schema_id: int
    parsed: Any
    records: Mapping[str, Check]
    """The payloads by full name, and what is checked of each before it is written."""


@dataclass(frozen=True)
class _Writer:
    """What a topic's events are written with."""

    codec: _Codec
    version: int
    """Of the subject."""
    expires: float
    """By the monotonic clock."""


class Serde:
    """Encodes and decodes events; threads may share it.

    Per topic the latest version of ``<topic>-value`` is written (TopicNameStrategy), or the schema whose id
    ``schema_ids`` gives for the topic. Reading uses the schema the event was written with.
    """

    def __init__(self, registry: SchemaRegistryClient, schema_ids: Mapping[str, int] | None = None) -> None:
        self._registry = registry
        self._fixed = dict(schema_ids or {})
        self._codecs: dict[int, _Codec] = {}
        self._writers: dict[str, _Writer] = {}

    def close(self) -> None:
        """Drop the registry's connections; nothing new can be looked up afterwards."""
        self._registry.close()

    def prepared(self, topic: str) -> bool:
        """Whether ``encode`` for the topic needs no request now."""
        known = self._writers.get(topic)
        return known is not None and known.expires > time.monotonic()

    def prepare(self, topic: str) -> None:
        """Fetch what ``encode`` needs; raises SerializationFailed or RegistryUnavailable.

        A registry that is away later on doesn't matter: the schema that is known stays in use.
        """
        known = self._writers.get(topic)
        try:
            codec, version = self._writer(topic)
        except RegistryUnavailable:
            if known is None:
                raise
            codec, version = known.codec, known.version
        self._writers[topic] = _Writer(codec, version, time.monotonic() + _LATEST_SECONDS)

    def encode(self, topic: str, event: Event) -> bytes:
        """Return the event's bytes; raises SerializationFailed, which says what doesn't fit, or RegistryUnavailable."""
        if not self.prepared(topic):
            self.prepare(topic)
        writer = self._writers[topic]
        codec = writer.codec
        if event.type not in codec.records:
            known = difflib.get_close_matches(event.type, codec.records, n=1) or sorted(codec.records)
            raise SerializationFailed(f"{topic}: it carries no {event.type}, but {', '.join(known)}")
        document = {
            _ENVELOPE: _document(event.envelope, writer.version),
            _PAYLOAD: (event.type, event.payload),
        }
        buffer = io.BytesIO()
        buffer.write(_FRAME.pack(0, codec.schema_id))
        try:
            codec.records[event.type](event.payload)
            schemaless_writer(buffer, codec.parsed, document, strict_allow_default=True)
        except _MISFITS as error:
            raise SerializationFailed(f"{topic}: {event.type} doesn't fit its schema: {error}") from None
        return buffer.getvalue()

    def decode(self, record: Record) -> Event:
        """Return a record's event; raises MalformedRecord for what is none, RegistryUnavailable."""
        value = record.value
        if value is None:
            raise MalformedRecord("the record has no value")
        if len(value) < _FRAME.size or value[0] != 0:
            begin = value[:5].hex() or "nothing"
            raise MalformedRecord(f"the value begins with {begin}, not with the frame of a schema's id")
        codec = self._codec(_FRAME.unpack_from(value)[1])
        buffer = io.BytesIO(value)
        buffer.seek(_FRAME.size)
        try:
            document: Any = schemaless_reader(
                buffer, codec.parsed, None, return_record_name=True, return_record_name_override=True
            )
        except _CORRUPT as error:
            kind = type(error).__name__
            raise MalformedRecord(f"the data isn't of schema {codec.schema_id}: {kind}: {error}") from None
        if left := len(value) - buffer.tell():
            raise MalformedRecord(f"{left} bytes are left behind the data of schema {codec.schema_id}")
        try:
            envelope = _envelope(document[_ENVELOPE])
        except _MISFITS as error:
            raise MalformedRecord(f"the envelope is wrong: {error}") from None
        payload = document[_PAYLOAD]
        name, fields = payload if isinstance(payload, tuple) else (envelope.type, payload)
        if name != envelope.type:
            raise MalformedRecord(f"the envelope speaks of {envelope.type}, the payload is {name}")
        return Event(envelope=envelope, payload=fields, key=_text(record.key))

    def _writer(self, topic: str) -> tuple[_Codec, int]:
        subject = f"{topic}-value"
        fixed = self._fixed.get(topic)
        found: RegisteredSchema | None
        if fixed is None:
            found = self._asked(lambda: self._registry.get_latest_version(subject))
        else:
            found = self._asked(lambda: self._registered(subject, fixed))
        if found is None or found.schema is None or found.schema_id is None or found.version is None:
            which = "no schema" if fixed is None else f"no schema {fixed}"
            raise SerializationFailed(f"{topic}: the registry has {which} under {subject}")
        try:
            return self._parsed(found.schema_id, found.schema), found.version
        except MalformedRecord as error:
            raise SerializationFailed(f"{topic}: {error}") from None

    def _registered(self, subject: str, schema_id: int) -> RegisteredSchema | None:
        """Return the newest version of a subject that has the schema."""
        for version in sorted(self._registry.get_versions(subject), reverse=True):
            found = self._registry.get_version(subject, version)
            if found.schema_id == schema_id:
                return found
        return None

    def _codec(self, schema_id: int) -> _Codec:
        if (known := self._codecs.get(schema_id)) is not None:
            return known
        schema = self._asked(lambda: self._registry.get_schema(schema_id))
        if schema is None:
            raise MalformedRecord(f"the registry has no schema {schema_id}")
        return self._parsed(schema_id, schema)

    def _parsed(self, schema_id: int, schema: Schema) -> _Codec:
        if (known := self._codecs.get(schema_id)) is not None:
            return known
        texts: dict[str, str] = {_ROOT: schema.schema_str or ""}
        self._collect(schema, texts)
        try:
            parsed = load_schema(_ROOT, repo=_Texts(texts))
            codec = _Codec(schema_id, parsed, _records(parsed))
        except (SchemaParseException, SchemaRepositoryError, *_MISFITS) as error:
            raise MalformedRecord(f"schema {schema_id} is none of an event: {error}") from None
        self._codecs[schema_id] = codec
        return codec

    def _collect(self, schema: Schema, texts: dict[str, str]) -> None:
        for reference in schema.references or ():
            name, subject, version = reference.name, reference.subject, reference.version
            if name is None or subject is None or version is None or name in texts:
                continue
            found = self._asked(partial(self._registry.get_version, subject, version, True))
            if found is None or found.schema is None:
                raise MalformedRecord(f"the registry has no version {version} of {subject}, which a schema refers to")
            texts[name] = found.schema.schema_str or ""
            self._collect(found.schema, texts)

    def _asked(self, question: Callable[[], Any]) -> Any:
        """Return the registry's answer, None for «not found»; raises RegistryUnavailable."""
        try:
            return question()
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return None
            raise RegistryUnavailable(f"the schema registry refuses: {error}") from None
        except httpx2.TransportError as error:
            raise RegistryUnavailable(
                f"the schema registry doesn't answer: {str(error) or type(error).__name__}"
            ) from None


class _Texts(AbstractSchemaRepository):
    """Schemas by full name, for fastavro to resolve references with."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def load(self, name: str) -> Any:
        """Return the schema's document; raises SchemaRepositoryError for a name nobody referred to."""
        if name not in self._texts:
            raise SchemaRepositoryError(f"nothing is known of the type {name}")
        return json.loads(self._texts[name])


def _records(parsed: Any) -> dict[str, Check]:
    """Return the payload's records; raises ValueError when it isn't an event's schema."""
    fields = {field["name"]: field["type"] for field in parsed["fields"]}
    if fields.keys() != {_ENVELOPE, _PAYLOAD} or not isinstance(fields[_PAYLOAD], list):
        raise ValueError(f"its fields are {', '.join(fields)}, not an envelope and a union of payloads")
    if ENVELOPE not in (fields[_ENVELOPE], fields[_ENVELOPE]["name"]):
        raise ValueError(f"its envelope is no {ENVELOPE}")
    return uuid_checks(fields[_PAYLOAD])


def _document(envelope: Envelope, version: int) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "type": envelope.type,
        "source": envelope.source,
        "time": envelope.time,
        "tenant": envelope.tenant,
        "correlation_id": envelope.correlation,
        "causation_id": envelope.causation_id,
        "schema_version": envelope.schema_version or version,
    }


def _envelope(document: Mapping[str, Any]) -> Envelope:
    return Envelope(
        id=document["id"],
        type=document["type"],
        source=document["source"],
        time=document["time"],
        tenant=document["tenant"],
        correlation_id=document["correlation_id"],
        causation_id=document["causation_id"],
        schema_version=document["schema_version"],
    )


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace")
