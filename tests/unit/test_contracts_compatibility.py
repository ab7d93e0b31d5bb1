"""Verdicts on a subject's next schema, and the sentences that explain them."""

import json
from collections import Counter
from typing import Any

import pytest

from contracts.compatibility import Kind, incompatibilities
from contracts.errors import ContractError
from contracts.subject import CompatibilityLevel, Reference, Subject
from tests.corpus.case import Case, Json, array, enum, field, fixed, map_of, of, record, sequence
from tests.corpus.generated import GENERATED, generate
from tests.corpus.histories import HISTORIES
from tests.corpus.odd import BRACES, RECURSIVE_MAP
from tests.corpus.pairs import PAIRS
from tests.corpus.referenced import DROPPED, MOVED, REFERENCED

HAND_PICKED = (*PAIRS, *HISTORIES, *REFERENCED, *MOVED, *DROPPED, RECURSIVE_MAP, BRACES)
LEVELS = tuple(CompatibilityLevel)


def compatible(case: Case, level: CompatibilityLevel) -> bool:
    return not incompatibilities(level, case.new, case.history, case.resolve)


@pytest.mark.parametrize("case", HAND_PICKED, ids=lambda case: case.name)
def test_the_verdict_at_every_level(case: Case) -> None:
    assert {level: compatible(case, level) for level in LEVELS} == {level: case.expected(level) for level in LEVELS}


@pytest.mark.parametrize("case", GENERATED, ids=lambda case: case.name)
def test_the_levels_hang_together(case: Case) -> None:
    verdict = {level.value: compatible(case, level) for level in LEVELS}
    assert verdict["NONE"]
    assert verdict["FULL"] == (verdict["BACKWARD"] and verdict["FORWARD"])
    assert verdict["FULL_TRANSITIVE"] == (verdict["BACKWARD_TRANSITIVE"] and verdict["FORWARD_TRANSITIVE"])
    for level in ("BACKWARD", "FORWARD", "FULL"):
        assert verdict[level] or not verdict[f"{level}_TRANSITIVE"]


@pytest.mark.parametrize("case", (*GENERATED, *HAND_PICKED), ids=lambda case: case.name)
def test_every_schema_reads_its_own_data(case: Case) -> None:
    for schema in (*case.history, case.new):
        assert incompatibilities(CompatibilityLevel.FULL, schema, [schema], case.resolve) == ()


def test_the_corpus_is_large_and_the_same_each_time() -> None:
    assert len(HAND_PICKED) + len(GENERATED) >= 300
    assert len({case.name for case in (*HAND_PICKED, *GENERATED)}) == len(HAND_PICKED) + len(GENERATED)
    assert generate() == GENERATED
    assert Counter(min(len(case.history), 3) for case in GENERATED).keys() == {1, 2, 3}


@pytest.mark.parametrize("level", [level for level in LEVELS if level is not CompatibilityLevel.NONE])
def test_the_generated_part_has_both_verdicts(level: CompatibilityLevel) -> None:
    passed = sum(compatible(case, level) for case in GENERATED)
    assert 15 <= passed <= len(GENERATED) - 15


E = "com.example.Event"
INNER = record(field("a", "int"), name="com.example.Inner")

BACKWARD: list[tuple[str, Json, Json, str, str, str, str]] = [
    (
        "a field without default",
        record(field("a", "int")),
        record(field("a", "int"), field("b", "string")),
        "b",
        f"{E}.b",
        E,
        f"the new schema can't read what version 1 wrote: {E}.b (string) has no default, and the writer's {E} has no "
        "such field; give it a default",
    ),
    (
        "a renamed field",
        record(field("a", "int"), field("who", "string")),
        record(field("a", "int"), field("user", "string")),
        "user",
        f"{E}.user",
        E,
        f"the new schema can't read what version 1 wrote: {E}.user (string) has no default, and the writer's {E} has "
        'no such field; give it a default, or, if it is who under a new name, the alias "who"',
    ),
    (
        "another type",
        record(field("a", "string")),
        record(field("a", "int")),
        "a",
        f"{E}.a",
        f"{E}.a",
        f"the new schema can't read what version 1 wrote: {E}.a is int, and the writer's {E}.a is string; keep string, "
        "and add a field with a default for what is new",
    ),
    (
        "another type of a renamed field",
        record(field("old", "string")),
        record(field("new", "int", aliases=["old"])),
        "new",
        f"{E}.new",
        f"{E}.old",
        f"the new schema can't read what version 1 wrote: {E}.new is int, and the writer's {E}.old is string; keep "
        "string, and add a field with a default for what is new",
    ),
    (
        "deep within",
        record(field("all", map_of(array(["null", INNER])))),
        record(field("all", map_of(array(["null", record(field("a", "boolean"), name="com.example.Inner")])))),
        "all{}[].Inner.a",
        "com.example.Inner.a",
        "com.example.Inner.a",
        "the new schema can't read what version 1 wrote: com.example.Inner.a is boolean, and the writer's "
        "com.example.Inner.a is int; keep int, and add a field with a default for what is new",
    ),
    (
        "a removed branch",
        of(["null", "int", "string"]),
        of(["null", "int"]),
        "value",
        f"{E}.value",
        f"{E}.value",
        f"the new schema can't read what version 1 wrote: {E}.value (null or int) has no branch for string, which the "
        f"writer's {E}.value can be; keep the branch",
    ),
    (
        "a removed symbol",
        of(enum("X", "Y", "Z")),
        of(enum("X")),
        "value",
        f"{E}.value",
        f"{E}.value",
        f"the new schema can't read what version 1 wrote: {E}.value (com.example.Kind) lacks Y, Z, which the writer's "
        f"{E}.value can be, and the enum has no default; keep the symbols, or give the enum a default",
    ),
    (
        "another size",
        of(fixed(4)),
        of(fixed(8)),
        "value",
        f"{E}.value",
        f"{E}.value",
        f"the new schema can't read what version 1 wrote: {E}.value is com.example.Bytes of 8 bytes, and the writer's "
        f"{E}.value is com.example.Bytes of 4 bytes; keep the size, and add a type with another name",
    ),
    (
        "another name of the schema",
        record(field("a", "int")),
        record(field("a", "int"), name="com.example.Happening"),
        "",
        "com.example.Happening",
        E,
        "the new schema can't read what version 1 wrote: the schema is of the type com.example.Happening, and the "
        f'writer\'s the schema of {E}; keep the name, or add the alias "{E}"',
    ),
    (
        "two aliases",
        record(field("b", "int"), field("c", "int")),
        record(field("a", "int", aliases=["b", "c"])),
        "a",
        f"{E}.a",
        E,
        f"the new schema can't read what version 1 wrote: {E}.a is by name and aliases both b and c of the writer's "
        f"{E}; remove the alias",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "path", "reader", "writer", "message"),
    [row[1:] for row in BACKWARD],
    ids=[row[0] for row in BACKWARD],
)
def test_backward_problems_name_both_fields(
    old: Json, new: Json, path: str, reader: str, writer: str, message: str
) -> None:
    case = sequence("backward", [old], new)
    (found,) = incompatibilities(CompatibilityLevel.BACKWARD, case.new, case.history, case.resolve)
    assert (found.path, found.reader, found.writer, found.message) == (path, reader, writer, message)


FORWARD: list[tuple[str, Json, Json, str]] = [
    (
        "a removed field",
        record(field("a", "int"), field("b", "string")),
        record(field("a", "int")),
        f"{E}.b (string) has no default, and the writer's {E} has no such field; keep the field",
    ),
    (
        "a renamed field",
        record(field("who", "string")),
        record(field("user", "string", aliases=["who"])),
        f"{E}.who (string) has no default, and the writer's {E} has no such field; keep the field: under the new name "
        "user it is another field",
    ),
    (
        "another type",
        record(field("a", "int")),
        record(field("a", "long")),
        f"{E}.a is int, and the writer's {E}.a is long; keep int, and add a field with a default for what is new",
    ),
    (
        "an added branch",
        of(["null", "int"]),
        of(["null", "int", INNER]),
        f"{E}.value (null or int) has no branch for com.example.Inner, which the writer's {E}.value can be; take the "
        "branch away: at this level readers come last",
    ),
    (
        "an added symbol",
        of(enum("X")),
        of(enum("X", "Y")),
        f"{E}.value (com.example.Kind) lacks Y, which the writer's {E}.value can be, and the enum has no default; take "
        "the symbols away: at this level readers come last",
    ),
    (
        "another name",
        of(INNER),
        of(record(field("a", "int"), name="com.example.Within")),
        f"{E}.value is of the type com.example.Inner, and the writer's {E}.value of com.example.Within; keep the name",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), [row[1:] for row in FORWARD], ids=[row[0] for row in FORWARD])
def test_forward_problems_are_told_from_the_old_readers_side(old: Json, new: Json, message: str) -> None:
    case = sequence("forward", [old], new)
    (found,) = incompatibilities(CompatibilityLevel.FORWARD, case.new, case.history, case.resolve)
    assert found.message == f"version 1 can't read what the new schema writes: {message}"


def test_all_problems_come_at_once_and_each_once() -> None:
    old = record(field("a", "int"), field("b", "int"), field("one", INNER), field("two", "com.example.Inner"))
    inner = record(field("a", "string"), name="com.example.Inner")
    new = record(field("a", "string"), field("c", "long"), field("one", inner), field("two", "com.example.Inner"))
    case = sequence("all", [old], new)
    found = incompatibilities(CompatibilityLevel.BACKWARD, case.new, case.history, case.resolve)
    assert [(one.kind, one.path) for one in found] == [
        (Kind.TYPE_MISMATCH, "a"),
        (Kind.READER_FIELD_MISSING_DEFAULT_VALUE, "c"),
        (Kind.TYPE_MISMATCH, "one.a"),
    ]


def test_a_transitive_level_names_the_version_and_says_the_same_once() -> None:
    first, second = record(field("a", "int"), field("b", "int")), record(field("a", "int"))
    new = record(field("a", "string"), field("b", "string", default=""))
    case = sequence("transitive", [first, second], new)
    found = incompatibilities(CompatibilityLevel.BACKWARD_TRANSITIVE, case.new, case.history, case.resolve)
    assert [one.message.split(":")[0] + " " + one.path for one in found] == [
        "the new schema can't read what version 2 wrote a",
        "the new schema can't read what version 1 wrote b",
    ]


def test_the_first_version_may_be_anything() -> None:
    case = sequence("first", [], record(field("a", "int")))
    for level in LEVELS:
        assert incompatibilities(level, case.new, case.history, case.resolve) == ()


def test_a_schema_that_is_none_is_no_verdict_even_at_level_none() -> None:
    with pytest.raises(ContractError) as caught:
        incompatibilities(CompatibilityLevel.NONE, Subject(name="s", schema='"strng"'), [], no_references)
    assert str(caught.value) == (
        "s: there is no type strng: define it before it is used, or name it among the references"
    )


def no_references(reference: Reference) -> Subject:
    raise LookupError(reference)


def subject(name: str, schema: Any, *references: Reference) -> Subject:
    return Subject(name=name, schema=json.dumps(schema), references=references)


def reference(name: str, version: int = 1) -> Reference:
    return Reference(name=name, subject=name, version=version)


FIXED_F = fixed(4, name="F")
TARGETS = {
    ("F", 1): subject("F", FIXED_F),
    ("F", 2): subject("F", fixed(8, name="F")),
    ("Uses", 1): subject("Uses", record(field("f", "F"), name="Uses"), reference("F", 1)),
    ("Round", 1): subject("Round", record(name="Round"), reference("About")),
    ("About", 1): subject("About", record(name="About"), reference("Round")),
    ("Bad", 1): subject("Bad", record(field("x", "Nothing"), name="Bad")),
}


def resolve(one: Reference) -> Subject:
    return TARGETS[one.subject, one.version]


@pytest.mark.parametrize(
    ("references", "message"),
    [
        ([reference("F", 3)], "s: there is no version 3 of F: release it first, or refer to another"),
        (
            [Reference(name="G", subject="F", version=1)],
            "s: version 1 of F defines no type G: correct the reference",
        ),
        (
            [reference("Uses"), reference("F", 2)],
            "s: its references bring in two versions of F: refer to one of them",
        ),
        ([reference("Round")], "About: its references go in a circle: Round to About to Round"),
        (
            [reference("Bad")],
            "Bad: x: there is no type Nothing: define it before it is used, or name it among the references",
        ),
    ],
)
def test_references_that_lead_nowhere(references: list[Reference], message: str) -> None:
    with pytest.raises(ContractError) as caught:
        incompatibilities(CompatibilityLevel.BACKWARD, subject("s", "F", *references), [], resolve)
    assert str(caught.value) == message


def test_a_type_may_come_by_two_ways() -> None:
    both = subject("s", record(field("u", "Uses"), field("f", "F")), reference("Uses"), reference("F", 1))
    assert incompatibilities(CompatibilityLevel.FULL, both, [both], resolve) == ()


def test_a_type_of_a_reference_cant_be_defined_again() -> None:
    with pytest.raises(ContractError) as caught:
        incompatibilities(CompatibilityLevel.NONE, subject("s", FIXED_F, reference("F")), [], resolve)
    assert str(caught.value) == "s: F is defined twice: use it by its name, or choose another"
