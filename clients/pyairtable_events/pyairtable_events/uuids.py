"""A check that fastavro's writer lacks: any text where a schema wants a UUID is written, and can't be read again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

Check = Callable[[Any], None]
"""Raises ValueError for a value that holds text where a UUID belongs."""


def uuid_checks(records: Sequence[Any]) -> dict[str, Check]:
    """Return the check of each record of a parsed union, by full name; what doesn't fit otherwise is the writer's."""
    named: dict[str, Check] = {}
    return {record["name"]: _check(record, named) or _nothing for record in records}


def _nothing(_value: Any) -> None:
    return


def _check(schema: Any, named: dict[str, Check]) -> Check | None:
    if isinstance(schema, str):
        return named.get(schema)
    if isinstance(schema, list):
        return _union([_check(branch, named) for branch in schema])
    kind = schema["type"]
    if kind == "record":
        return _record(schema, named)
    if kind in ("array", "map"):
        each = _check(schema["items" if kind == "array" else "values"], named)
        return None if each is None else partial(_each, each)
    return _uuid if kind == "string" and schema.get("logicalType") == "uuid" else None


def _record(schema: Any, named: dict[str, Check]) -> Check:
    found: dict[str, Check] = {}

    def check(value: Any) -> None:
        if isinstance(value, Mapping):
            for name, one in found.items():
                if name in value:
                    one(value[name])

    # Before its fields are looked at: a record may hold records of its own kind.
    named[schema["name"]] = check
    for field in schema["fields"]:
        if (one := _check(field["type"], named)) is not None:
            found[field["name"]] = one
    return check


def _union(branches: list[Check | None]) -> Check | None:
    checks = [one for one in branches if one is not None]
    # With more than one, the writer alone knows which branch a value belongs to.
    return (lambda value: None if value is None else checks[0](value)) if len(checks) == 1 else None


def _each(check: Check, values: Any) -> None:
    for value in values.values() if isinstance(values, Mapping) else values if isinstance(values, list | tuple) else ():
        check(value)


def _uuid(value: Any) -> None:
    if isinstance(value, str):
        UUID(value)
