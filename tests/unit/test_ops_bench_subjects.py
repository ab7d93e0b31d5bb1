"""The comparison of registrations: what both sides get, and what a stack without a registry is told."""

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from contracts.references import load
from contracts.subject import Subject
from ops.bench_subjects import FIELDS, PREFIX, run, show, subjects
from ops.failure import Failure
from ops.progress import Reporter
from ops.workspace import Workspace
from tests.outputs import outputs


def test_each_subject_has_a_schema_of_its_own_that_is_avro() -> None:
    made = subjects(5, "abc")
    assert list(made) == [f"{PREFIX}abc-000{number}-value" for number in range(5)]
    assert len(set(made.values())) == 5
    for name, schema in made.items():
        load(Subject(name=name, schema=schema), lambda reference: pytest.fail(f"it refers to {reference}"))
        assert len(json.loads(schema)["fields"]) == FIELDS


def test_a_stack_without_a_registry_is_told(tmp_path: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, pytest.raises(Failure, match=r"^stack dev has no schema registry"):
        run(Workspace(tmp_path), outputs(), Reporter(Console(file=nowhere)))


def test_people_see_both_sides_and_the_ratio() -> None:
    side = {"seconds": 4.0, "seconds_range": [3.0, 5.0], "cpu_seconds": 2.0}
    document = {
        "subjects": 100,
        "fields": FIELDS,
        "runs": 3,
        "pulumi": side,
        "curl": {**side, "seconds": 8.0},
        "ratio": 0.5,
        "subjects_per_second": {"pulumi": 25.0, "curl": 12.5},
    }
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=120, file=nowhere)
        show(document, console)
        said = console.export_text()
    assert "4.0 s (3.0 to 5.0)" in said
    assert "ratio 0.50" in said
