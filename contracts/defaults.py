"""Whether a field's default is a value of its type (Avro 1.12 specification, «Complex Types», Records)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.avro import Array, Enum, Fixed, Map, Primitive, Record, Schema, Type, Union, described


def default_problem(schema: Schema, value: Any) -> str:
    """Return why a JSON value is no default for a schema; empty when it is one.

    A union's default must be of its first branch. Avro's Java library of 1.12 takes any branch's; older ones and other
    languages don't, and could not read the schema.
    """
    match schema:
        case Union():
            return _union(schema, value)
        case Record():
            return _record(schema, value)
        case Array():
            if not isinstance(value, list):
                return _wrong(schema, value)
            return _first(default_problem(schema.items, item) for item in value)
        case Map():
            if not isinstance(value, dict):
                return _wrong(schema, value)
            return _first(default_problem(schema.values, item) for item in value.values())
        case Enum():
            return "" if value in schema.symbols else _wrong(schema, value, f"has only {', '.join(schema.symbols)}")
        case Fixed():
            return "" if _octets(value) and len(value) == schema.size else _wrong(schema, value)
        case Primitive():
            return "" if _FITS[schema.type](value) else _wrong(schema, value)


def _union(schema: Union, value: Any) -> str:
    first, *others = schema.branches
    problem = default_problem(first, value)
    if problem and any(not default_problem(other, value) for other in others):
        return f"{shown(value)} must be of the first branch, {described(first)}: put the branch it is of first"
    return problem


def _record(schema: Record, value: Any) -> str:
    if not isinstance(value, dict):
        return _wrong(schema, value)
    for field in schema.fields:
        if field.name in value:
            if problem := default_problem(field.schema, value[field.name]):
                return f"{field.name}: {problem}"
        elif not field.has_default:
            return f"{shown(value)} lacks {field.name}, which has no default"
    unknown = sorted(value.keys() - {field.name for field in schema.fields})
    return f"{schema.full_name} has no field {unknown[0]}" if unknown else ""


def _wrong(schema: Schema, value: Any, why: str = "") -> str:
    return f"{shown(value)} is no {described(schema)}" + (f", which {why}" if why else "")


def _first(problems: Any) -> str:
    return next((problem for problem in problems if problem), "")


def _octets(value: object) -> bool:
    return isinstance(value, str) and all(ord(character) < 256 for character in value)


def _integer(bits: int) -> Callable[[object], bool]:
    limit = 2 ** (bits - 1)
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Final[Mapping[Type, Callable[[object], bool]]] = {
    Type.NULL: lambda value: value is None,
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.INT: _integer(32),
    Type.LONG: _integer(64),
    Type.FLOAT: _number,
    Type.DOUBLE: _number,
    Type.BYTES: _octets,
    Type.STRING: lambda value: isinstance(value, str),
}


def shown(value: object) -> str:
    """Return a JSON value for a message, shortened."""
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
