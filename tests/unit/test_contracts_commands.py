"""``python -m contracts``: what a pull request may not do, and releasing what it may."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.__main__ import main
from contracts.repository import SCHEMAS, history, subjects

ROOT = Path(__file__).parents[2]
SAGA = "pyairtable.saga.events-value"
AUTH = "pyairtable.auth.events-value"
ENVELOPE = "com.pyairtable.events.EventEnvelope"
STARTED = "com.pyairtable.saga.events.SagaStarted"


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def edit(folder: Path, subject: str, change: Callable[[Any], None]) -> None:
    path = folder / f"{subject}.avsc"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def event(document: Any, index: int = 0) -> Any:
    return document["fields"][1]["type"][index]


def lines(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main([*arguments, "--schemas", str(folder)])
    return code, capsys.readouterr().out.splitlines()


def test_what_is_committed_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(SCHEMAS, capsys, "check", "--released") == (0, ["9 subjects agree with their history"])


def drop_default_less_field(document: Any) -> None:
    event(document)["fields"][0]["name"] = "id"


def change_type(document: Any) -> None:
    event(document, 1)["fields"][2]["type"] = "string"


def change_scale(document: Any) -> None:
    event(document, 1)["fields"][2]["type"]["fields"][2]["type"]["scale"] = 4


def remove_event(document: Any) -> None:
    document["fields"][1]["type"].pop()


def drop_doc(document: Any) -> None:
    del event(document)["fields"][0]["doc"]


def drop_enum_default(document: Any) -> None:
    del event(document)["fields"][2]["type"]["default"]


def misname(document: Any) -> None:
    event(document)["fields"].append({"name": "sagaKind", "type": ["string", "null"], "doc": "A kind.", "default": ""})


def drop_envelope(document: Any) -> None:
    document["fields"].pop(0)


BAD: list[tuple[str, str, Callable[[Any], None], list[str]]] = [
    (
        "a field is renamed",
        SAGA,
        drop_default_less_field,
        [
            f"{SAGA}: payload.SagaStarted.id: the new schema can't read what version 2 wrote: {STARTED}.id (string "
            f"(uuid)) has no default, and the writer's {STARTED} has no such field; give it a default, or, if it is "
            'saga_id under a new name, the alias "saga_id"',
        ],
    ),
    (
        "a type changes",
        SAGA,
        change_type,
        [
            f"{SAGA}: payload.StepStarted.index: the new schema can't read what version 2 wrote: com.pyairtable.saga."
            "events.StepStarted.index is string, and the writer's com.pyairtable.saga.events.StepStarted.index is int; "
            "keep int, and add a field with a default for what is new",
        ],
    ),
    (
        "a decimal gets another scale",
        "pyairtable.ai.events-value",
        change_scale,
        [
            "pyairtable.ai.events-value: payload.CompletionFinished.usage.cost_usd: it is bytes (decimal(18, 4)), and "
            "was bytes (decimal(18, 6)) in version 1: a registry lets that pass, and readers take old values for "
            "others; add a field with another name",
        ],
    ),
    (
        "an event is removed",
        AUTH,
        remove_event,
        [
            f"{AUTH}: payload: the new schema can't read what version 2 wrote: com.pyairtable.auth.events.AuthEvent."
            "payload (com.pyairtable.auth.events.UserRegistered or com.pyairtable.auth.events.UserSignedIn or "
            "com.pyairtable.auth.events.SignInFailed or 5 more) has no branch for com.pyairtable.auth.events."
            "SecondFactorEnrolled, which the writer's com.pyairtable.auth.events.AuthEvent.payload can be; keep the "
            "branch",
        ],
    ),
    ("a doc is missing", SAGA, drop_doc, [f"{SAGA}: SagaStarted.saga_id: it needs a doc"]),
    (
        "an enum's default is missing",
        AUTH,
        drop_enum_default,
        [f"{AUTH}: SignInMethod: it needs a default: without one, no symbol can ever be added"],
    ),
    (
        "a field is named and made optional otherwise",
        SAGA,
        misname,
        [
            f"{SAGA}: SagaStarted.sagaKind: a field's name is written so: expires_at",
            f"{SAGA}: SagaStarted.sagaKind: it may be null, so null must be its first branch and its default",
        ],
    ),
    (
        "the envelope is missing",
        "pyairtable.system.events-value",
        drop_envelope,
        ["pyairtable.system.events-value: a topic's value has two fields: envelope, and payload"],
    ),
]


@pytest.mark.parametrize(("subject", "change", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_each_problem_is_one_line(
    schemas: Path,
    capsys: pytest.CaptureFixture[str],
    subject: str,
    change: Callable[[Any], None],
    said: list[str],
) -> None:
    edit(schemas, subject, change)
    count = "1 problem" if len(said) == 1 else f"{len(said)} problems"
    assert lines(schemas, capsys, "check") == (1, [*said, count])
    assert lines(schemas, capsys, "release", subject) == (1, said)
    assert len(history(subject, schemas)) == len(history(subject))


def test_the_envelope_may_lose_nothing_either_way(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(document: Any) -> None:
        document["fields"] = [one for one in document["fields"] if one["name"] != "source"]

    edit(schemas, ENVELOPE, change)
    assert lines(schemas, capsys, "check") == (
        1,
        [
            f"{ENVELOPE}: source: version 1 can't read what the new schema writes: {ENVELOPE}.source (string) has no "
            f"default, and the writer's {ENVELOPE} has no such field; keep the field",
            "1 problem",
        ],
    )


def grow(document: Any) -> None:
    event(document)["fields"].append({"name": "added", "type": ["null", "string"], "doc": "New.", "default": None})


def test_a_good_change_is_pending_until_it_is_released(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(schemas, SAGA, grow)
    pending = [
        f"{SAGA}: not released; `python -m contracts release {SAGA}` makes it version 3",
        "9 subjects agree with their history",
    ]
    assert lines(schemas, capsys, "check") == (0, pending)
    assert lines(schemas, capsys, "check", "--released") == (1, pending)
    assert lines(schemas, capsys, "release", SAGA) == (0, [f"{SAGA}: released as version 3"])
    assert lines(schemas, capsys, "release", SAGA) == (0, [f"{SAGA}: it is version 3"])
    assert lines(schemas, capsys, "check", "--released") == (0, ["9 subjects agree with their history"])
    *before, released = history(SAGA, schemas)
    assert tuple(before) == history(SAGA)
    assert released.schema == (schemas / f"{SAGA}.avsc").read_text()
    assert released.references == before[-1].references
    assert sorted(path.name for path in (schemas / "history" / SAGA).iterdir()) == [
        "1.avsc",
        "1.references.json",
        "2.avsc",
        "2.references.json",
        "3.avsc",
        "3.references.json",
    ]


def test_a_value_can_only_refer_to_a_released_envelope(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(document: Any) -> None:
        document["fields"].append({"name": "trace", "type": ["null", "string"], "doc": "New.", "default": None})

    edit(schemas, ENVELOPE, change)
    index = schemas / "subjects.yaml"
    text = index.read_text()
    index.write_text(
        text.replace(
            f"{SAGA}:\n  level: BACKWARD_TRANSITIVE\n  references: {{{ENVELOPE}: 1}}",
            f"{SAGA}:\n  level: BACKWARD_TRANSITIVE\n  references: {{{ENVELOPE}: 2}}",
        )
    )
    missing = f"{SAGA}: there is no version 2 of {ENVELOPE}: release it first, or refer to another"
    assert lines(schemas, capsys, "release", SAGA) == (1, [missing])
    assert lines(schemas, capsys, "release", ENVELOPE) == (0, [f"{ENVELOPE}: released as version 2"])
    assert lines(schemas, capsys, "release", SAGA) == (0, [f"{SAGA}: released as version 3"])
    assert [one.references[0].version for one in history(SAGA, schemas)] == [1, 1, 2]


def test_an_earlier_version_cant_come_back_as_it_was(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(schemas / "history" / AUTH / "1.avsc", schemas / f"{AUTH}.avsc")
    assert lines(schemas, capsys, "check") == (
        1,
        [
            f"{AUTH}: it is version 1 again: a registry would answer with that, and version 2 would stay the latest; "
            "change its doc to release it anew",
            "1 problem",
        ],
    )


def test_layout_makes_no_new_version(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(schemas, SAGA, lambda _: None)
    assert lines(schemas, capsys, "check", "--released") == (0, ["9 subjects agree with their history"])


def test_json_says_the_same(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(schemas, SAGA, grow)
    edit(schemas, AUTH, drop_enum_default)
    assert main(["check", "--json", "--schemas", str(schemas)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["subjects"] == [subject.name for subject in subjects()]
    assert document["problems"] == [
        {
            "subject": AUTH,
            "path": "SignInMethod",
            "message": "it needs a default: without one, no symbol can ever be added",
        }
    ]
    assert document["pending"] == [{"subject": AUTH, "version": 3}, {"subject": SAGA, "version": 3}]
    assert main(["release", SAGA, "--json", "--schemas", str(schemas)]) == 0
    assert json.loads(capsys.readouterr().out) == {"subject": SAGA, "version": 3, "new": True}
    assert main(["release", AUTH, "--json", "--schemas", str(schemas)]) == 1
    assert json.loads(capsys.readouterr().out) == {"subject": AUTH, "problems": document["problems"]}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


BROKEN: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "no index",
        lambda folder: (folder / "subjects.yaml").unlink(),
        "subjects.yaml: there is no such file in {folder}",
    ),
    (
        "an index that is no YAML",
        lambda folder: write(folder / "subjects.yaml", "a: {"),
        "subjects.yaml: did not find expected node content (line 2)",
    ),
    (
        "an index that is a list",
        lambda folder: write(folder / "subjects.yaml", "[]"),
        "subjects.yaml: it must be a mapping of subjects",
    ),
    (
        "a level that is none",
        lambda folder: write(folder / "subjects.yaml", "a: {level: SIDEWAYS}"),
        "a: subjects.yaml: level: 'SIDEWAYS' is refused: allowed are 'NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', "
        "'FORWARD', 'FORWARD_TRANSITIVE', 'FULL' or 'FULL_TRANSITIVE'; choose one of them",
    ),
    (
        "an unknown key",
        lambda folder: write(folder / "subjects.yaml", "a: {levels: FULL}"),
        "a: subjects.yaml: levels: there is no such key; did you mean level?",
    ),
    (
        "a subject that is none",
        lambda folder: write(folder / "subjects.yaml", "a/b: {}"),
        "subjects.yaml: 'a/b' is no subject: it has 1 to 249 of A-Z a-z 0-9 . _ -",
    ),
    (
        "a subject without schema",
        lambda folder: (folder / f"{SAGA}.avsc").unlink(),
        f"{SAGA}: there is no {SAGA}.avsc: add it, or remove the subject",
    ),
    (
        "a schema without subject",
        lambda folder: write(folder / "orders-value.avsc", '"int"'),
        "orders-value: subjects.yaml has no such subject: add it, or remove the file",
    ),
    (
        "a history without subject",
        lambda folder: write(folder / "history" / "orders-value" / "1.avsc", '"int"'),
        "orders-value: it was released, and is gone: a subject stays as long as its topic has records",
    ),
    (
        "a gap in the history",
        lambda folder: (folder / "history" / AUTH / "1.avsc").unlink(),
        f"{AUTH}: its history has the versions [2]: they count from 1, with no gap",
    ),
    (
        "references that are none",
        lambda folder: write(folder / "history" / AUTH / "1.references.json", "{}"),
        f"{AUTH}: 1.references.json must be a list of name, subject, version",
    ),
    (
        "a schema in another encoding",
        lambda folder: (folder / f"{SAGA}.avsc").write_bytes(b'"\xff"'),
        f"{SAGA}: {SAGA}.avsc is not in UTF-8",
    ),
    (
        "a schema that is no JSON",
        lambda folder: write(folder / f"{SAGA}.avsc", "{"),
        f"{SAGA}: it is no JSON: Expecting property name enclosed in double quotes (line 1, column 2)",
    ),
]


@pytest.mark.parametrize(("damage", "said"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_folder_is_explained(
    schemas: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
) -> None:
    damage(schemas)
    assert lines(schemas, capsys, "check") == (1, [said.format(folder=schemas), "1 problem"])


def test_references_among_the_present_are_checked(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in schemas.glob("*.avsc"):
        path.unlink()
    shutil.rmtree(schemas / "history")
    write(schemas / "subjects.yaml", "a: {references: {b: 1}}\n")
    write(schemas / "a.avsc", '"int"')
    assert lines(schemas, capsys, "check") == (
        1,
        ["a: it refers to b, and subjects.yaml has no such subject", "1 problem"],
    )
    write(schemas / "subjects.yaml", "a: {references: {b: 1}}\nb: {references: {a: 1}}\n")
    write(schemas / "b.avsc", '"int"')
    assert lines(schemas, capsys, "check") == (1, ["a: its references go in a circle: a to b to a", "1 problem"])


def test_an_unknown_subject_is_not_released(capsys: pytest.CaptureFixture[str]) -> None:
    known = ", ".join(sorted(subject.name for subject in subjects()))
    assert lines(SCHEMAS, capsys, "release", "orders-value") == (
        1,
        [f"orders-value: there is no such subject: choose one of {known}"],
    )


def test_it_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "check", "--released"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9 subjects agree with their history\n", "")


def test_wrong_usage_is_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "register"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
