"""Hand-picked cases whose schemas refer to types of other subjects."""

import json
from collections.abc import Sequence
from typing import Final

from contracts.subject import Reference, Subject
from tests.corpus.case import Case, Json, array, enum, field, record

A: Final = field("a", "int")
B: Final = field("b", "string")
B_DEFAULT: Final = field("b", "string", default="")
SHARED: Final = "com.example.Shared"
SECOND: Final = "com.example.Second"
USES: Final = record(field("head", SHARED), A)


def shared(*fields: Json, name: str = SHARED) -> Json:
    return record(*fields, name=name)


def case(
    name: str,
    *,
    types: Sequence[tuple[str, Json]] = ((SHARED, shared(A)),),
    links: dict[str, dict[str, int]] | None = None,
    history: Sequence[tuple[Json, dict[str, int]]] = ((USES, {SHARED: 1}),),
    new: tuple[Json, dict[str, int]],
    reads: Sequence[bool],
    read_by: Sequence[bool],
) -> Case:
    """``types`` are versions of shared types in order of registration, ``links`` what a shared type refers to."""

    def references(versions: dict[str, int]) -> tuple[Reference, ...]:
        return tuple(
            Reference(name=full, subject=f"{name}: {full}", version=version) for full, version in versions.items()
        )

    def subject(version: tuple[Json, dict[str, int]]) -> Subject:
        return Subject(name=name, schema=json.dumps(version[0]), references=references(version[1]))

    return Case(
        name=name,
        history=tuple(map(subject, history)),
        new=subject(new),
        reads=tuple(reads),
        read_by=tuple(read_by),
        shared=tuple(
            Subject(
                name=f"{name}: {full}", schema=json.dumps(schema), references=references((links or {}).get(full, {}))
            )
            for full, schema in types
        ),
    )


REFERENCED: Final[tuple[Case, ...]] = (
    case(
        "a field is added beside a reference",
        new=(record(field("head", SHARED), A, B), {SHARED: 1}),
        reads=[False],
        read_by=[True],
    ),
    case(
        "a field with default is added beside a reference",
        new=(record(field("head", SHARED), A, B_DEFAULT), {SHARED: 1}),
        reads=[True],
        read_by=[True],
    ),
    case(
        "a referenced type is used once more, with no default",
        new=(record(field("head", SHARED), A, field("tail", SHARED)), {SHARED: 1}),
        reads=[False],
        read_by=[True],
    ),
    case(
        "a referenced type is used once more, as an option",
        new=(record(field("head", SHARED), A, field("tail", ["null", SHARED], default=None)), {SHARED: 1}),
        reads=[True],
        read_by=[True],
    ),
    case(
        "a referenced type becomes optional",
        new=(record(field("head", ["null", SHARED]), A), {SHARED: 1}),
        reads=[True],
        read_by=[False],
    ),
    case(
        "a referenced type becomes a list",
        new=(record(field("head", array(SHARED)), A), {SHARED: 1}),
        reads=[False],
        read_by=[False],
    ),
    case(
        "a referenced record becomes another",
        types=((SHARED, shared(A)), (SECOND, shared(A, name=SECOND))),
        history=((USES, {SHARED: 1, SECOND: 1}),),
        new=(record(field("head", SECOND), A), {SHARED: 1, SECOND: 1}),
        reads=[False],
        read_by=[False],
    ),
    case(
        "a referenced record is one of two",
        types=((SHARED, shared(A)), (SECOND, shared(A, name=SECOND))),
        history=((USES, {SHARED: 1, SECOND: 1}),),
        new=(record(field("head", [SHARED, SECOND]), A), {SHARED: 1, SECOND: 1}),
        reads=[True],
        read_by=[False],
    ),
    case(
        "a reference through a reference",
        types=((SECOND, shared(A, name=SECOND)), (SHARED, shared(field("inner", SECOND)))),
        links={SHARED: {SECOND: 1}},
        new=(record(field("head", SHARED), A, B), {SHARED: 1}),
        reads=[False],
        read_by=[True],
    ),
    case(
        "a reference through a reference, compatible",
        types=((SECOND, shared(A, name=SECOND)), (SHARED, shared(field("inner", SECOND)))),
        links={SHARED: {SECOND: 1}},
        new=(record(field("head", SHARED), field("a", "long")), {SHARED: 1}),
        reads=[True],
        read_by=[False],
    ),
    case(
        "a referenced enum",
        types=((SHARED, enum("X", "Y", name=SHARED)),),
        new=(record(field("head", SHARED), A, field("again", SHARED, default="X")), {SHARED: 1}),
        reads=[True],
        read_by=[True],
    ),
    case(
        "two versions with a reference, then one that breaks the first",
        history=((record(field("head", SHARED), A, B_DEFAULT), {SHARED: 1}), (USES, {SHARED: 1})),
        new=(record(field("head", SHARED), A, field("b", "int", default=0)), {SHARED: 1}),
        reads=[False, True],
        read_by=[False, True],
    ),
    case(
        "two versions with a reference, and a third that reads both",
        history=((USES, {SHARED: 1}), (record(field("head", SHARED), A, B_DEFAULT), {SHARED: 1})),
        new=(record(field("head", SHARED), A, field("b", "bytes", default="")), {SHARED: 1}),
        reads=[True, True],
        read_by=[True, True],
    ),
    case(
        "a reference moves to a compatible version",
        types=((SHARED, shared(A)), (SHARED, shared(A, B_DEFAULT))),
        new=(record(field("head", SHARED), A, doc="moved"), {SHARED: 2}),
        reads=[True],
        read_by=[True],
    ),
)

MOVED: Final[tuple[Case, ...]] = (
    case(
        "a reference moves to a version with a field more",
        types=((SHARED, shared(A)), (SHARED, shared(A, B))),
        new=(record(field("head", SHARED), A, doc="moved"), {SHARED: 2}),
        reads=[False],
        read_by=[True],
    ),
    case(
        "a reference moves to a version with a field less",
        types=((SHARED, shared(A, B)), (SHARED, shared(A))),
        new=(record(field("head", SHARED), A, doc="moved"), {SHARED: 2}),
        reads=[True],
        read_by=[False],
    ),
    case(
        "a reference moves to a version with another type",
        types=((SHARED, shared(A)), (SHARED, shared(field("a", "string")))),
        new=(record(field("head", SHARED), A, doc="moved"), {SHARED: 2}),
        reads=[False],
        read_by=[False],
    ),
)
"""The registry of dev reads the versions before with the new version's references; see the end-to-end test."""

DROPPED: Final[tuple[Case, ...]] = (
    case(
        "a referenced type is written out",
        new=(record(field("head", shared(A)), A), {}),
        reads=[True],
        read_by=[True],
    ),
    case(
        "a written type is referred to",
        history=((record(field("head", shared(A)), A), {}),),
        new=(USES, {SHARED: 1}),
        reads=[True],
        read_by=[True],
    ),
)
"""For the same reason the registry of dev can't read the versions before at all, and answers with an error."""
