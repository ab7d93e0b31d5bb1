"""Whether one schema reads what another wrote, by the rules of Apache Avro's SchemaCompatibility (Java, 1.12).

A registry decides by that class and not by the specification, so this follows it to the letter, where they differ too:
of two types' names only the last part is compared; an alias is compared in full; logical types don't count; a pair of
types that is still being compared is taken for compatible, and what was found meanwhile stays found.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from contracts.avro import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    NamedSchema,
    Record,
    Schema,
    Type,
    Union,
    branch_path,
    described,
    step,
)


class Kind(StrEnum):
    """Why a reader can't read a writer's data, by the names of Apache Avro's SchemaIncompatibilityType."""

    NAME_MISMATCH = "NAME_MISMATCH"
    FIXED_SIZE_MISMATCH = "FIXED_SIZE_MISMATCH"
    MISSING_ENUM_SYMBOLS = "MISSING_ENUM_SYMBOLS"
    READER_FIELD_MISSING_DEFAULT_VALUE = "READER_FIELD_MISSING_DEFAULT_VALUE"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    MISSING_UNION_BRANCH = "MISSING_UNION_BRANCH"
    AMBIGUOUS_ALIAS = "AMBIGUOUS_ALIAS"
    """Avro has no name for it: it throws."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason why the reader can't read what the writer wrote."""

    kind: Kind
    path: str
    """Field in the reader's schema: ``payload.SignedIn.method``."""
    reader: str
    """The reader's field by its record's full name: ``com.example.SignedIn.method``; empty outside of records."""
    writer: str
    """The same of the writer, or its record where it has no such field."""
    reader_type: str
    writer_type: str
    detail: str = ""
    """Symbols or branches that are missing; the writer's field that may be the renamed one."""


_PROMOTIONS: Final[Mapping[Type, frozenset[Type]]] = {
    Type.LONG: frozenset({Type.INT}),
    Type.FLOAT: frozenset({Type.INT, Type.LONG}),
    Type.DOUBLE: frozenset({Type.INT, Type.LONG, Type.FLOAT}),
    Type.BYTES: frozenset({Type.STRING}),
    Type.STRING: frozenset({Type.BYTES}),
}
"""By the reader's type, what it reads besides (Avro specification, «Schema Resolution»)."""


def findings(reader: Schema, writer: Schema) -> tuple[Finding, ...]:
    """Return why ``reader`` can't read what ``writer`` wrote; nothing when it can.

    A type that many fields have is reported at the first of them.
    """
    try:
        found = _Checker().compare(reader, writer)
    except _AmbiguousAlias as ambiguous:
        found = (ambiguous.finding,)
    unique: dict[Finding, Finding] = {}
    for one in found:
        unique.setdefault(replace(one, path="") if one.reader else one, one)
    return tuple(unique.values())


class _AmbiguousAlias(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.path)
        self.finding = finding


class _Checker:
    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Finding, ...] | None] = {}
        """By the objects' ids; None while the pair is being compared."""
        self._same_type: Mapping[Type, Callable[..., tuple[Finding, ...]]] = {
            Type.ARRAY: self._arrays,
            Type.MAP: self._maps,
            Type.FIXED: self._fixed,
            Type.ENUM: self._enums,
            Type.RECORD: self._records,
            Type.UNION: self._writer_union,
        }

    def compare(self, reader: Schema, writer: Schema) -> tuple[Finding, ...]:
        """Return the findings, their paths and fields as seen from this pair."""
        pair = (id(reader), id(writer))
        if pair in self._known:
            return self._known[pair] or ()
        self._known[pair] = None
        found = self._calculate(reader, writer)
        self._known[pair] = found
        return found

    def _calculate(self, reader: Schema, writer: Schema) -> tuple[Finding, ...]:
        if reader.type is writer.type:
            compare = self._same_type.get(reader.type)
            return compare(reader, writer) if compare else ()
        if isinstance(writer, Union):
            return _joined(self.compare(reader, branch) for branch in writer.branches)
        if isinstance(reader, Union):
            return self._reader_union(reader, writer)
        return (
            () if writer.type in _PROMOTIONS.get(reader.type, ()) else (_finding(Kind.TYPE_MISMATCH, reader, writer),)
        )

    def _arrays(self, reader: Array, writer: Array) -> tuple[Finding, ...]:
        return _below("[]", self.compare(reader.items, writer.items))

    def _maps(self, reader: Map, writer: Map) -> tuple[Finding, ...]:
        return _below("{}", self.compare(reader.values, writer.values))

    def _fixed(self, reader: Fixed, writer: Fixed) -> tuple[Finding, ...]:
        size = () if reader.size == writer.size else (_finding(Kind.FIXED_SIZE_MISMATCH, reader, writer),)
        return (*_names(reader, writer), *size)

    def _enums(self, reader: Enum, writer: Enum) -> tuple[Finding, ...]:
        missing = sorted(set(writer.symbols) - set(reader.symbols))
        if not missing or reader.default is not None:
            return _names(reader, writer)
        return (*_names(reader, writer), _finding(Kind.MISSING_ENUM_SYMBOLS, reader, writer, ", ".join(missing)))

    def _records(self, reader: Record, writer: Record) -> tuple[Finding, ...]:
        # The fields are compared even under another name: what is found about a pair stays found.
        fields = _joined([self._field(one, reader, writer) for one in reader.fields])
        return _names(reader, writer) or fields

    def _field(self, field: Field, reader: Record, writer: Record) -> tuple[Finding, ...]:
        name = f"{reader.full_name}.{field.name}"
        candidates = [one for one in writer.fields if one.name == field.name or one.name in field.aliases]
        if len(candidates) > 1:
            raise _AmbiguousAlias(
                Finding(
                    kind=Kind.AMBIGUOUS_ALIAS,
                    path=field.name,
                    reader=name,
                    writer=writer.full_name,
                    reader_type=described(field.schema),
                    writer_type="",
                    detail=" and ".join(one.name for one in candidates),
                )
            )
        if candidates:
            (matching,) = candidates
            below = _below(field.name, self.compare(field.schema, matching.schema))
            return tuple(
                replace(one, reader=one.reader or name, writer=one.writer or f"{writer.full_name}.{matching.name}")
                for one in below
            )
        # Avro looks at an enum's own default here, and then finds no way to use it either.
        if field.has_default:
            return ()
        finding = Finding(
            kind=Kind.READER_FIELD_MISSING_DEFAULT_VALUE,
            path=field.name,
            reader=name,
            writer=writer.full_name,
            reader_type=described(field.schema),
            writer_type="",
            detail=_renamed(field, reader, writer),
        )
        return (finding,)

    def _writer_union(self, reader: Union, writer: Union) -> tuple[Finding, ...]:
        return _joined(self.compare(reader, branch) for branch in writer.branches)

    def _reader_union(self, reader: Union, writer: Schema) -> tuple[Finding, ...]:
        closest: tuple[Finding, ...] = ()
        for branch in reader.branches:
            found = self.compare(branch, writer)
            if not found:
                return ()
            if not closest and _corresponds(branch, writer):
                closest = _below(branch_path("", branch), found)
        return closest or (_finding(Kind.MISSING_UNION_BRANCH, reader, writer, described(writer)),)


def _corresponds(branch: Schema, writer: Schema) -> bool:
    """Whether a reader's branch is meant for what the writer has, though it can't read it."""
    if branch.type is not writer.type:
        return False
    return not (isinstance(branch, Named) and isinstance(writer, Named)) or _same_name(branch, writer)


def _same_name(reader: Named, writer: Named) -> bool:
    return reader.short_name == writer.short_name or writer.full_name in reader.aliases


def _names(reader: NamedSchema, writer: NamedSchema) -> tuple[Finding, ...]:
    return () if _same_name(reader, writer) else (_finding(Kind.NAME_MISMATCH, reader, writer, writer.full_name),)


def _renamed(field: Field, reader: Record, writer: Record) -> str:
    """Return the writer's field that ``field`` may be under its former name: the only one left over of its type."""
    taken = {name for one in reader.fields for name in (one.name, *one.aliases)}
    left = [
        one.name for one in writer.fields if one.name not in taken and described(one.schema) == described(field.schema)
    ]
    return left[0] if len(left) == 1 else ""


def _below(path: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(replace(one, path=step(path, one.path)) for one in found)


def _finding(kind: Kind, reader: Schema, writer: Schema, detail: str = "") -> Finding:
    return Finding(
        kind=kind,
        path="",
        reader="",
        writer="",
        reader_type=described(reader),
        writer_type=described(writer),
        detail=detail,
    )


def _joined(many: Iterable[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    return tuple(finding for one in many for finding in one)
