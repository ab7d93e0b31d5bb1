"""Schemas with the types of other subjects that they refer to."""

from collections.abc import Callable
from typing import TypeAlias

from contracts.avro import NamedSchema
from contracts.errors import ContractError, Problem
from contracts.parser import Parsed, parse
from contracts.subject import Reference, Subject

Resolve: TypeAlias = Callable[[Reference], Subject]
"""Returns what a reference names; raises LookupError when there is no such version."""


def load(subject: Subject, resolve: Resolve) -> Parsed:
    """Parse a subject's schema with all that it refers to, directly and further on.

    Raises ContractError for a mistake in it or in a schema it refers to, for a reference that leads nowhere or in a
    circle, and for two versions of one type.
    """
    return _Loader(resolve).load(subject, ())


class _Loader:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._loaded: dict[tuple[str, int], Parsed] = {}

    def load(self, subject: Subject, through: tuple[tuple[str, int], ...]) -> Parsed:
        named: dict[str, NamedSchema] = {}
        for reference in subject.references:
            for name, schema in self._referenced(subject, reference, through).named.items():
                if named.setdefault(name, schema) is not schema:
                    raise _error(subject, f"its references bring in two versions of {name}: refer to one of them")
        return parse(subject.schema, subject=subject.name, named=named)

    def _referenced(self, subject: Subject, reference: Reference, through: tuple[tuple[str, int], ...]) -> Parsed:
        one = (reference.subject, reference.version)
        if one in through:
            circle = " to ".join(name for name, _ in (*through[through.index(one) :], one))
            raise _error(subject, f"its references go in a circle: {circle}")
        if one not in self._loaded:
            try:
                target = self._resolve(reference)
            except LookupError as error:
                raise _error(
                    subject,
                    f"there is no version {reference.version} of {reference.subject}: "
                    "release it first, or refer to another",
                ) from error
            self._loaded[one] = self.load(target, (*through, one))
        loaded = self._loaded[one]
        if reference.name not in loaded.named:
            where = f"version {reference.version} of {reference.subject}"
            raise _error(subject, f"{where} defines no type {reference.name}: correct the reference")
        return loaded


def _error(subject: Subject, message: str) -> ContractError:
    return ContractError([Problem(subject.name, "", message)])
