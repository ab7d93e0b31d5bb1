"""JSON text to a schema, with every mistake in it at once (Avro 1.12 specification).

It is a little stricter than Avro's Java library, where that would let a mistake pass or other languages could not
follow: names have ASCII letters only, a type is defined before it is used, a union's default is of its first branch, a
known logical type fits its base, and no alias is the name of another field.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.avro import (
    PRIMITIVES,
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    NamedSchema,
    NamedSchemas,
    Primitive,
    Record,
    Schema,
    Type,
    Union,
    branch_path,
    key,
    step,
)
from contracts.defaults import default_problem, shown
from contracts.errors import ContractError, Problem
from contracts.logical import read_logical
from contracts.names import RESERVED, full_name, is_full_name, is_name

_DEEPEST: Final = 100
"""Levels of nesting; a schema that is deeper is a mistake, and would end in Python's own limit."""

_KNOWN_NULL: Final = Primitive(type=Type.NULL)
"""What stands in for a type that could not be read, so that the rest is read all the same."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A schema and all named types that it defines or was given."""

    schema: Schema
    named: NamedSchemas
    defined: tuple[NamedSchema, ...]
    """Those the schema itself defines, in their order."""


def parse(text: str, *, subject: str = "", named: NamedSchemas | None = None) -> Parsed:
    """Parse a schema that may use the types of ``named`` (full name to type).

    Raises ContractError with every problem; ``subject`` is what the problems are told of.
    """
    document = _document(text, subject)
    parser = _Parser(subject, dict(named or {}))
    schema = parser.schema(document, "", "", 0)
    if parser.problems:
        raise ContractError(parser.problems)
    return Parsed(schema=schema, named=parser.named, defined=tuple(parser.defined))


def _document(text: str, subject: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index]))
            raise ValueError(f"key {twice!r} is there twice in one object")
        return found

    try:
        return json.loads(text, object_pairs_hook=mapping, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ContractError(
            [Problem(subject, "", f"it is no JSON: {error.msg} (line {error.lineno}, column {error.colno})")]
        ) from error
    except RecursionError as error:
        raise ContractError([Problem(subject, "", f"it is nested deeper than {_DEEPEST} levels")]) from error
    except ValueError as error:
        raise ContractError([Problem(subject, "", f"{error}: remove it")]) from error


class _Parser:
    def __init__(self, subject: str, named: dict[str, NamedSchema]) -> None:
        self.subject = subject
        self.named = named
        self.defined: list[NamedSchema] = []
        self.problems: list[Problem] = []
        self._readers: Mapping[str, Callable[[Mapping[str, Any], str, str, int], Schema]] = {
            Type.RECORD: self._record,
            Type.ENUM: self._enum,
            Type.FIXED: self._fixed,
            Type.ARRAY: self._array,
            Type.MAP: self._map,
        }

    def schema(self, document: Any, namespace: str, path: str, depth: int) -> Schema:
        """Read any schema; ``namespace`` is the enclosing one."""
        if depth > _DEEPEST:
            return self._wrong(path, f"it is nested deeper than {_DEEPEST} levels")
        match document:
            case str():
                return self._by_name(document, namespace, path)
            case list():
                return self._union(document, namespace, path, depth)
            case {"type": str() as name}:
                if name in PRIMITIVES:
                    return self._primitive(Type(name), document, path)
                if name in self._readers:
                    return self._readers[name](document, namespace, path, depth)
                return self._by_name(name, namespace, path)
            case {"type": list() | dict()}:
                return self._wrong(path, "a schema in a schema's type: put the inner one in the outer one's place")
            case dict():
                return self._wrong(path, "a schema needs a type, as text")
        return self._wrong(path, f"{shown(document)} is no schema: allowed are text, an object and a list")

    def _say(self, path: str, message: str) -> None:
        self.problems.append(Problem(self.subject, path, message))

    def _wrong(self, path: str, message: str) -> Schema:
        self._say(path, message)
        return _KNOWN_NULL

    def _by_name(self, name: str, namespace: str, path: str) -> Schema:
        if name in PRIMITIVES:
            return Primitive(type=Type(name))
        if name in RESERVED:
            return self._wrong(path, f"{name} needs an object of its own: {{'type': '{name}', …}}".replace("'", '"'))
        # Avro's Java library takes a type without namespace for one that the enclosing namespace lacks; so do we.
        found = self.named.get(full_name(name, namespace)) or self.named.get(name)
        if found is None:
            wanted = full_name(name, namespace)
            return self._wrong(
                path, f"there is no type {wanted}: define it before it is used, or name it among the references"
            )
        return found

    def _primitive(self, base: Type, document: Mapping[str, Any], path: str) -> Schema:
        try:
            return Primitive(type=base, logical=read_logical(base, document))
        except ValueError as error:
            return self._wrong(path, f"{error}")

    def _array(self, document: Mapping[str, Any], namespace: str, path: str, depth: int) -> Schema:
        if "items" not in document:
            return self._wrong(path, "an array needs items, the schema of its elements")
        return Array(items=self.schema(document["items"], namespace, step(path, "[]"), depth + 1))

    def _map(self, document: Mapping[str, Any], namespace: str, path: str, depth: int) -> Schema:
        if "values" not in document:
            return self._wrong(path, "a map needs values, the schema of its values")
        return Map(values=self.schema(document["values"], namespace, step(path, "{}"), depth + 1))

    def _union(self, document: Sequence[Any], namespace: str, path: str, depth: int) -> Schema:
        branches: list[Schema] = []
        seen: set[str] = set()
        if not document:
            return self._wrong(path, "a union needs at least one branch")
        for one in document:
            inner = path
            if isinstance(one, dict) and is_full_name(one.get("name")):
                inner = step(path, str(one["name"]).rpartition(".")[2])
            branch = self.schema(one, namespace, inner, depth + 1)
            if isinstance(branch, Union):
                self._say(path, "a union's branch is no union: put its branches into the outer one")
            elif branch is _KNOWN_NULL:
                continue
            elif key(branch) in seen:
                self._say(branch_path(path, branch), f"the union has {key(branch)} twice: remove one")
            else:
                seen.add(key(branch))
                branches.append(branch)
        return Union(branches=tuple(branches) or (_KNOWN_NULL,))

    def _name(self, document: Mapping[str, Any], namespace: str, path: str) -> tuple[str, frozenset[str], str]:
        """Return full name, aliases and doc of a named type."""
        name, space = document.get("name"), document.get("namespace", namespace)
        if not is_full_name(name):
            self._say(path, f"{shown(name)} is no name of a type: it has A-Z a-z 0-9 _ and begins with no digit")
            name = "Unnamed"
        if space != "" and not is_full_name(space):
            self._say(path, f"{shown(space)} is no namespace: it has names with dots between")
            space = ""
        full = full_name(str(name), str(space))
        short, _, enclosing = (part[::-1] for part in full[::-1].partition("."))
        if short in RESERVED:
            self._say(path, f"{short} is Avro's own: choose another name")
        return full, self._aliases(document, enclosing, path), self._doc(document, path)

    def _aliases(self, document: Mapping[str, Any], namespace: str, path: str) -> frozenset[str]:
        aliases = document.get("aliases", [])
        if not isinstance(aliases, list) or not all(is_full_name(alias) for alias in aliases):
            self._say(path, f"{shown(aliases)} are no aliases: they are a list of names")
            return frozenset()
        return frozenset(full_name(alias, namespace) for alias in aliases)

    def _doc(self, document: Mapping[str, Any], path: str) -> str:
        doc = document.get("doc", "")
        if not isinstance(doc, str):
            self._say(path, "doc must be text")
            return ""
        return doc

    def _define(self, schema: NamedSchema, path: str) -> None:
        if schema.full_name in self.named:
            self._say(path, f"{schema.full_name} is defined twice: use it by its name, or choose another")
        self.named[schema.full_name] = schema
        self.defined.append(schema)

    def _record(self, document: Mapping[str, Any], namespace: str, path: str, depth: int) -> Schema:
        name, aliases, doc = self._name(document, namespace, path)
        record = Record(full_name=name, aliases=aliases, doc=doc)
        self._define(record, path)
        fields = document.get("fields")
        if not isinstance(fields, list):
            return self._wrong(path, f"record {name} needs fields, a list")
        read = [self._field(one, record, path, depth) for one in fields]
        record.fields = tuple(field for field in read if field is not None)
        self._unique(record, path)
        # Only now: the default of a recursive field may be of the record itself.
        for field in record.fields:
            if field.has_default and (problem := default_problem(field.schema, field.default)):
                self._say(step(path, field.name), f"its default is wrong: {problem}")
        return record

    def _field(self, document: Any, record: Record, path: str, depth: int) -> Field | None:
        if not isinstance(document, dict) or not is_name(document.get("name")):
            name = document.get("name") if isinstance(document, dict) else document
            self._say(path, f"{shown(name)} is no name of a field: it has A-Z a-z 0-9 _ and begins with no digit")
            return None
        name = document["name"]
        path = step(path, name)
        if "type" not in document:
            self._say(path, "it needs a type")
            return None
        if "logicalType" in document:
            self._say(path, 'Avro ignores a logicalType beside type: write {"type": {"type": …, "logicalType": …}}')
        if document.get("order", "ascending") not in ("ascending", "descending", "ignore"):
            self._say(path, f"{shown(document['order'])} is no order: allowed are ascending, descending, ignore")
        aliases = document.get("aliases", [])
        if not isinstance(aliases, list) or not all(is_name(alias) for alias in aliases):
            self._say(path, f"{shown(aliases)} are no aliases: they are a list of names")
            aliases = []
        return Field(
            name=name,
            schema=self.schema(document["type"], record.namespace, path, depth + 1),
            aliases=frozenset(aliases),
            default=document.get("default"),
            has_default="default" in document,
            doc=self._doc(document, path),
        )

    def _unique(self, record: Record, path: str) -> None:
        names = [field.name for field in record.fields]
        for index, field in enumerate(record.fields):
            if field.name in names[:index]:
                self._say(step(path, field.name), f"{record.full_name} has this field twice: remove one")
            if taken := sorted(field.aliases & set(names)):
                self._say(
                    step(path, field.name),
                    f"its alias {taken[0]} is a field of {record.full_name}: a reader could not tell them apart",
                )

    def _enum(self, document: Mapping[str, Any], namespace: str, path: str, _depth: int) -> Schema:
        name, aliases, doc = self._name(document, namespace, path)
        symbols, default = document.get("symbols"), document.get("default")
        if not isinstance(symbols, list) or not symbols or not all(is_name(symbol) for symbol in symbols):
            self._say(path, f"enum {name} needs symbols, a list of names")
            symbols = ["UNKNOWN"]
            default = None
        if twice := [symbol for index, symbol in enumerate(symbols) if symbol in symbols[:index]]:
            self._say(path, f"enum {name} has {twice[0]} twice: remove one")
        if default is not None and default not in symbols:
            self._say(path, f"enum {name}'s default {shown(default)} is none of its symbols, {', '.join(symbols)}")
        enum = Enum(full_name=name, aliases=aliases, doc=doc, symbols=tuple(symbols), default=default)
        self._define(enum, path)
        return enum

    def _fixed(self, document: Mapping[str, Any], namespace: str, path: str, _depth: int) -> Schema:
        name, aliases, doc = self._name(document, namespace, path)
        size = document.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            self._say(path, f"fixed {name} needs a size, a whole number of bytes from 1")
            size = 1
        logical = None
        try:
            logical = read_logical(Type.FIXED, document, size)
        except ValueError as error:
            self._say(path, str(error))
        fixed = Fixed(full_name=name, aliases=aliases, doc=doc, size=size, logical=logical)
        self._define(fixed, path)
        return fixed
