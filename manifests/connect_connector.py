"""A connector's configuration as its declaration makes it; secrets are references to mounted files."""

import re
from collections.abc import Mapping

from config.base import milliseconds
from config.connect import (
    CatalogType,
    ConnectorSpec,
    ConnectSpec,
    Format,
    IcebergSpec,
    OutboxSpec,
    Plugin,
    S3SinkSpec,
    SslMode,
)
from config.errors import is_secret_name
from config.literals import CONNECT_USER
from manifests import connect_paths as paths
from manifests.connect_converter import CONVERTERS, converter
from manifests.connect_topics import CONTROL, HEARTBEATS, group
from manifests.connect_worker import directory_reference
from manifests.unsafe import UnsafeManifest

CLASSES: Mapping[Plugin, str] = {
    Plugin.DEBEZIUM_POSTGRES: "io.debezium.connector.postgresql.PostgresConnector",
    Plugin.ICEBERG_SINK: "org.apache.iceberg.connect.IcebergSinkConnector",
    Plugin.CONFLUENT_S3_SINK: "io.confluent.connect.s3.S3SinkConnector",
}
_MATCHES = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
_ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"
_HEARTBEAT = "heartbeat"
_MISSED_COMMITS = 300
"""A day at Iceberg's five minutes; a task answers them in seconds."""
_REFERENCE = re.compile(r"\$\{(dir|file):[^}]+\}")
_CONVERTER = re.compile(r"(key|value|header)\.converter\.?")
_PLAIN_KEYS = re.compile(r".*\.event\.key|message\.key\.columns")
"""Settings with «key» in their names that hold none."""
_CREDENTIAL = re.compile(r"user\.info|credential|sasl|access-key|account", re.IGNORECASE)
_CREDENTIAL_VALUE = re.compile(
    r"://[^/@\s]+:[^/@\s]+@|passw(or)?d\s*=|LoginModule|BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE
)


def plain_secrets(config: Mapping[str, str]) -> list[str]:
    """Return the settings that seem to hold a secret in plain, not a reference to a mounted file, sorted."""
    return sorted(
        name
        for name, value in config.items()
        if not _REFERENCE.fullmatch(value) and (_CREDENTIAL_VALUE.search(value) or _names_credential(name))
    )


def _names_credential(name: str) -> bool:
    own = _CONVERTER.sub("", name, count=1)
    if _PLAIN_KEYS.fullmatch(own) or own.endswith("credentials.source"):
        return False
    return is_secret_name(own) or bool(_CREDENTIAL.search(own))


def connector_config(
    connector: ConnectorSpec, connect: ConnectSpec, namespace: str, replication_factor: int
) -> dict[str, str]:
    """Return the whole configuration that is given to Kafka Connect.

    Raises UnsafeManifest where further settings would change what follows from the declaration, or hold a secret.
    """
    fixed = {
        "connector.class": CLASSES[connector.plugin],
        "tasks.max": str(connector.tasks),
        **converter("key", connector.key_format, connect.avro_converter, namespace),
        **(_payload() if _passes_bytes(connector) else _value(connector, connect, namespace)),
        **_plugin(connector),
        **_errors(connector, replication_factor),
        **_restarts(connector),
        **{setting: directory_reference(paths.SECRETS, name) for setting, name in connector.secrets.items()},
    }
    clash = sorted(fixed.keys() & connector.config.keys())
    if clash:
        raise UnsafeManifest(f"config of connector {connector.name} must not set {', '.join(clash)}: it is declared")
    further = {name: _text(value) for name, value in connector.config.items()}
    whole = dict(sorted({**_defaults(connector), **fixed, **further}.items()))
    if found := plain_secrets(whole):
        raise UnsafeManifest(f"connector {connector.name} must hold no secret in plain: {', '.join(found)}")
    return whole


def _defaults(connector: ConnectorSpec) -> dict[str, str]:
    """Return what a connector's own ``config`` may set otherwise.

    Debezium waits half a second between two looks at the rows it was sent (``poll.interval.ms``): most of an event's
    way from its commit to its consumer. Each look that finds rows is a transaction.
    """
    return {"poll.interval.ms": "50"} if connector.outbox is not None else {}


def _passes_bytes(connector: ConnectorSpec) -> bool:
    return connector.outbox is not None and connector.value_format is Format.BYTES


def _value(connector: ConnectorSpec, connect: ConnectSpec, namespace: str) -> dict[str, str]:
    return converter("value", connector.value_format, connect.avro_converter, namespace)


def _payload() -> dict[str, str]:
    """Return the converter of an outbox's payload in bytes: the connector's own heartbeats are no bytes, and Kafka's
    converter would fail the task at the first (debezium.io, «Outbox event router», Avro).
    """
    return {
        "value.converter": "io.debezium.converters.BinaryDataConverter",
        "value.converter.delegate.converter.type": CONVERTERS[Format.JSON],
        "value.converter.delegate.converter.type.schemas.enable": "false",
    }


def _headers(outbox: OutboxSpec) -> dict[str, str]:
    if not outbox.headers:
        return {}
    placed = ",".join(f"{column}:header:{header}" for column, header in sorted(outbox.headers.items()))
    return {"transforms.route.table.fields.additional.placement": placed}


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plugin(connector: ConnectorSpec) -> dict[str, str]:
    if connector.outbox is not None:
        return _outbox(connector, connector.outbox)
    topics = {"topics": ",".join(connector.reads)}
    if connector.iceberg is not None:
        return {**topics, **_iceberg(connector, connector.iceberg)}
    if connector.s3 is not None:
        return {**topics, **_s3(connector, connector.s3)}
    raise UnsafeManifest(f"connector {connector.name} has no section for {connector.plugin}")


def _outbox(connector: ConnectorSpec, outbox: OutboxSpec) -> dict[str, str]:
    """Return Debezium's settings (debezium.io, «PostgreSQL connector» and «Outbox event router»)."""
    name = f"{CONNECT_USER}_{connector.name.replace('-', '_')}"
    known = "|".join(re.escape(topic) for topic in (*connector.writes, HEARTBEATS))
    settings = {
        # Kafka Connect refuses to start it where it can't be kept.
        "exactly.once.support": "required",
        "plugin.name": "pgoutput",
        "database.hostname": outbox.host,
        "database.port": str(outbox.port),
        "database.dbname": outbox.database,
        "database.user": outbox.user,
        "database.sslmode": outbox.sslmode.value,
        **({"database.sslrootcert": ca_path(connector)} if outbox.sslmode is SslMode.VERIFY_FULL else {}),
        "topic.prefix": connector.name,
        "table.include.list": outbox.table,
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "filtered" if outbox.create_publication else "disabled",
        # Heartbeats move the slot on while other tables fill the database's log.
        "heartbeat.interval.ms": "10000",
        "topic.heartbeat.prefix": _HEARTBEAT,
        # Deleting a row that was sent is no event.
        "tombstones.on.delete": "false",
        "predicates": "rows",
        "predicates.rows.type": _MATCHES,
        "predicates.rows.pattern": re.escape(f"{connector.name}.{outbox.table}"),
        "transforms": "route,heartbeat" if connector.dead_letters is None else "route,heartbeat,unknown",
        "transforms.route.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.route.predicate": "rows",
        # The key is the aggregate's id: its events are in one partition, in the order of their commits.
        "transforms.route.table.field.event.key": "aggregateid",
        "transforms.route.route.by.field": "aggregatetype",
        "transforms.route.route.topic.replacement": outbox.topic_of("${routedByValue}"),
        **_headers(outbox),
        "transforms.route.table.op.invalid.behavior": "warn",
        "transforms.heartbeat.type": _ROUTER,
        "transforms.heartbeat.regex": re.escape(f"{_HEARTBEAT}.{connector.name}"),
        "transforms.heartbeat.replacement": HEARTBEATS,
    }
    if connector.dead_letters is not None:
        settings |= {
            "transforms.unknown.type": _ROUTER,
            "transforms.unknown.regex": f"(?!(?:{known})$).*",
            "transforms.unknown.replacement": connector.dead_letters,
        }
    return settings


def ca_path(connector: ConnectorSpec) -> str:
    """Return where a connector's CA is mounted."""
    return f"{paths.TRUST}/{connector.name}.pem"


def _iceberg(connector: ConnectorSpec, iceberg: IcebergSpec) -> dict[str, str]:
    """Return the Iceberg sink's settings (iceberg.apache.org, «Kafka Connect»)."""
    prefix = f"{group(connector)}-"
    catalog = {
        "type": iceberg.catalog.value,
        **({"uri": iceberg.uri} if iceberg.uri else {}),
        **({"jdbc.user": iceberg.user} if iceberg.user else {}),
        **({"jdbc.schema-version": "V1"} if iceberg.catalog is CatalogType.JDBC else {}),
        "warehouse": iceberg.warehouse,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        # The JDK's own client: no other is in the plugin.
        "http-client.type": "urlconnection",
        **({"client.region": iceberg.region} if iceberg.region else {}),
        **({"s3.endpoint": iceberg.endpoint, "s3.path-style-access": "true"} if iceberg.endpoint else {}),
    }
    return {
        "iceberg.catalog": CONNECT_USER,
        **{f"iceberg.catalog.{name}": value for name, value in catalog.items()},
        "iceberg.tables": iceberg.table,
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.tables.evolve-schema-enabled": "true",
        **({"iceberg.tables.default-partition-by": iceberg.partition_by} if iceberg.partition_by else {}),
        "iceberg.control.topic": CONTROL,
        "iceberg.control.group-id-prefix": f"{prefix}control-",
        "iceberg.control.commit.interval-ms": str(milliseconds(iceberg.commit_interval)),
        "iceberg.coordinator.transactional.prefix": prefix,
        "iceberg.kafka.auto.offset.reset": _missed_commits(milliseconds(iceberg.commit_interval)),
        # A connection is made step by step, one at each call of the task: ten seconds would end before TLS and SCRAM
        # are through where no records come, again and again.
        "iceberg.kafka.socket.connection.setup.timeout.ms": "30000",
    }


def _missed_commits(interval: int) -> str:
    """Return how far back a sink's clients look into the control topic where their group has committed nothing yet.

    Iceberg's default is «latest»: files that were announced before a coordinator's first commit, and whose announcement
    it didn't live to read, would never be in the table (apache/iceberg#18006). With «earliest» every new task answers
    each request to commit that the topic still has. So it's bounded (KIP-1106), by a number of commits.
    """
    return f"by_duration:PT{_MISSED_COMMITS * interval // 1000}S"


def _s3(connector: ConnectorSpec, s3: S3SinkSpec) -> dict[str, str]:
    """Return Confluent's S3 sink's settings; rotating by record time makes it exactly once (its documentation)."""
    kind = "avro.AvroFormat" if connector.value_format is Format.AVRO else "json.JsonFormat"
    return {
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "format.class": f"io.confluent.connect.s3.format.{kind}",
        "s3.bucket.name": s3.bucket,
        "s3.region": s3.region,
        "topics.dir": s3.prefix,
        "flush.size": str(s3.flush_size),
        "rotate.interval.ms": str(milliseconds(s3.rotate)),
    }


def _errors(connector: ConnectorSpec, replication_factor: int) -> dict[str, str]:
    """Return what happens to records that can't be converted or transformed (KIP-298)."""
    settings = {
        # For transformations; what a registry does that is away is decided by the converter for Avro.
        "errors.retry.timeout": "60000",
        "errors.retry.delay.max.ms": "5000",
        "errors.log.enable": "true",
        # Records may hold what no log should.
        "errors.log.include.messages": "false",
        "errors.tolerance": "all" if connector.tolerate_errors else "none",
    }
    if connector.tolerate_errors and connector.dead_letters is not None:
        settings |= {
            "errors.deadletterqueue.topic.name": connector.dead_letters,
            "errors.deadletterqueue.topic.replication.factor": str(replication_factor),
            "errors.deadletterqueue.context.headers.enable": "true",
        }
    return settings


def _restarts(connector: ConnectorSpec) -> dict[str, str]:
    """Return what the workers' extension reads (assets/connect/README.md); connectors and Kafka Connect ignore it."""
    restart = connector.auto_restart
    if not restart.enabled:
        return {}
    return {
        "auto.restart.max.restarts": str(restart.max_restarts),
        "auto.restart.backoff.ms": str(milliseconds(restart.backoff)),
    }


def ceiling(connect: ConnectSpec, partitions: Mapping[str, int]) -> int:
    """Return how many workers can have a task at most: the sum of tasks, a sink's bounded by its topics' partitions."""
    return sum(
        connector.tasks
        if connector.is_source
        else min(connector.tasks, sum(partitions.get(topic, 1) for topic in connector.reads))
        for connector in connect.connectors
    )
