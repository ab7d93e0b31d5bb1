"""What a service declares, as Kafka's access control entries."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from config.service import QuotaSpec, ServiceSpec


class Operation(StrEnum):
    """Operations, named as the provider names them."""

    ALL = "All"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    READ = "Read"
    WRITE = "Write"


class ResourceType(StrEnum):
    """Kinds of resources, named as the provider names them."""

    CLUSTER = "Cluster"
    TOPIC = "Topic"
    GROUP = "Group"
    TRANSACTIONAL_ID = "TransactionalID"


class Pattern(StrEnum):
    """How a resource's name is matched (KIP-290)."""

    LITERAL = "Literal"
    PREFIXED = "Prefixed"


_PATTERNS: Final = {
    ResourceType.CLUSTER: Pattern.LITERAL,
    ResourceType.TOPIC: Pattern.LITERAL,
    ResourceType.GROUP: Pattern.PREFIXED,
    ResourceType.TRANSACTIONAL_ID: Pattern.PREFIXED,
}
"""What is usual: a topic is granted by its name; groups and transactional ids by their beginning, as they vary."""

CLUSTER: Final = "kafka-cluster"
"""The name of the only resource of type Cluster."""


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One permission of ``User:<principal>``, from any host."""

    principal: str
    resource_type: ResourceType
    name: str
    operation: Operation
    pattern: Pattern
    """How ``name`` is matched."""

    @property
    def key(self) -> str:
        """A name that no other entry has; it stays the same whatever else the service declares."""
        way = "" if self.pattern is _PATTERNS[self.resource_type] else f"-{self.pattern.lower()}"
        return f"{self.principal}-{self.resource_type.lower()}-{self.name}{way}-{self.operation.lower()}"


@dataclass(frozen=True, kw_only=True)
class KafkaUser:
    """Somebody who logs in to Kafka, and what is allowed to them: a service, or a part of the platform itself."""

    name: str
    entries: tuple[Entry, ...]
    quota: QuotaSpec
    credential_generation: int = 1
    """Raise it to get a new password."""


def service_user(service: ServiceSpec) -> KafkaUser:
    """Return a service's user."""
    return KafkaUser(
        name=service.id,
        entries=service_acl(service),
        quota=service.quota,
        credential_generation=service.credential_generation,
    )


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
            Entry(principal=service.id, resource_type=kind, name=name, operation=operation, pattern=_PATTERNS[kind])
            for kind, name, operation in entries
        )
    )
