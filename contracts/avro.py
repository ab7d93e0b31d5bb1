"""Avro schemas as objects, by the Avro 1.12 specification.

Two schemas are the same only if they are one object: recursive types can't be compared otherwise, and resolution keeps
its intermediate results by pairs of objects, as Apache Avro does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias


class Type(StrEnum):
    """Types, by the names they have in a schema."""

    NULL = "null"
    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    BYTES = "bytes"
    STRING = "string"
    ARRAY = "array"
    MAP = "map"
    FIXED = "fixed"
    ENUM = "enum"
    RECORD = "record"
    UNION = "union"


PRIMITIVES: Final = frozenset(
    {Type.NULL, Type.BOOLEAN, Type.INT, Type.LONG, Type.FLOAT, Type.DOUBLE, Type.BYTES, Type.STRING}
)


@dataclass(frozen=True)
class Logical:
    """What a value means beyond its type."""

    name: str
    precision: int = 0
    """Digits in all, of a decimal."""
    scale: int = 0
    """Digits behind the point, of a decimal."""

    def __str__(self) -> str:
        """Return it as it is written in messages: ``timestamp-millis``, ``decimal(12, 2)``."""
        return f"{self.name}({self.precision}, {self.scale})" if self.name == "decimal" else self.name


@dataclass(eq=False, kw_only=True)
class Primitive:
    """A type without parts."""

    type: Type
    logical: Logical | None = None


@dataclass(eq=False, kw_only=True)
class Array:
    """A list."""

    items: "Schema"
    type: Type = field(default=Type.ARRAY, init=False)


@dataclass(eq=False, kw_only=True)
class Map:
    """Values by text keys."""

    values: "Schema"
    type: Type = field(default=Type.MAP, init=False)


@dataclass(eq=False, kw_only=True)
class Named:
    """What has a name of its own and can be used by it."""

    full_name: str
    """With its namespace."""
    aliases: frozenset[str] = frozenset()
    """Full names it reads data of as well."""
    doc: str = ""

    @property
    def short_name(self) -> str:
        """The name without its namespace: all that Avro compares of two types' names."""
        return self.full_name.rpartition(".")[2]

    @property
    def namespace(self) -> str:
        """The namespace; empty for none."""
        return self.full_name.rpartition(".")[0]


@dataclass(eq=False, kw_only=True)
class Fixed(Named):
    """A number of bytes."""

    size: int
    logical: Logical | None = None
    type: Type = field(default=Type.FIXED, init=False)


@dataclass(eq=False, kw_only=True)
class Enum(Named):
    """One of some symbols."""

    symbols: tuple[str, ...]
    default: str | None = None
    """What a reader takes a symbol for that it doesn't know."""
    type: Type = field(default=Type.ENUM, init=False)


@dataclass(eq=False, kw_only=True)
class Field:
    """A part of a record."""

    name: str
    schema: "Schema"
    aliases: frozenset[str] = frozenset()
    """Names under which a writer may have it."""
    default: Any = None
    """As JSON; meaningless without ``has_default``."""
    has_default: bool = False
    doc: str = ""


@dataclass(eq=False, kw_only=True)
class Record(Named):
    """Named fields in a fixed order."""

    fields: tuple[Field, ...] = ()
    """Set once they are all known: a record may contain itself."""
    type: Type = field(default=Type.RECORD, init=False)

    def field(self, name: str) -> Field | None:
        """Return the field of that name; None when there is none."""
        return next((one for one in self.fields if one.name == name), None)


@dataclass(eq=False, kw_only=True)
class Union:
    """One of several types."""

    branches: tuple["Schema", ...]
    type: Type = field(default=Type.UNION, init=False)


NamedSchema: TypeAlias = Fixed | Enum | Record
Schema: TypeAlias = Primitive | Array | Map | Fixed | Enum | Record | Union
NamedSchemas: TypeAlias = Mapping[str, NamedSchema]
"""Types by full name."""


_BRANCHES_SHOWN: Final = 3


def key(schema: Schema) -> str:
    """Return what a schema is told by among a union's branches."""
    return schema.full_name if isinstance(schema, Named) else schema.type.value


def described(schema: Schema) -> str:
    """Return a short text for messages: ``string``, ``array of long``, ``null or com.example.Money``."""
    match schema:
        case Array():
            return f"array of {described(schema.items)}"
        case Map():
            return f"map of {described(schema.values)}"
        case Union():
            shown = [described(branch) for branch in schema.branches[:_BRANCHES_SHOWN]]
            more = len(schema.branches) - len(shown)
            return " or ".join([*shown, f"{more} more"] if more else shown)
        case Record() | Enum():
            return schema.full_name
        case Fixed():
            text = f"{schema.full_name} of {schema.size} bytes"
        case Primitive():
            text = schema.type.value
    return f"{text} ({schema.logical})" if schema.logical else text


def step(path: str, part: str) -> str:
    """Extend a path by a field, a named branch, ``[]`` for an array's items, ``{}`` for a map's, or a path of these."""
    return f"{path}{part}" if not path or not part or part[0] in "[{" else f"{path}.{part}"


def branch_path(path: str, branch: Schema) -> str:
    """Extend a path by a union's branch: named types appear in it, others don't."""
    return step(path, branch.short_name) if isinstance(branch, Named) else path
