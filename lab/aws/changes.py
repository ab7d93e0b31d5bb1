"""What has changed between two sets of properties, and whether what was read is what was asked for. Pure functions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from config.errors import dotted
from lab.aws.check import UNKNOWN, Path


class Kind(StrEnum):
    """What happens to a property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


def changes(old: Any, new: Any, at: Path = ()) -> Iterator[tuple[Path, Kind]]:
    """Yield the places at which two values differ; two JSON documents that mean the same don't."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            place = (*at, name)
            if old.get(name) is None and new.get(name) is None:
                continue
            if old.get(name) is None:
                yield place, Kind.ADD
            elif new.get(name) is None:
                yield place, Kind.DELETE
            else:
                yield from changes(old[name], new[name], place)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index >= len(old):
                yield (*at, index), Kind.ADD
            elif index >= len(new):
                yield (*at, index), Kind.DELETE
            else:
                yield from changes(old[index], new[index], (*at, index))
    elif new == UNKNOWN or not _same(old, new):
        yield at, Kind.UPDATE


def is_ignored(path: Path, ignored: Iterable[str]) -> bool:
    """Whether a resource's option says that changes at this place don't count."""
    text = dotted(path)
    return any(text == each or text.startswith((f"{each}.", f"{each}[")) for each in ignored)


def covers(asked: Any, found: Any) -> bool:
    """Whether what a service answers is what it was asked for; it may add its defaults, and sort sets anew."""
    if isinstance(asked, Mapping) and isinstance(found, Mapping):
        known = all(covers(value, found.get(name)) for name, value in asked.items() if value is not None)
        return known and not any(found[name] for name in found.keys() - asked.keys())
    if isinstance(asked, list) and isinstance(found, list):
        if any(isinstance(each, Mapping | list) for each in asked):
            return len(asked) == len(found) and all(map(covers, asked, found))
        return sorted(map(str, asked)) == sorted(map(str, found))
    if not asked and not found:
        return True
    return _same(asked, found)


def observed(asked: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs a resource has by what was read of it: those asked for, with what isn't so any more."""
    return {
        name: value if name not in found or covers(value, found[name]) else pruned(found[name])
        for name, value in asked.items()
    }


def pruned(value: Any) -> Any:
    """Return a service's answer without members that have nothing in them."""
    if isinstance(value, Mapping):
        return {name: pruned(each) for name, each in value.items() if each not in (None, [], {})}
    return [pruned(each) for each in value] if isinstance(value, list) else value


def _same(one: Any, other: Any) -> bool:
    if one == other:
        # True is 1 in Python and in no document.
        return isinstance(one, bool) == isinstance(other, bool)
    first, second = _document(one), _document(other)
    return first is not None and first == second


def _document(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None
