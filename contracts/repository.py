"""The committed schemas and their history."""

from pathlib import Path
from typing import Final

from contracts.subject import Subject

SCHEMAS: Final = Path(__file__).resolve().parents[1] / "schemas"


def subjects(folder: Path = SCHEMAS) -> tuple[Subject, ...]:
    """Return the present schemas, each after those it refers to."""
    raise NotImplementedError(folder)


def history(name: str, folder: Path = SCHEMAS) -> tuple[Subject, ...]:
    """Return the released versions of a subject, oldest first: index 0 is version 1."""
    raise NotImplementedError(name, folder)
