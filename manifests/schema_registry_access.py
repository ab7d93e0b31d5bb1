"""Who may do what with the schema registry, and what the registry itself may do in Kafka."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from config.kafka import KafkaClusterSpec
from config.literals import (
    SCHEMA_REGISTRY_PORT,
    SCHEMA_REGISTRY_SERVICE,
    SCHEMA_REGISTRY_USER,
    CleanupPolicy,
    Compression,
    ExternalAccess,
    RegistryImplementation,
)
from config.schema_registry import SchemaRegistrySpec
from config.schema_registry_rules import STORAGE_PREFIX
from config.topic import TopicSpec
from manifests.acl import Entry, KafkaUser, Operation, Pattern, ResourceType

CONFLUENT_TOPIC: Final = STORAGE_PREFIX
"""Everything Confluent Schema Registry knows, in one compacted partition."""
JOURNAL_TOPIC: Final = f"{STORAGE_PREFIX}.journal"
"""Everything Apicurio Registry knows, as the changes that led there."""
SNAPSHOTS_TOPIC: Final = f"{STORAGE_PREFIX}.snapshots"
EVENTS_TOPIC: Final = f"{STORAGE_PREFIX}.events"
_SALT_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True)
class RegistryUser:
    """Somebody who logs in to the registry: everything may be read, and these subjects be written."""

    name: str
    subjects: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    """Beginnings of topics whose key and value subjects it writes, whatever their rest is."""
    credential_generation: int = 1


def registry_users(users: Iterable[KafkaUser]) -> tuple[RegistryUser, ...]:
    """Return the registry's users: whoever may write a topic registers its value subject, and no other.

    Whoever makes topics of a prefix, as ksqlDB does, has the key and value subjects of the prefix. Subjects are named
    by Confluent's TopicNameStrategy. What is shared, like the envelope, is the administrator's.
    """
    return tuple(
        RegistryUser(
            name=user.name,
            subjects=tuple(f"{entry.name}-value" for entry in sorted(user.entries) if _writes_topic(entry)),
            prefixes=tuple(entry.name for entry in sorted(user.entries) if _makes_topics(entry)),
            credential_generation=user.credential_generation,
        )
        for user in users
        if user.name != SCHEMA_REGISTRY_USER
    )


def _writes_topic(entry: Entry) -> bool:
    return (entry.resource_type, entry.pattern, entry.operation) == (
        ResourceType.TOPIC,
        Pattern.LITERAL,
        Operation.WRITE,
    )


def _makes_topics(entry: Entry) -> bool:
    return (entry.resource_type, entry.pattern, entry.operation) == (
        ResourceType.TOPIC,
        Pattern.PREFIXED,
        Operation.ALL,
    )


def password_file(passwords: Mapping[str, str]) -> str:
    """Return nginx's ``auth_basic_user_file``: name and salted hash of each user, sorted.

    The scheme is {SSHA} (RFC 2307 with a salt): nginx computes it itself, the same on every C library, and in
    microseconds at each request. Its SHA-1 is weak for passwords people choose; these are 240 random bits, which nobody
    guesses. The salt follows from name and password, so that the same passwords give the same file.
    """
    return "".join(f"{name}:{_salted_hash(name, password)}\n" for name, password in sorted(passwords.items()))


def _salted_hash(name: str, password: str) -> str:
    if ":" in name or not name.isprintable():
        raise ValueError(f"user {name!r} is refused: a name in a password file is printable and has no colon")
    salt = hmac.digest(password.encode(), f"salt\0{name}".encode(), "sha256")[:_SALT_BYTES]
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def storage_topics(spec: SchemaRegistrySpec | None) -> tuple[TopicSpec, ...]:
    """Return the topics the registry keeps its content in, none without a registry.

    Confluent's is compacted and has one partition, or it refuses to start. Apicurio's journal is replayed whole at each
    start, so nothing of it may expire.
    """
    if spec is None:
        return ()
    if spec.implementation is RegistryImplementation.CONFLUENT:
        return (_storage_topic(CONFLUENT_TOPIC, CleanupPolicy.COMPACT, "Schemas, levels and modes"),)
    forever = {"retention.ms": -1}
    return (
        _storage_topic(JOURNAL_TOPIC, CleanupPolicy.DELETE, "Changes of the schema registry", forever),
        _storage_topic(SNAPSHOTS_TOPIC, CleanupPolicy.DELETE, "Snapshots of the schema registry", forever),
        _storage_topic(EVENTS_TOPIC, CleanupPolicy.DELETE, "News of the schema registry"),
    )


def _storage_topic(
    name: str, policy: CleanupPolicy, purpose: str, config: Mapping[str, str | int | float | bool] | None = None
) -> TopicSpec:
    return TopicSpec(
        name=name,
        partitions=1,
        retention=timedelta(days=7),
        compression=Compression.PRODUCER,
        purpose=purpose,
        bytes_per_second=0,
        cleanup_policy=policy,
        config=config or {},
    )


def kafka_users(spec: SchemaRegistrySpec | None) -> tuple[KafkaUser, ...]:
    """Return the registry's Kafka user with the least it needs, none without a registry."""
    if spec is None:
        return ()
    operations = [Operation.READ, Operation.WRITE]
    if spec.implementation is RegistryImplementation.CONFLUENT:
        # At its start it makes sure that its topic is compacted.
        operations.append(Operation.DESCRIBE_CONFIGS)
    topics = [(ResourceType.TOPIC, topic.name, one) for topic in storage_topics(spec) for one in operations]
    # Confluent's replicas elect their leader in a group, Apicurio's read in groups with random ends.
    group = (ResourceType.GROUP, SCHEMA_REGISTRY_USER, Operation.READ)
    entries = tuple(
        sorted(
            Entry(
                principal=SCHEMA_REGISTRY_USER,
                resource_type=kind,
                name=name,
                operation=operation,
                pattern=Pattern.PREFIXED if kind is ResourceType.GROUP else Pattern.LITERAL,
            )
            for kind, name, operation in [*topics, group]
        )
    )
    return (
        KafkaUser(
            name=SCHEMA_REGISTRY_USER,
            entries=entries,
            quota=spec.quota,
            credential_generation=spec.credential_generation,
        ),
    )


def internal_url(namespace: str) -> str:
    """Return the registry's address for pods."""
    return f"https://{SCHEMA_REGISTRY_SERVICE}.{namespace}.svc.cluster.local:{SCHEMA_REGISTRY_PORT}"


def external_hosts(spec: SchemaRegistrySpec, kafka: KafkaClusterSpec) -> tuple[str, ...]:
    """Return names and addresses clients outside reach the registry by, each once."""
    if spec.external.hosts or spec.external.type is not ExternalAccess.NODE_PORT:
        return spec.external.hosts
    return tuple(dict.fromkeys(kafka.external.hosts.values()))


def external_urls(spec: SchemaRegistrySpec, kafka: KafkaClusterSpec) -> tuple[str, ...]:
    """Return the addresses for clients outside Kubernetes; any of them leads to the whole registry."""
    return tuple(f"https://{host}:{spec.external.port}" for host in external_hosts(spec, kafka))
