"""What a service declares, as Kafka's access control entries."""

from dataclasses import dataclass
from enum import StrEnum

from config.service import ServiceSpec


class Operation(StrEnum):
    """Operations the provider knows by these names."""

    READ = "Read"
    WRITE = "Write"
    DESCRIBE = "Describe"


class ResourceType(StrEnum):
    """Kinds of resources."""

    TOPIC = "Topic"
    GROUP = "Group"
    TRANSACTIONAL_ID = "TransactionalID"


class Pattern(StrEnum):
    """How a resource's name is matched (KIP-290)."""

    LITERAL = "Literal"
    PREFIXED = "Prefixed"


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One permission of ``User:<principal>``, from any host."""

    principal: str
    resource_type: ResourceType
    name: str
    pattern: Pattern
    operation: Operation

    @property
    def key(self) -> str:
        """A name that is unique among all entries."""
        kind = self.resource_type.lower()
        return f"{self.principal}-{kind}-{self.name}-{self.operation.lower()}"


def service_acl(service: ServiceSpec) -> tuple[Entry, ...]:
    """Return the least a service needs for what it declares.

    Describe follows from Read and from Write (Kafka's AclEntry implies it), so it is nowhere spelt out. Idempotent producers
    need no permission on the cluster since Kafka 3.0 (KIP-679). Groups and transactional ids are the service's if they start
    with its id; the configuration refuses an id that is the beginning of another.
    """
    entries = {
        *(_entry(service, ResourceType.TOPIC, topic, Operation.WRITE) for topic in service.produces),
        *(_entry(service, ResourceType.TOPIC, topic, Operation.READ) for topic in service.consumes),
    }
    if service.consumes:
        entries.add(_entry(service, ResourceType.GROUP, service.id, Operation.READ))
    if service.transactional:
        entries.add(_entry(service, ResourceType.TRANSACTIONAL_ID, service.id, Operation.WRITE))
    return tuple(sorted(entries))


def _entry(service: ServiceSpec, kind: ResourceType, name: str, operation: Operation) -> Entry:
    pattern = Pattern.LITERAL if kind is ResourceType.TOPIC else Pattern.PREFIXED
    return Entry(principal=service.id, resource_type=kind, name=name, pattern=pattern, operation=operation)
