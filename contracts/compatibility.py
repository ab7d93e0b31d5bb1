"""Whether a new version of a subject may follow the earlier ones, as a registry will judge it."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.messages import sentence
from contracts.references import Resolve, load
from contracts.resolution import Finding, Kind, findings
from contracts.subject import CompatibilityLevel, Subject

__all__ = ["Incompatibility", "Kind", "incompatibilities"]


@dataclass(frozen=True, kw_only=True)
class Incompatibility:
    """One reason why a reader can't read what a writer wrote."""

    kind: Kind
    path: str
    """Field in the reader's schema: ``payload.SignedIn.method``; empty for the schema itself."""
    reader: str
    """The reader's field, by its record's full name: ``com.example.SignedIn.method``; outside of records its type."""
    writer: str
    """The same of the writer; its record where it has no such field."""
    message: str
    """One sentence for people: who can't read whom, at which field, why, and what helps."""


def incompatibilities(
    level: CompatibilityLevel, new: Subject, earlier: Sequence[Subject], resolve: Resolve
) -> tuple[Incompatibility, ...]:
    """Return what forbids ``new`` after ``earlier``; nothing when it may follow at this level.

    ``earlier`` is all of the subject's history, oldest first: what stands at index 0 is called version 1. ``resolve``
    returns what a reference names, and raises LookupError when there is no such version. Raises ContractError for a
    schema that is none, at level NONE too.
    """
    schema = load(new, resolve).schema
    if level is CompatibilityLevel.NONE:
        return ()
    found: dict[tuple[bool, Finding], Incompatibility] = {}
    for version in range(len(earlier), 0 if level.transitive else len(earlier) - 1, -1):
        before = load(earlier[version - 1], resolve).schema
        # The versions before the last mostly have the same to say as the last: it is said once.
        if level.backward:
            for finding in findings(schema, before):
                found.setdefault((True, finding), _judged(finding, version, newer_reads=True))
        if level.forward:
            for finding in findings(before, schema):
                found.setdefault((False, finding), _judged(finding, version, newer_reads=False))
    return tuple(found.values())


def _judged(finding: Finding, version: int, *, newer_reads: bool) -> Incompatibility:
    return Incompatibility(
        kind=finding.kind,
        path=finding.path,
        reader=finding.reader or finding.reader_type,
        writer=finding.writer or finding.writer_type,
        message=sentence(finding, version, newer_reads=newer_reads),
    )
