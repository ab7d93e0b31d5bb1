"""Subjects as a Confluent schema registry keeps them."""

from dataclasses import dataclass
from enum import StrEnum


class CompatibilityLevel(StrEnum):
    """How a subject's new version must agree with earlier ones, by the registry's own names.

    BACKWARD: the new schema reads what the last one wrote. FORWARD: the last one reads what the new one writes. FULL:
    both. The transitive levels ask that of every earlier version, not only of the last.
    """

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def transitive(self) -> bool:
        """Whether every earlier version counts."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Whether the new schema must read what earlier ones wrote."""
        return self.value.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        """Whether earlier schemas must read what the new one writes."""
        return self.value.startswith(("FORWARD", "FULL"))


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """A named type that a schema uses and another subject defines."""

    name: str
    """Full name of the type, as the schema spells it."""
    subject: str
    version: int
    """Version of that subject, from 1."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A schema under its subject's name."""

    name: str
    """``<topic>-value`` (TopicNameStrategy), or a shared type's full name."""
    schema: str
    """Avro schema as JSON text."""
    references: tuple[Reference, ...] = ()
    level: CompatibilityLevel = CompatibilityLevel.BACKWARD
