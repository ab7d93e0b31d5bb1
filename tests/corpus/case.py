"""A subject's history, its next schema, and who of them can read whom."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.subject import CompatibilityLevel, Reference, Subject

Json = Any


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    history: tuple[Subject, ...]
    """Versions before, oldest first."""
    new: Subject
    reads: tuple[bool, ...] | None = None
    """By version of the history, whether the new schema reads it; None where only the registry says so."""
    read_by: tuple[bool, ...] | None = None
    """By version of the history, whether it reads the new schema."""
    shared: tuple[Subject, ...] = ()
    """What the references lead to: a subject's versions in their order."""

    def expected(self, level: CompatibilityLevel) -> bool:
        assert self.reads is not None
        assert self.read_by is not None
        versions = slice(None) if level.transitive else slice(-1, None)
        backward = all(self.reads[versions]) or not level.backward
        return backward and (all(self.read_by[versions]) or not level.forward)

    def resolve(self, reference: Reference) -> Subject:
        versions = [one for one in self.shared if one.name == reference.subject]
        if not 1 <= reference.version <= len(versions):
            raise LookupError(reference)
        return versions[reference.version - 1]


def record(*fields: Json, name: str = "com.example.Event", **attributes: Json) -> Json:
    return {"type": "record", "name": name, "fields": list(fields), **attributes}


def field(name: str, schema: Json, **attributes: Json) -> Json:
    return {"name": name, "type": schema, **attributes}


def enum(*symbols: str, name: str = "com.example.Kind", **attributes: Json) -> Json:
    return {"type": "enum", "name": name, "symbols": list(symbols), **attributes}


def fixed(size: int, name: str = "com.example.Bytes", **attributes: Json) -> Json:
    return {"type": "fixed", "name": name, "size": size, **attributes}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def map_of(values: Json) -> Json:
    return {"type": "map", "values": values}


def of(schema: Json) -> Json:
    """A record with one field of the schema."""
    return record(field("value", schema))


def pair(name: str, old: Json, new: Json, *, reads: bool, read_by: bool) -> Case:
    return sequence(name, [old], new, reads=[reads], read_by=[read_by])


def sequence(
    name: str,
    history: Sequence[Json],
    new: Json,
    *,
    reads: Sequence[bool] | None = None,
    read_by: Sequence[bool] | None = None,
) -> Case:
    def version(schema: Json) -> Subject:
        return Subject(name=name, schema=json.dumps(schema))

    return Case(
        name=name,
        history=tuple(version(schema) for schema in history),
        new=version(new),
        reads=None if reads is None else tuple(reads),
        read_by=None if read_by is None else tuple(read_by),
    )
