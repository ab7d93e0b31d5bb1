"""Appending a present schema to its history."""

import os
import tempfile
from functools import partial
from pathlib import Path

from contracts.check import problems_of, same
from contracts.errors import ContractError, Problem
from contracts.repository import SCHEMAS, history, referenced, references_json, subjects


def release(name: str, folder: Path = SCHEMAS) -> tuple[int, bool]:
    """Make the present schema the next version of its subject.

    Returns the version, and whether it is new: a schema that is the last version already stays that. Raises
    ContractError, and writes nothing, when it may not follow.
    """
    present = {subject.name: subject for subject in subjects(folder)}
    if name not in present:
        known = ", ".join(sorted(present))
        raise ContractError([Problem(name, "", f"there is no such subject: choose one of {known}")])
    subject = present[name]
    earlier = history(name, folder)
    if problems := problems_of(subject, earlier, partial(referenced, folder=folder)):
        raise ContractError(problems)
    if earlier and same(subject, earlier[-1]):
        return len(earlier), False
    version = len(earlier) + 1
    home = folder / "history" / name
    home.mkdir(parents=True, exist_ok=True)
    # The schema last: without it there is no version, whatever else a killed run left.
    if subject.references:
        _write(home / f"{version}.references.json", references_json(subject.references))
    _write(home / f"{version}.avsc", subject.schema)
    return version, True


def _write(path: Path, text: str) -> None:
    """Write all of a file or nothing."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
