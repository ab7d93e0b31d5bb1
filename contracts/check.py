"""The present schemas against their history: what a pull request may not do."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contracts.compatibility import incompatibilities
from contracts.conventions import unconventional
from contracts.errors import ContractError, Problem
from contracts.meaning import changed_meanings
from contracts.references import Resolve, load
from contracts.repository import SCHEMAS, history, referenced, released, subjects
from contracts.subject import CompatibilityLevel, Subject


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found."""

    subjects: tuple[str, ...]
    problems: tuple[Problem, ...]
    pending: tuple[tuple[str, int], ...]
    """Subjects whose present schema isn't released, with the version it may become."""


def check(folder: Path = SCHEMAS) -> Report:
    """Check every subject: syntax, references, conventions, compatibility at its level, and changed meanings."""
    try:
        present = subjects(folder)
    except ContractError as error:
        return Report(subjects=(), problems=error.problems, pending=())
    names = tuple(subject.name for subject in present)
    problems = [
        Problem(name, "", "it was released, and is gone: a subject stays as long as its topic has records")
        for name in released(folder)
        if name not in names
    ]
    pending: list[tuple[str, int]] = []
    for subject in present:
        try:
            earlier = history(subject.name, folder)
            problems += problems_of(subject, earlier, partial(referenced, folder=folder))
        except ContractError as error:
            problems += error.problems
            continue
        if not earlier or not same(subject, earlier[-1]):
            pending.append((subject.name, len(earlier) + 1))
    return Report(subjects=names, problems=tuple(dict.fromkeys(problems)), pending=tuple(pending))


def problems_of(subject: Subject, earlier: Sequence[Subject], resolve: Resolve) -> tuple[Problem, ...]:
    """Return what forbids this schema after its history, oldest first; raises ContractError for one that is none."""
    return tuple(_problems(subject, earlier, resolve))


def same(one: Subject, other: Subject) -> bool:
    """Tell whether two schemas are one version to a registry: layout doesn't count, documentation does."""
    return one.references == other.references and json.loads(one.schema) == json.loads(other.schema)


def _problems(subject: Subject, earlier: Sequence[Subject], resolve: Resolve) -> Iterator[Problem]:
    parsed = load(subject, resolve)
    yield from unconventional(subject.name, parsed)
    if earlier and same(subject, earlier[-1]):
        return
    for version, before in enumerate(earlier[:-1], 1):
        if same(subject, before):
            yield Problem(
                subject.name,
                "",
                f"it is version {version} again: a registry would answer with that, and version {len(earlier)} would "
                "stay the latest; change its doc to release it anew",
            )
            return
    for one in incompatibilities(subject.level, subject, earlier, resolve):
        yield Problem(subject.name, one.path, one.message)
    if subject.level is CompatibilityLevel.NONE:
        return
    for version in range(len(earlier), 0 if subject.level.transitive else len(earlier) - 1, -1):
        for changed in changed_meanings(parsed.schema, load(earlier[version - 1], resolve).schema):
            yield Problem(
                subject.name,
                changed.path,
                f"it is {changed.reader_type}, and was {changed.writer_type} in version {version}: a registry lets "
                "that pass, and readers take old values for others; add a field with another name",
            )
