"""Sentences about what a reader can't read: who, at which field, why, and what helps."""

from typing import assert_never

from contracts.resolution import Finding, Kind


def sentence(finding: Finding, version: int, *, newer_reads: bool) -> str:
    """Return one sentence on a finding between the new schema and an earlier ``version``.

    ``newer_reads``: the new schema is the reader, else the writer.
    """
    who = f"version {version} can't read what the new schema writes"
    if newer_reads:
        who = f"the new schema can't read what version {version} wrote"
    return f"{who}: {_reason(finding)}; {_remedy(finding, newer_reads)}"


def _reason(one: Finding) -> str:
    reader, writer = one.reader or "the schema", one.writer or "the schema"
    match one.kind:
        case Kind.READER_FIELD_MISSING_DEFAULT_VALUE:
            return f"{reader} ({one.reader_type}) has no default, and the writer's {writer} has no such field"
        case Kind.TYPE_MISMATCH:
            return f"{reader} is {one.reader_type}, and the writer's {writer} is {one.writer_type}"
        case Kind.MISSING_UNION_BRANCH:
            return f"{reader} ({one.reader_type}) has no branch for {one.detail}, which the writer's {writer} can be"
        case Kind.MISSING_ENUM_SYMBOLS:
            return (
                f"{reader} ({one.reader_type}) lacks {one.detail}, which the writer's {writer} can be, "
                "and the enum has no default"
            )
        case Kind.FIXED_SIZE_MISMATCH:
            return f"{reader} is {one.reader_type}, and the writer's {writer} is {one.writer_type}"
        case Kind.NAME_MISMATCH:
            return f"{reader} is of the type {one.reader_type}, and the writer's {writer} of {one.writer_type}"
        case Kind.AMBIGUOUS_ALIAS:
            return f"{reader} is by name and aliases both {one.detail} of the writer's {writer}"
        case _:
            assert_never(one.kind)


def _remedy(one: Finding, newer_reads: bool) -> str:
    match one.kind:
        case Kind.READER_FIELD_MISSING_DEFAULT_VALUE if newer_reads:
            alias = f', or, if it is {one.detail} under a new name, the alias "{one.detail}"' if one.detail else ""
            return f"give it a default{alias}"
        case Kind.READER_FIELD_MISSING_DEFAULT_VALUE:
            renamed = f": under the new name {one.detail} it is another field" if one.detail else ""
            return f"keep the field{renamed}"
        case Kind.TYPE_MISMATCH:
            old = one.writer_type if newer_reads else one.reader_type
            return f"keep {old}, and add a field with a default for what is new"
        case Kind.MISSING_UNION_BRANCH if newer_reads:
            return "keep the branch"
        case Kind.MISSING_UNION_BRANCH:
            return "take the branch away: at this level readers come last"
        case Kind.MISSING_ENUM_SYMBOLS if newer_reads:
            return "keep the symbols, or give the enum a default"
        case Kind.MISSING_ENUM_SYMBOLS:
            return "take the symbols away: at this level readers come last"
        case Kind.FIXED_SIZE_MISMATCH:
            return "keep the size, and add a type with another name"
        case Kind.NAME_MISMATCH if newer_reads:
            return f'keep the name, or add the alias "{one.detail}"'
        case Kind.NAME_MISMATCH:
            return "keep the name"
        case Kind.AMBIGUOUS_ALIAS:
            return "remove the alias"
        case _:
            assert_never(one.kind)
