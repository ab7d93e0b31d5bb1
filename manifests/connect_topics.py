"""Topics Kafka Connect needs for itself, and what it may do with topics, groups and transactions."""

from datetime import timedelta

from config.connect import ConnectorSpec, ConnectSpec, Plugin
from config.literals import CONNECT_USER, CleanupPolicy, Compression
from config.topic import TopicSpec
from manifests.acl import Entry, KafkaUser, Operation, Pattern, ResourceType

CONFIGS = f"{CONNECT_USER}-configs"
OFFSETS = f"{CONNECT_USER}-offsets"
STATUS = f"{CONNECT_USER}-status"
HEARTBEATS = f"{CONNECT_USER}-heartbeats"
"""Heartbeats of all sources, which let a database forget its log while the table is idle."""
CONTROL = f"{CONNECT_USER}-control"
"""By this topic the tasks of each Iceberg sink agree on commits; events name the sink they are of."""


def group(connector: ConnectorSpec) -> str:
    """Return a sink's consumer group, as Kafka Connect names it; also how its transactions begin."""
    return f"{CONNECT_USER}-{connector.name}"


def internal_topics(connect: ConnectSpec | None) -> tuple[TopicSpec, ...]:
    """Return the workers' topics, none without workers.

    They are the same whatever the connectors are, so that no topic goes when a connector does.

    Those of the workers' own state are compacted and have the partitions of Kafka's documentation («Kafka Connect»,
    distributed mode).
    """
    if connect is None:
        return ()
    return (
        _topic(CONFIGS, 1, CleanupPolicy.COMPACT, "Connectors' configurations"),
        _topic(OFFSETS, 25, CleanupPolicy.COMPACT, "How far sources have read"),
        _topic(STATUS, 5, CleanupPolicy.COMPACT, "States of connectors and tasks"),
        _topic(HEARTBEATS, 1, CleanupPolicy.DELETE, "Heartbeats of sources"),
        _topic(CONTROL, 1, CleanupPolicy.DELETE, "Commits of Iceberg sinks"),
    )


def _topic(name: str, partitions: int, policy: CleanupPolicy, purpose: str) -> TopicSpec:
    return TopicSpec(
        name=name,
        partitions=partitions,
        retention=timedelta(days=7),
        # What it holds is small, and written by one client.
        compression=Compression.PRODUCER,
        purpose=purpose,
        bytes_per_second=100,
        cleanup_policy=policy,
    )


def connect_user(connect: ConnectSpec) -> KafkaUser:
    """Return the workers' Kafka user."""
    return KafkaUser(
        name=CONNECT_USER,
        entries=connect_acl(connect),
        quota=connect.quota,
        credential_generation=connect.credential_generation,
    )


def connect_acl(connect: ConnectSpec) -> tuple[Entry, ...]:
    """Return the least the workers need for the connectors that are declared, in a stable order.

    A worker's group and topics, and the transactions of exactly-once sources (KIP-618, «ACLs»): the leader's is
    ``connect-cluster-<group>``, a task's ``<group>-<connector>-<number>``. Sinks read in ``connect-<connector>``.
    """
    found = {
        _entry(ResourceType.GROUP, CONNECT_USER, Operation.READ),
        _entry(ResourceType.TRANSACTIONAL_ID, f"connect-cluster-{CONNECT_USER}", Operation.WRITE),
    }
    for topic in (CONFIGS, OFFSETS, STATUS):
        # A worker verifies at its start that they are compacted.
        operations = (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS)
        found |= {_entry(ResourceType.TOPIC, topic, operation) for operation in operations}
    for connector in connect.connectors:
        found |= _connector(connector)
    return tuple(sorted(found))


def _connector(connector: ConnectorSpec) -> set[Entry]:
    found = {_entry(ResourceType.TOPIC, topic, Operation.READ) for topic in connector.reads}
    found |= {_entry(ResourceType.TOPIC, topic, Operation.WRITE) for topic in connector.writes}
    if connector.dead_letters is not None:
        found.add(_entry(ResourceType.TOPIC, connector.dead_letters, Operation.WRITE))
    prefix, prefixed = f"{group(connector)}-", Pattern.PREFIXED
    if connector.is_source:
        found.add(_entry(ResourceType.TOPIC, HEARTBEATS, Operation.WRITE))
        found.add(_entry(ResourceType.TRANSACTIONAL_ID, prefix, Operation.WRITE, prefixed))
    else:
        found.add(_entry(ResourceType.GROUP, group(connector), Operation.READ))
    if connector.plugin is Plugin.ICEBERG_SINK:
        found |= {_entry(ResourceType.TOPIC, CONTROL, each) for each in (Operation.READ, Operation.WRITE)}
        found.add(_entry(ResourceType.GROUP, prefix, Operation.READ, prefixed))
        found.add(_entry(ResourceType.TRANSACTIONAL_ID, prefix, Operation.WRITE, prefixed))
    return found


def _entry(kind: ResourceType, name: str, operation: Operation, pattern: Pattern = Pattern.LITERAL) -> Entry:
    return Entry(principal=CONNECT_USER, resource_type=kind, name=name, operation=operation, pattern=pattern)
