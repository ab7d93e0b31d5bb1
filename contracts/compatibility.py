"""Whether a new version of a subject may follow the earlier ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.subject import CompatibilityLevel, Reference, Subject


class Kind(StrEnum):
    """Why a reader can't read a writer's data, by the names of Apache Avro's SchemaIncompatibilityType."""

    NAME_MISMATCH = "NAME_MISMATCH"
    FIXED_SIZE_MISMATCH = "FIXED_SIZE_MISMATCH"
    MISSING_ENUM_SYMBOLS = "MISSING_ENUM_SYMBOLS"
    READER_FIELD_MISSING_DEFAULT_VALUE = "READER_FIELD_MISSING_DEFAULT_VALUE"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    MISSING_UNION_BRANCH = "MISSING_UNION_BRANCH"


@dataclass(frozen=True, kw_only=True)
class Incompatibility:
    """One reason why a reader can't read what a writer wrote."""

    kind: Kind
    path: str
    """Field in the reader's schema: ``payload.SignedIn.method``; empty for the schema itself."""
    reader: str
    """Reader's version, type and field: ``version 2, com.example.SignedIn.method``."""
    writer: str
    message: str
    """One sentence for people."""


def incompatibilities(
    level: CompatibilityLevel,
    new: Subject,
    earlier: Sequence[Subject],
    resolve: Callable[[Reference], Subject],
) -> tuple[Incompatibility, ...]:
    """Return what forbids ``new`` after ``earlier`` (oldest first) at this level; nothing when it may follow.

    ``resolve`` returns what a reference names.
    """
    raise NotImplementedError(level, new, earlier, resolve)
