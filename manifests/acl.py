"""What a service declares, as Kafka's access control entries."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from config.service import ServiceSpec


class Operation(StrEnum):
    """Operations, named as the provider names them."""

    READ = "Read"
    WRITE = "Write"
    DESCRIBE_CONFIGS = "DescribeConfigs"


class ResourceType(StrEnum):
    """Kinds of resources, named as the provider names them."""

    TOPIC = "Topic"
    GROUP = "Group"
    TRANSACTIONAL_ID = "TransactionalID"


class Pattern(StrEnum):
    """How a resource's name is matched (KIP-290)."""

    LITERAL = "Literal"
    PREFIXED = "Prefixed"


_PATTERNS: Final = {
    ResourceType.TOPIC: Pattern.LITERAL,
    ResourceType.GROUP: Pattern.PREFIXED,
    ResourceType.TRANSACTIONAL_ID: Pattern.PREFIXED,
}
"""A topic is granted by its name; groups and transactional ids by their beginning, as they vary with each instance."""


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One permission of ``User:<principal>``, from any host."""

    principal: str
    resource_type: ResourceType
    name: str
    operation: Operation
    exact: bool = False
    """Grant by the whole name what is otherwise granted by its beginning."""

    @property
    def pattern(self) -> Pattern:
        """How ``name`` is matched."""
        return Pattern.LITERAL if self.exact else _PATTERNS[self.resource_type]

    @property
    def key(self) -> str:
        """A name that no other entry has; it stays the same whatever else the service declares."""
        return f"{self.principal}-{self.resource_type.lower()}-{self.name}-{self.operation.lower()}"


def service_acl(service: ServiceSpec) -> tuple[Entry, ...]:
    """Return the least a service needs for what it declares, one entry per resource and direction, in a stable order.

    Describe is implied by Read and by Write (Kafka's documentation, «Authorization and ACLs»), so it is nowhere spelt
    out. Idempotent producers need no permission on the cluster since Kafka 3.0 (KIP-679). Groups and transactional ids
    are the service's if they start with its id; config/names.py refuses an id that is the beginning of another.
    """
    entries = {
        *((ResourceType.TOPIC, topic, Operation.WRITE) for topic in service.produces),
        *((ResourceType.TOPIC, topic, Operation.READ) for topic in service.consumes),
    }
    if service.consumes:
        entries.add((ResourceType.GROUP, service.id, Operation.READ))
    if service.transactional:
        entries.add((ResourceType.TRANSACTIONAL_ID, service.id, Operation.WRITE))
    return tuple(
        sorted(
            Entry(principal=service.id, resource_type=kind, name=name, operation=operation)
            for kind, name, operation in entries
        )
    )
