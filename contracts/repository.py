"""The committed schemas and their history.

``schemas/subjects.yaml`` names the subjects, with level and references. ``schemas/<subject>.avsc`` is the present
schema, ``schemas/history/<subject>/<version>.avsc`` what was released, with ``<version>.references.json`` beside it for
what it referred to, in the form the registry's API has it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from config.base import Spec
from config.errors import from_pydantic, shown
from config.yaml_file import read_yaml, yaml_problem
from contracts.errors import ContractError, Problem
from contracts.subject import CompatibilityLevel, Reference, Subject

SCHEMAS: Final = Path(__file__).resolve().parents[1] / "schemas"
INDEX: Final = "subjects.yaml"
_VERSION: Final = re.compile(r"([1-9][0-9]*)\.avsc")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")


class SubjectSpec(Spec):
    """A subject in ``subjects.yaml``."""

    level: CompatibilityLevel = CompatibilityLevel.BACKWARD
    """Compatibility level: NONE, BACKWARD, FORWARD or FULL, each but NONE with _TRANSITIVE too."""
    references: dict[str, int] = Field(default_factory=dict)
    """Version by subject; subject and referenced type have the same name."""


class ReferenceSpec(Spec):
    """A reference in a released version's ``references.json``."""

    name: str
    subject: str
    version: int


def subjects(folder: Path = SCHEMAS) -> tuple[Subject, ...]:
    """Return the present schemas, each after those it refers to, otherwise by name; raises ContractError."""
    specs = _index(folder)
    problems = [
        Problem(name, "", f"it refers to {other}, and {INDEX} has no such subject")
        for name, spec in specs.items()
        for other in spec.references
        if other not in specs
    ]
    problems += [
        Problem(path.stem, "", f"{INDEX} has no such subject: add it, or remove the file")
        for path in sorted(folder.glob("*.avsc"))
        if path.stem not in specs
    ]
    if problems:
        raise ContractError(problems)
    return tuple(
        Subject(
            name=name,
            schema=_read(folder / f"{name}.avsc", name),
            references=tuple(
                Reference(name=other, subject=other, version=version)
                for other, version in sorted(specs[name].references.items())
            ),
            level=specs[name].level,
        )
        for name in _ordered(specs)
    )


def history(name: str, folder: Path = SCHEMAS) -> tuple[Subject, ...]:
    """Return the released versions of a subject, oldest first: index 0 is version 1; raises ContractError.

    A subject that was never released has none. Each carries the subject's present level.
    """
    spec = _index(folder).get(name)
    home = folder / "history" / name
    numbers = sorted(int(found[1]) for path in home.glob("*.avsc") if (found := _VERSION.fullmatch(path.name)))
    if numbers != list(range(1, len(numbers) + 1)):
        raise ContractError(
            [Problem(name, "", f"its history has the versions {numbers}: they count from 1, with no gap")]
        )
    return tuple(
        Subject(
            name=name,
            schema=_read(home / f"{number}.avsc", name),
            references=_references(home / f"{number}.references.json", name),
            level=spec.level if spec else CompatibilityLevel.BACKWARD,
        )
        for number in numbers
    )


def released(folder: Path = SCHEMAS) -> tuple[str, ...]:
    """Return the names of all subjects that have a history, sorted."""
    return tuple(sorted(path.name for path in (folder / "history").glob("*") if path.is_dir()))


def referenced(reference: Reference, folder: Path = SCHEMAS) -> Subject:
    """Return the released version that a reference names; raises LookupError when there is none."""
    versions = history(reference.subject, folder)
    if not 1 <= reference.version <= len(versions):
        raise LookupError(f"there is no version {reference.version} of {reference.subject}")
    return versions[reference.version - 1]


def references_json(references: Sequence[Reference]) -> str:
    """Return references as they are kept beside a released version."""
    rows = [{"name": one.name, "subject": one.subject, "version": one.version} for one in references]
    return json.dumps(rows, indent=2) + "\n"


def _index(folder: Path) -> dict[str, SubjectSpec]:
    try:
        document = read_yaml((folder / INDEX).read_text())
    except FileNotFoundError as error:
        raise ContractError([Problem("", INDEX, f"there is no such file in {folder}")]) from error
    except yaml.YAMLError as error:
        raise ContractError([Problem("", INDEX, yaml_problem(error))]) from error
    if not isinstance(document, dict):
        raise ContractError([Problem("", INDEX, "it must be a mapping of subjects")])
    return dict(_specs(document))


def _specs(document: Mapping[str, Any]) -> Iterator[tuple[str, SubjectSpec]]:
    problems: list[Problem] = []
    for name, value in document.items():
        if not _SUBJECT.fullmatch(name):
            problems.append(Problem("", INDEX, f"{shown(name)} is no subject: it has 1 to 249 of A-Z a-z 0-9 . _ -"))
            continue
        try:
            yield name, SubjectSpec.model_validate(value or {})
        except ValidationError as error:
            problems += [Problem(name, INDEX, str(one)) for one in sorted(from_pydantic(error, SubjectSpec, ()))]
    if problems:
        raise ContractError(problems)


def _ordered(specs: Mapping[str, SubjectSpec]) -> list[str]:
    sorter = TopologicalSorter({name: sorted(specs[name].references) for name in sorted(specs)})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " to ".join(error.args[1])
        raise ContractError([Problem(error.args[1][0], "", f"its references go in a circle: {circle}")]) from error


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ContractError([Problem(name, "", f"there is no {path.name}: add it, or remove the subject")]) from error
    except UnicodeDecodeError as error:
        raise ContractError([Problem(name, "", f"{path.name} is not in UTF-8")]) from error


def _references(path: Path, name: str) -> tuple[Reference, ...]:
    if not path.exists():
        return ()
    try:
        rows = TypeAdapter(list[ReferenceSpec]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ContractError([Problem(name, "", f"{path.name} must be a list of name, subject, version")]) from error
    return tuple(Reference(name=row.name, subject=row.subject, version=row.version) for row in rows)
