"""Where the next owner of a partition of the sagas' log begins, and which ended sagas may be forgotten.

An ended saga is remembered so that no duplicate of its trigger starts it again. A duplicate that was passed over stands
in the log all the same: whoever begins between the saga and the duplicate would take it for a trigger. So no checkpoint
lies there, and a saga is forgotten together with its duplicates or not yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

_K = TypeVar("_K")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A saga that ended, as its partition's owner remembers it."""

    at: datetime
    first: int
    """Offset where it began."""
    last: int
    """Offset of the last entry that asked for it, a duplicate's or ``first``."""


def checkpoint(running: Iterable[int], ended: Iterable[Ended], position: int) -> int:
    """Return the offset to commit: where the oldest saga that is under way or remembered began, else the position."""
    return min([*running, *(one.first for one in ended)], default=position)


def forgettable(running: Iterable[int], ended: Mapping[_K, Ended], position: int, before: datetime) -> list[_K]:
    """Return the keys of those that ended before that time, as far as a checkpoint without them passes them whole."""
    limit = checkpoint(running, (one for one in ended.values() if one.at >= before), position)
    expired = {key: one for key, one in ended.items() if one.at < before}
    # One that reaches over the limit stays, and moves the limit to its own begin, over which others may reach.
    for one in sorted(expired.values(), key=lambda one: one.last, reverse=True):
        if one.last >= limit:
            limit = min(limit, one.first)
    return [key for key, one in expired.items() if one.last < limit]
