"""Good schemas that the registry of dev can't take; see the end-to-end test."""

from typing import Final

from tests.corpus.case import field, map_of, pair, record

_CHILDREN: Final = field("children", map_of("com.example.Event"))

RECURSIVE_MAP: Final = pair(
    "a record that contains itself through a map",
    record(field("a", "int"), _CHILDREN),
    record(field("a", "long"), _CHILDREN),
    reads=True,
    read_by=False,
)
BRACES: Final = pair(
    "a text whose default is an empty JSON object",
    record(field("a", "string", default="{}")),
    record(field("b", "string", default="{}")),
    reads=True,
    read_by=True,
)
