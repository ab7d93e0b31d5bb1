"""What all our schemas have in common, beyond being Avro: they can be read by people, and can grow."""

import re
from collections.abc import Iterator
from typing import Final

from contracts.avro import Array, Enum, Field, Fixed, Map, NamedSchema, Primitive, Record, Schema, Type, Union
from contracts.errors import Problem
from contracts.logical import LOGICAL_TYPES
from contracts.parser import Parsed

ENVELOPE: Final = "com.pyairtable.events.EventEnvelope"
"""Subject and full name of what every event carries."""
NAMESPACE: Final = "com.pyairtable."
VALUE: Final = "-value"
"""How a topic's subject ends (TopicNameStrategy)."""
_FIELD: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_TYPE: Final = re.compile(r"[A-Z][A-Za-z0-9]*")


def unconventional(subject: str, parsed: Parsed) -> tuple[Problem, ...]:
    """Return where a schema departs from our conventions; the types it refers to are judged where they are defined."""
    problems = [*(_value(parsed.schema) if subject.endswith(VALUE) else ())]
    for schema in parsed.defined:
        problems += _named(schema)
    return tuple(Problem(subject, path, message) for path, message in problems)


def _value(schema: Schema) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, Record):
        yield "", "a topic's value is a record"
        return
    if [field.name for field in schema.fields] != ["envelope", "payload"]:
        yield "", "a topic's value has two fields: envelope, and payload"
        return
    envelope, payload = schema.fields
    if not isinstance(envelope.schema, Record) or envelope.schema.full_name != ENVELOPE:
        yield "envelope", f"it must be {ENVELOPE}"
    branches = payload.schema.branches if isinstance(payload.schema, Union) else ()
    if not branches or any(not isinstance(branch, Record) for branch in branches):
        yield "payload", "it must be a union of records, one per kind of event: another kind can then be added"


def _named(schema: NamedSchema) -> Iterator[tuple[str, str]]:
    name = schema.short_name
    if not schema.full_name.startswith(NAMESPACE):
        yield name, f"its namespace must begin with {NAMESPACE.rstrip('.')}"
    if not _TYPE.fullmatch(name):
        yield name, "a type's name is written so: SignInMethod"
    if not schema.doc.strip():
        yield name, "it needs a doc"
    match schema:
        case Record():
            for field in schema.fields:
                yield from ((f"{name}.{field.name}", message) for message in _field(field))
        case Enum():
            if schema.default is None:
                yield name, "it needs a default: without one, no symbol can ever be added"
            for symbol in schema.symbols:
                if not _SYMBOL.fullmatch(symbol):
                    yield name, f"a symbol is written so: RATE_LIMITED, not {symbol}"
        case Fixed():
            yield from ((name, message) for message in _logical(schema))


def _field(field: Field) -> Iterator[str]:
    if not _FIELD.fullmatch(field.name):
        yield "a field's name is written so: expires_at"
    if not field.doc.strip():
        yield "it needs a doc"
    if isinstance(field.schema, Union) and any(branch.type is Type.NULL for branch in field.schema.branches):
        first = field.schema.branches[0].type is Type.NULL
        if not first or not field.has_default:
            yield "it may be null, so null must be its first branch and its default"
    yield from _logical(field.schema)


def _logical(schema: Schema) -> Iterator[str]:
    match schema:
        case Array():
            yield from _logical(schema.items)
        case Map():
            yield from _logical(schema.values)
        case Union():
            for branch in schema.branches:
                yield from _logical(branch)
        case Primitive() | Fixed():
            if schema.logical and schema.logical.name not in LOGICAL_TYPES:
                yield f"there is no logical type {schema.logical.name}: one of {', '.join(sorted(LOGICAL_TYPES))}"
