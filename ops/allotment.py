"""Which changes a comment has room for, and how much is said of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

SEPARATOR: Final = ", "


class Detail(IntEnum):
    """How much is said of a change."""

    COUNTED = 0
    NAMED = 1
    FULL = 2


@dataclass(frozen=True, kw_only=True)
class Item:
    """A change as text."""

    group: str
    """Beginning of the line it shares with others that are only named."""
    name: str
    """Its name on that line."""
    full: str
    """Its own lines, with all that changes."""
    must: bool
    """It gets room before the others: what it stands for is gone afterwards."""


def size(text: str) -> int:
    """Return bytes of UTF-8, of which a text has at least as many as characters, however those are counted."""
    return len(text.encode())


def allot(items: Sequence[Item], room: int, group_overhead: int) -> list[Detail]:
    """Share ``room`` bytes among items that are sorted by importance.

    What must be named is named first, and told in full as far as half of what is left goes; then the others are named,
    and told in full as far as the rest goes. In each round from the front; what doesn't fit leaves its room to what
    comes behind it. ``group_overhead`` is added for each group.
    """
    details = [Detail.COUNTED] * len(items)
    groups: set[str] = set()
    named = [size(item.name) + size(SEPARATOR) for item in items]

    def name(places: Sequence[int], room: int) -> int:
        for place in places:
            group = items[place].group
            needed = named[place] + (0 if group in groups else size(group) + group_overhead)
            if needed <= room:
                room -= needed
                groups.add(group)
                details[place] = Detail.NAMED
        return room

    def tell(places: Sequence[int], room: int) -> int:
        for place in places:
            more = max(size(items[place].full) - named[place], 0)
            if details[place] is Detail.NAMED and more <= room:
                room -= more
                details[place] = Detail.FULL
        return room

    must = [place for place, item in enumerate(items) if item.must]
    others = [place for place, item in enumerate(items) if not item.must]
    room = name(must, room)
    half = room // 2
    room = name(others, room - half + tell(must, half))
    tell(range(len(items)), room)
    return details


def fitting(pieces: Iterable[str], room: int) -> tuple[list[str], int]:
    """Return the first pieces that have room together, with a separator each, and how many are left."""
    taken: list[str] = []
    left = 0
    for piece in pieces:
        room -= size(piece) + size(SEPARATOR)
        if left or room < 0:
            left += 1
        else:
            taken.append(piece)
    return taken, left
