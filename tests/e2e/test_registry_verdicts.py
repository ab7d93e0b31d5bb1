"""The offline verdicts on schemas are a real registry's own, at all levels. Needs java, and no lab."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from contracts.compatibility import incompatibilities
from contracts.repository import history, referenced, subjects
from contracts.subject import CompatibilityLevel, Subject
from tests.corpus.case import Case
from tests.corpus.generated import GENERATED
from tests.corpus.histories import HISTORIES
from tests.corpus.odd import BRACES, RECURSIVE_MAP
from tests.corpus.pairs import PAIRS
from tests.corpus.referenced import DROPPED, MOVED, REFERENCED
from tests.e2e.registry import Registry, running

pytestmark = pytest.mark.registry

CORPUS: Final = (*PAIRS, *HISTORIES, *REFERENCED, *GENERATED)

MOVED_REFERENCES: Final = (
    "AvroCompatibilityChecker reads the versions before with the references of the new schema, so it sees no "
    "difference in a type that a reference brings in: all levels let it pass. Avro, and Confluent's registry, read "
    "each version with its own references."
)
DROPPED_REFERENCES: Final = (
    "AvroCompatibilityChecker reads the versions before with the references of the new schema: one that refers to "
    "a type which the new schema writes out can't be read, and one that writes out what the new schema refers to "
    "defines it twice. All levels but NONE answer 422."
)
AMBIGUOUS_ALIASES: Final = (
    "Avro throws where an alias fits two fields; Confluent's registry takes that for incompatible, 409, and Apicurio "
    "for an unprocessable schema, 422. Both refuse it."
)
RECURSIVE_MAPS: Final = (
    "EnhancedAvroContentCanonicalizer forgets, at a map, which records it is in: one that contains itself through a "
    "map is followed until the stack ends, 500. Avro knows no such limit."
)
QUOTED_BRACES: Final = (
    'AvroArtifactTypeUtilProvider takes every "{}" for an object, so that the default "{}" of a string is none any '
    "more: 422, and the schema can't be registered at all. We use the text null where we mean no JSON."
)
AMBIGUOUS: Final = "two aliases fit two fields"

DEVIATIONS: Final[Mapping[str, str]] = {
    **{case.name: MOVED_REFERENCES for case in MOVED},
    **{case.name: DROPPED_REFERENCES for case in DROPPED},
    AMBIGUOUS: AMBIGUOUS_ALIASES,
    RECURSIVE_MAP.name: RECURSIVE_MAPS,
    BRACES.name: QUOTED_BRACES,
}
"""All cases in which Apicurio 3.0.9 answers otherwise than Avro's rules have it, with the reason."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as one:
        yield one


def prepare(registry: Registry, case: Case) -> None:
    """Register what the case starts from, unchecked: without a level, Apicurio takes everything."""
    for subject in (*case.shared, *case.history):
        assert registry.register(subject) == 200, subject


def verdicts(registry: Registry, case: Case) -> dict[CompatibilityLevel, int]:
    """Return the registry's answer at each level; a version that it takes is taken back."""
    prepare(registry, case)
    found: dict[CompatibilityLevel, int] = {}
    for level in CompatibilityLevel:
        registry.set_level(case.new.name, level)
        found[level] = registry.register(case.new)
        if found[level] == 200:
            registry.forget_latest(case.new.name)
    return found


def offline(case: Case) -> dict[CompatibilityLevel, int]:
    return {
        level: 409 if incompatibilities(level, case.new, case.history, case.resolve) else 200
        for level in CompatibilityLevel
    }


def test_the_registrys_verdicts_are_ours(registry: Registry) -> None:
    differences = {}
    for case in CORPUS:
        theirs = verdicts(registry, case)
        if case.name == AMBIGUOUS:
            assert {level for level, status in theirs.items() if status == 422} == {
                level for level in CompatibilityLevel if level.backward
            }
            theirs = {level: 409 if status == 422 else status for level, status in theirs.items()}
        ours = offline(case)
        if theirs != ours:
            differences[case.name] = {level.value: (theirs[level], ours[level]) for level in CompatibilityLevel}
    assert differences == {}


def test_so_are_its_answers_to_a_mere_question(registry: Registry) -> None:
    """Where Apicurio can be asked: its dry run knows neither references nor, in transitive levels, older versions."""
    asked = 0
    for case in (case for case in CORPUS if not case.shared and case.name != AMBIGUOUS):
        named = replace(
            case,
            history=tuple(replace(one, name=f"asked: {one.name}") for one in case.history),
            new=replace(case.new, name=f"asked: {case.new.name}"),
        )
        prepare(registry, named)
        for level in (one for one in CompatibilityLevel if not one.transitive):
            registry.set_level(named.new.name, level)
            assert registry.compatible(named.new) == (offline(case)[level] == 200), (case.name, level)
            asked += 1
    assert asked == 4 * (len(CORPUS) - len(REFERENCED) - 1)


@pytest.mark.parametrize("case", MOVED, ids=lambda case: case.name)
def test_moved_references_pass_in_apicurio_and_not_in_avro(registry: Registry, case: Case) -> None:
    assert verdicts(registry, case) == dict.fromkeys(CompatibilityLevel, 200)
    assert case.name in DEVIATIONS
    assert verdicts(registry, written_out(case)) == offline(case)


@pytest.mark.parametrize("case", DROPPED, ids=lambda case: case.name)
def test_dropped_references_are_an_error_in_apicurio_and_none_in_avro(registry: Registry, case: Case) -> None:
    assert verdicts(registry, case) == {level: 200 if level == "NONE" else 422 for level in CompatibilityLevel}
    assert case.name in DEVIATIONS
    assert offline(case) == dict.fromkeys(CompatibilityLevel, 200)


@pytest.mark.parametrize(("case", "status"), [(RECURSIVE_MAP, 500), (BRACES, 422)], ids=["recursive map", "braces"])
def test_some_good_schemas_cant_be_registered_in_apicurio(registry: Registry, case: Case, status: int) -> None:
    assert registry.register(case.history[0]) == status
    assert case.name in DEVIATIONS
    assert offline(case) == {level: 200 if case.expected(level) else 409 for level in CompatibilityLevel}


def test_there_are_no_other_deviations() -> None:
    odd = (*MOVED, *DROPPED, RECURSIVE_MAP, BRACES)
    assert set(DEVIATIONS) == {case.name for case in odd} | {AMBIGUOUS}


def written_out(case: Case) -> Case:
    """The same schemas without references: each type is written where it is used first."""

    def subject(one: Subject, doc: str) -> Subject:
        types = {reference.name: json.loads(case.resolve(reference).schema) for reference in one.references}
        schema = {**expand(json.loads(one.schema), types), "doc": doc}
        return Subject(name=f"written out: {one.name}", schema=json.dumps(schema))

    history = tuple(subject(one, f"version {number}") for number, one in enumerate(case.history, 1))
    return replace(case, history=history, new=subject(case.new, "new"), shared=())


def expand(schema: Any, types: dict[str, Any]) -> Any:
    match schema:
        case str():
            return types.pop(schema, schema)
        case list():
            return [expand(one, types) for one in schema]
        case dict():
            return {key: expand(value, types) if key in ("type", "fields") else value for key, value in schema.items()}
    return schema


def test_our_own_schemas_register_with_their_history(registry: Registry) -> None:
    """Every released version, in order and at its subject's level, and then the present schema."""
    for subject in subjects():
        for number, version in enumerate(history(subject.name), 1):
            assert registry.register(version) == 200, (subject.name, number)
            registry.set_level(subject.name, subject.level)
        assert registry.register(subject) == 200
        _, versions = registry.call("GET", f"/subjects/{subject.name}/versions")
        assert versions == list(range(1, len(history(subject.name)) + 1))


def test_a_broken_successor_of_our_own_is_refused_by_both(registry: Registry) -> None:
    subject = next(one for one in subjects() if one.name == "pyairtable.saga.events-value")
    document = json.loads(subject.schema)
    started = document["fields"][1]["type"][0]
    started["fields"] = [one if one["name"] != "saga_id" else {**one, "name": "id"} for one in started["fields"]]
    own = replace(subject, name="broken", schema=json.dumps(document))
    versions = [replace(one, name="broken") for one in history(subject.name)]
    for reference in subject.references:
        registry.register(referenced(reference))
    for version in versions:
        assert registry.register(version) == 200
    registry.set_level("broken", subject.level)
    assert registry.register(own) == 409
    (found,) = incompatibilities(subject.level, own, versions, referenced)
    assert (found.path, found.reader, found.writer) == (
        "payload.SagaStarted.id",
        "com.pyairtable.saga.events.SagaStarted.id",
        "com.pyairtable.saga.events.SagaStarted",
    )
