"""What ksqlDB may do in Kafka."""

from config.ksqldb import KsqlDbSpec
from config.literals import KSQLDB_USER
from manifests.acl import CLUSTER, Entry, KafkaUser, Operation, Pattern, ResourceType

_LITERAL, _PREFIXED = Pattern.LITERAL, Pattern.PREFIXED


def internal_prefix(spec: KsqlDbSpec) -> str:
    """Return the beginning of all of ksqlDB's internal names: command topic, changelogs, groups, transactional ids."""
    return f"_confluent-ksql-{spec.service_id}"


def processing_log_topic(spec: KsqlDbSpec) -> str:
    """Return the topic of the processing log, named as ksqlDB does where nothing is said."""
    return f"{spec.service_id}ksql_processing_log"


def ksqldb_user(spec: KsqlDbSpec) -> KafkaUser:
    """Return the user of the servers with the least they need (ksqlDB's documentation, «Configure Security»).

    Beside what that lists: transactional ids of exactly-once queries start with the internal prefix (KIP-447), and the
    command topic's producer uses the service id for its own. Topics of the catalogue exist already: queries may not
    create them.
    """
    internal = internal_prefix(spec)
    log = processing_log_topic(spec)
    granted = [
        # To read the brokers' settings, among them the default replication factor.
        (ResourceType.CLUSTER, CLUSTER, Operation.DESCRIBE_CONFIGS, _LITERAL),
        (ResourceType.TOPIC, internal, Operation.ALL, _PREFIXED),
        (ResourceType.GROUP, internal, Operation.ALL, _PREFIXED),
        (ResourceType.TRANSACTIONAL_ID, internal, Operation.WRITE, _PREFIXED),
        (ResourceType.TRANSACTIONAL_ID, spec.service_id, Operation.WRITE, _LITERAL),
        *(
            (ResourceType.TOPIC, log, operation, _LITERAL)
            for operation in (Operation.CREATE, Operation.DESCRIBE_CONFIGS, Operation.READ, Operation.WRITE)
        ),
        *((ResourceType.TOPIC, topic, Operation.READ, _LITERAL) for topic in spec.consumes),
        *((ResourceType.TOPIC, topic, Operation.WRITE, _LITERAL) for topic in spec.produces),
        *(
            (ResourceType.TOPIC, topic, Operation.DESCRIBE_CONFIGS, _LITERAL)
            for topic in dict.fromkeys([*spec.consumes, *spec.produces])
        ),
    ]
    if spec.output_topic_prefix is not None:
        granted.append((ResourceType.TOPIC, spec.output_topic_prefix, Operation.ALL, _PREFIXED))
    entries = (
        Entry(principal=KSQLDB_USER, resource_type=kind, name=name, operation=operation, pattern=pattern)
        for kind, name, operation, pattern in granted
    )
    return KafkaUser(
        name=KSQLDB_USER,
        entries=tuple(sorted(entries)),
        quota=spec.quota,
        credential_generation=spec.credential_generation,
    )
