"""Our own schemas: the topics', with their history."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.avro import Enum, Primitive, Record, Union
from contracts.check import check, same
from contracts.compatibility import incompatibilities
from contracts.conventions import unconventional
from contracts.meaning import changed_meanings
from contracts.parser import parse
from contracts.references import load
from contracts.repository import SCHEMAS, history, referenced, released, subjects
from contracts.subject import CompatibilityLevel, Reference, Subject

ROOT = Path(__file__).parents[2]
ENVELOPE = "com.pyairtable.events.EventEnvelope"
SUBJECTS = subjects()


def test_every_topic_has_its_subject_and_there_are_no_others() -> None:
    topics = yaml.safe_load((ROOT / "config" / "catalogue.yaml").read_text())["topics"]
    assert {subject.name for subject in SUBJECTS} == {f"{topic}-value" for topic in topics} | {ENVELOPE}


def test_the_check_finds_nothing_and_all_is_released() -> None:
    report = check()
    assert report.problems == ()
    assert report.pending == ()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_released_version_may_follow_those_before(subject: Subject) -> None:
    versions = history(subject.name)
    assert same(subject, versions[-1])
    for count in range(1, len(versions)):
        new, before = versions[count], versions[:count]
        assert incompatibilities(subject.level, new, before, referenced) == ()
        for old in before:
            assert changed_meanings(load(new, referenced).schema, load(old, referenced).schema) == ()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_every_released_version_keeps_our_conventions(subject: Subject) -> None:
    for version in history(subject.name):
        assert unconventional(subject.name, load(version, referenced)) == ()


def test_every_type_and_field_is_explained() -> None:
    """Counted in the files themselves, so that nothing the parser leaves out goes unexplained."""

    def unexplained(node: Any, path: str) -> list[str]:
        if isinstance(node, list):
            return [one for item in node for one in unexplained(item, path)]
        if not isinstance(node, dict):
            return []
        where = f"{path}/{node['name']}" if "name" in node else path
        here = [where] if "name" in node and not str(node.get("doc", "")).strip() else []
        return here + [
            one for key in ("type", "fields", "items", "values") for one in unexplained(node.get(key), where)
        ]

    files = sorted(SCHEMAS.rglob("*.avsc"))
    assert len(files) == len(SUBJECTS) + sum(len(history(subject.name)) for subject in SUBJECTS)
    assert [one for file in files for one in unexplained(json.loads(file.read_text()), file.name)] == []


def test_at_least_two_subjects_have_a_second_version() -> None:
    grown = [name for name in released() if len(history(name)) > 1]
    assert grown == [
        "pyairtable.auth.events-value",
        "pyairtable.saga.events-value",
        "pyairtable.workflows.events-value",
    ]


def test_the_envelope() -> None:
    (envelope,) = (subject for subject in SUBJECTS if subject.name == ENVELOPE)
    assert SUBJECTS[0] is envelope
    assert envelope.level is CompatibilityLevel.FULL_TRANSITIVE
    schema = load(envelope, referenced).schema
    assert isinstance(schema, Record)
    logical = {
        field.name: str(inner.logical)
        for field in schema.fields
        for inner in (field.schema.branches[-1] if isinstance(field.schema, Union) else field.schema,)
        if isinstance(inner, Primitive)
    }
    assert logical == {
        "id": "uuid",
        "type": "None",
        "source": "None",
        "time": "timestamp-millis",
        "tenant": "None",
        "correlation_id": "uuid",
        "causation_id": "uuid",
        "schema_version": "None",
    }


@pytest.mark.parametrize("subject", SUBJECTS[1:], ids=lambda subject: subject.name)
def test_a_value_is_an_envelope_and_one_of_several_events(subject: Subject) -> None:
    assert subject.level is CompatibilityLevel.BACKWARD_TRANSITIVE
    assert subject.references == (Reference(name=ENVELOPE, subject=ENVELOPE, version=1),)
    schema = load(subject, referenced).schema
    assert isinstance(schema, Record)
    assert schema.namespace == f"com.{subject.name.removesuffix('-value')}"
    payload = schema.field("payload")
    assert payload is not None
    assert isinstance(payload.schema, Union)
    assert len(payload.schema.branches) > 1


@pytest.mark.parametrize("subject", SUBJECTS[1:], ids=lambda subject: subject.name)
def test_another_event_and_another_symbol_can_be_added(subject: Subject) -> None:
    document = json.loads(subject.schema)
    payload = document["fields"][1]["type"]
    payload.append({"type": "record", "name": "Added", "doc": "New.", "fields": []})
    payload[0]["fields"].append({"name": "added", "type": ["null", "string"], "doc": "New.", "default": None})
    for schema in parse(json.dumps(document), named=load(referenced(subject.references[0]), referenced).named).defined:
        assert not isinstance(schema, Enum) or schema.default == "UNKNOWN"
    grown = Subject(name=subject.name, schema=json.dumps(document), references=subject.references)
    assert incompatibilities(subject.level, grown, history(subject.name), referenced) == ()
