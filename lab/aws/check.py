"""Whether properties are what AWS's provider knows and this stand-in does: all problems at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from config.errors import Problem, dotted, shown, suggestion
from lab.aws.schema import Fields, Shape

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a preview sends for a value it can't know: Pulumi's protocol, sdk/go/common/resource/plugin/rpc.go."""
Path = tuple[str | int, ...]


def problems(values: Mapping[str, Any], fields: Fields, done: frozenset[str], at: Path = ()) -> list[Problem]:
    """Return what is wrong with the properties of a resource; ``done`` are those the stand-in does."""
    found = list(_object(values, fields, at))
    for name in values.keys() & fields.shapes.keys() - done:
        remedy = "leave it out here, or use the real plugin"
        allowed = "AWS's provider takes it, its stand-in doesn't do it"
        found.append(Problem(dotted([*at, name]), shown(values[name]), allowed, remedy))
    return found


def _object(values: Mapping[str, Any], fields: Fields, at: Path) -> Iterator[Problem]:
    for name, value in values.items():
        if name not in fields.shapes:
            yield Problem(dotted([*at, name]), "", "there is no such property", suggestion(name, fields.shapes))
        elif value is not None:
            yield from _value(value, fields.shapes[name], (*at, name))
    for name in sorted(fields.required):
        if values.get(name) is None:
            yield Problem(dotted([*at, name]), "", "it is missing", f"add it: {fields.shapes[name].described}")


def _value(value: Any, shape: Shape, at: Path) -> Iterator[Problem]:
    if value == UNKNOWN:
        return
    if isinstance(value, Mapping) and (shape.fields or shape.values):
        if shape.fields:
            yield from _object(value, shape.fields, at)
            return
        for name, each in value.items():
            yield from _value(each, shape.values or Shape(), (*at, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and shape.items:
        for index, each in enumerate(value):
            yield from _value(each, shape.items, (*at, index))
    elif not _fits(value, shape):
        yield Problem(dotted(at), shown(value), f"it must be {shape.described}", "correct it")


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(value, bool):
        return bool in shape.scalars
    if isinstance(value, int):
        return bool({int, float} & shape.scalars)
    if isinstance(value, float):
        return float in shape.scalars
    return isinstance(value, str) and str in shape.scalars
