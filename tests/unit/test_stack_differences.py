"""What differs between dev, staging and prod, and why; anything else that does is a mistake."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from config.errors import dotted
from ops.cost import priced_platform
from ops.workspace import Workspace

ROOT = Path(__file__).parents[2]
TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "stack_differences.yaml").read_text())
STACKS = ("dev", "staging", "prod")
ABSENT: Final = "ABSENT"
Values = Mapping[str, Any]
"""Stack to what it has at one place."""


@cache
def loaded() -> Values:
    """Each stack's whole typed tree: with the catalogue and all defaults in it, and zeros for digests that CI sets."""
    return {stack: priced_platform(Workspace(ROOT, stack), {}).model_dump(mode="json") for stack in STACKS}


def by_name(value: Any) -> Any:
    """A list of named things as a mapping; everything else as it is."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        keys = [item.get("name") or item.get("id") for item in value]
        if all(keys) and len(set(keys)) == len(keys):
            return {f"[{key}]": item for key, item in zip(keys, value, strict=True)}
    return value


def place(at: str, key: str) -> str:
    if key.startswith("["):
        return f"{at}{key}"
    return f"{at}.{dotted([key])}" if at else key


def differences(values: Values, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield each place where stacks differ, with the one that has another value than the others, or ``each``.

    A section that a stack hasn't is one difference; the others are compared below it.
    """
    read = {stack: by_name(value) for stack, value in values.items()}
    sections = {stack: value for stack, value in read.items() if isinstance(value, Mapping)}
    if len(sections) < len(read):
        here = {stack: "a section" if stack in sections else value for stack, value in read.items()}
        if odd := odd_one(here):
            yield at, odd
    if len(sections) > 1:
        for key in dict.fromkeys(key for value in sections.values() for key in value):
            yield from differences({stack: value.get(key, ABSENT) for stack, value in sections.items()}, place(at, key))


def odd_one(values: Values) -> str:
    """Return the stack whose value is another than the others', ``each`` when all differ, nothing when none does."""
    if all(value == next(iter(values.values())) for value in values.values()):
        return ""
    if len(values) == 2:
        return list(values)[-1]
    for stack in values:
        rest = [value for other, value in values.items() if other != stack]
        if rest[0] == rest[1]:
            return stack
    return "each"


def stated() -> dict[str, str]:
    return {path: row["differs"] for row in TABLE for path in row["paths"]}


def test_every_difference_is_stated_and_every_statement_is_true() -> None:
    assert dict(differences(loaded())) == stated()


def test_each_place_is_stated_once_with_a_reason() -> None:
    paths = [path for row in TABLE for path in row["paths"]]
    assert len(set(paths)) == len(paths)
    for row in TABLE:
        assert set(row) == {"why", "differs", "paths"}
        assert len(row["why"].split()) >= 4, row["why"]
        assert row["differs"] in (*STACKS, "each")


def shape(name: str) -> dict[str, Any]:
    pool = {"name": "broker", "heap": 1, "roles": ["broker"]}
    return {"stack": name, "zones": ["a", "b"], "pools": [pool], "topics": [{"name": "x.y", "size": 1}], "aws": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"prod": {"zones": ["a", "c"]}}, {"zones": "prod"}),
        ({"dev": {"zones": None}}, {"zones": "dev"}),
        (
            {"staging": {"pools": [{"name": "broker", "heap": 2, "roles": ["broker"]}]}},
            {"pools[broker].heap": "staging"},
        ),
        (
            {"staging": {"topics": [{"name": "x.y", "size": 2}]}, "dev": {"topics": [{"name": "x.y", "size": 3}]}},
            {"topics[x.y].size": "each"},
        ),
        ({"prod": {"aws": {"a": 1}}, "staging": {"aws": {"a": 2}}}, {"aws": "dev", "aws.a": "prod"}),
        ({"prod": {"aws": {"a": 1}}, "staging": {"aws": {"a": 1}}}, {"aws": "dev"}),
        ({"prod": {"new": 1}}, {"new": "prod"}),
        ({"prod": {"pools": []}}, {"pools": "prod"}),
    ],
)
def test_no_difference_gets_away(changes: dict[str, Any], expected: dict[str, str]) -> None:
    values = {stack: {**shape("one"), **changes.get(stack, {})} for stack in STACKS}
    assert dict(differences(values)) == expected
