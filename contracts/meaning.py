"""Changes that a registry lets pass, and that turn values into other ones: it doesn't look at logical types."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.avro import (
    Array,
    Fixed,
    Logical,
    Map,
    Primitive,
    Record,
    Schema,
    Union,
    branch_path,
    described,
    key,
    step,
)


@dataclass(frozen=True, kw_only=True)
class ChangedMeaning:
    """A field whose values a reader takes for something else than the writer meant."""

    path: str
    reader_type: str
    writer_type: str


def changed_meanings(reader: Schema, writer: Schema) -> tuple[ChangedMeaning, ...]:
    """Return the fields with another logical type in ``reader`` than in ``writer``; a decimal may have more digits."""
    return tuple(_walk(reader, writer, "", set()))


def _walk(reader: Schema, writer: Schema, path: str, seen: set[tuple[int, int]]) -> Iterator[ChangedMeaning]:
    if (id(reader), id(writer)) in seen:
        return
    seen.add((id(reader), id(writer)))
    match reader, writer:
        case Union(), _:
            for branch in writer.branches if isinstance(writer, Union) else (writer,):
                for counterpart in reader.branches:
                    if key(counterpart) == key(branch):
                        yield from _walk(counterpart, branch, branch_path(path, counterpart), seen)
        case _, Union():
            for branch in writer.branches:
                if branch.type is reader.type:
                    yield from _walk(reader, branch, path, seen)
        case Array(), Array():
            yield from _walk(reader.items, writer.items, step(path, "[]"), seen)
        case Map(), Map():
            yield from _walk(reader.values, writer.values, step(path, "{}"), seen)
        case Record(), Record():
            for field in reader.fields:
                for other in writer.fields:
                    if other.name == field.name or other.name in field.aliases:
                        yield from _walk(field.schema, other.schema, step(path, field.name), seen)
        case ((Primitive() | Fixed()), (Primitive() | Fixed())):
            if not _agree(reader.logical, writer.logical):
                yield ChangedMeaning(path=path, reader_type=described(reader), writer_type=described(writer))


def _agree(reader: Logical | None, writer: Logical | None) -> bool:
    if reader is None or writer is None:
        return reader is writer
    return (reader.name, reader.scale) == (writer.name, writer.scale) and reader.precision >= writer.precision
