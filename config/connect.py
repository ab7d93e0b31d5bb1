"""Kafka Connect: its workers, and one declaration for each connector."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from config.base import Duration, Spec
from config.image import ImageSpec
from config.kafka import JvmSpec, ResourcesSpec
from config.literals import ExternalAccess
from config.service import QuotaSpec


class Plugin(StrEnum):
    """What a connector can be."""

    DEBEZIUM_POSTGRES = "debezium-postgres"
    """The outbox of a PostgreSQL database, read from its log (Debezium, with its outbox event router)."""
    ICEBERG_SINK = "iceberg-sink"
    """Topics into an Apache Iceberg table."""
    CONFLUENT_S3_SINK = "confluent-s3-sink"
    """Topics into objects of an S3 bucket. The plugin is Confluent's; an image has it only if its builder put it in."""


class Format(StrEnum):
    """How keys or values are written in Kafka."""

    AVRO = "avro"
    """Confluent's wire format: a zero byte, a schema's id in four bytes, the record."""
    BYTES = "bytes"
    """As they are."""
    JSON = "json"
    """JSON without a schema."""
    STRING = "string"


class AvroConverter(StrEnum):
    """Whose converter reads and writes Avro."""

    APICURIO = "apicurio"
    CONFLUENT = "confluent"


class CatalogType(StrEnum):
    """Kinds of Iceberg catalogues."""

    GLUE = "glue"
    JDBC = "jdbc"
    REST = "rest"


class SslMode(StrEnum):
    """How a connection to PostgreSQL is secured, as libpq names it."""

    VERIFY_FULL = "verify-full"
    DISABLE = "disable"


class OutboxSpec(Spec):
    """The outbox table of one database. Its columns are Debezium's: id, aggregatetype, aggregateid, type, payload."""

    host: str
    """Name or address of the PostgreSQL server."""
    port: int = 5432
    database: str
    """Name of the database."""
    user: str
    """Role with LOGIN and REPLICATION, and SELECT on the table; its password is the secret database.password."""
    table: str = "public.outbox"
    """Schema and table."""
    sslmode: SslMode = SslMode.VERIFY_FULL
    ca_pem: str | None = None
    """Certificate of the authority that signed the server's; verify-full needs it."""
    topic: str = "pyairtable.{aggregate}.events"
    """Topic of an event; ``{aggregate}`` is the row's aggregatetype."""
    aggregates: tuple[str, ...]
    """Aggregate types the table may hold. A row of another goes to the connector's dead letter topic."""
    headers: Mapping[str, str] = {"type": "eventType", "aggregatetype": "aggregateType"}
    """Column to the record header it becomes; the event's id is one anyway, called id. pyairtable_events' table has
    the columns of the envelope besides: see its README."""
    create_publication: bool = True
    """False: the publication ``connect_<connector>`` is made by the database's owner."""

    def topic_of(self, aggregate: str) -> str:
        """Return the topic an aggregate's events go to."""
        return self.topic.replace("{aggregate}", aggregate)


class IcebergSpec(Spec):
    """The table topics are written to, and the catalogue it stands in."""

    catalog: CatalogType
    """Which kind of catalogue: jdbc, rest or glue."""
    uri: str | None = None
    """Where the catalogue is: jdbc:postgresql://host/database, or https://host; glue needs none."""
    user: str | None = None
    """User of a jdbc catalogue; its password is the secret iceberg.catalog.jdbc.password."""
    warehouse: str
    """Where the table's files go: s3://bucket/prefix."""
    table: str
    """Namespace and table: lake.events."""
    partition_by: str | None = None
    """Partitioning of a table that is made: day(time), bucket(id, 8)."""
    region: str | None = None
    """Region of the bucket; None: the environment's."""
    endpoint: str | None = None
    """S3 endpoint of a store that isn't AWS's."""
    commit_interval: Duration = timedelta(minutes=5)
    """How often files become a snapshot: the lake's delay."""


class S3SinkSpec(Spec):
    """Where Confluent's S3 sink writes."""

    bucket: str
    """Name of the bucket."""
    region: str
    """Region of the bucket."""
    prefix: str = "topics"
    flush_size: int = 10000
    """Records in an object."""
    rotate: Duration = timedelta(minutes=10)
    """Longest time of record time in an object: it decides objects' borders, so that a restart writes the same ones."""


class AutoRestartSpec(Spec):
    """What becomes of a connector, or a task of it, that has failed: its worker restarts it, see docs/connect.md."""

    enabled: bool = True
    """False: it stays as it failed until someone restarts it."""
    max_restarts: int = 7
    """How often in a row. After the last one it stays failed, with its trace."""
    backoff: Duration = timedelta(minutes=1)
    """Unit of the waits: the first restart comes at once, the one after n others n² + n units later, at most 60."""


class ConnectorSpec(Spec):
    """One connector. Its access to Kafka, its topics and its error handling follow from this."""

    name: str
    plugin: Plugin
    """What it is: debezium-postgres, iceberg-sink or confluent-s3-sink."""
    tasks: int = 1
    """Most tasks it is split into."""
    reads: tuple[str, ...] = ()
    """Topics a sink reads."""
    dead_letters: str | None = None
    """Topic for what a sink can't convert, and for an outbox's rows of unknown aggregates."""
    tolerate_errors: bool = False
    """A sink goes on behind a record it can't convert, which goes to ``dead_letters``. False: the task stops there."""
    auto_restart: AutoRestartSpec = AutoRestartSpec()
    key_format: Format = Format.STRING
    value_format: Format = Format.JSON
    """How values are written; an outbox passes its payload on, as string or bytes."""
    outbox: OutboxSpec | None = None
    """For debezium-postgres."""
    iceberg: IcebergSpec | None = None
    """For iceberg-sink."""
    s3: S3SinkSpec | None = None
    """For confluent-s3-sink."""
    config: Mapping[str, str | int | float | bool] = {}
    """Further settings by the connector's own names; those that follow from this declaration are refused."""
    secrets: Mapping[str, str] = {}
    """Setting to the name of a secret: one of ``connect_secrets``, or of ``derived_secrets``."""

    @property
    def is_source(self) -> bool:
        """True when it writes to topics."""
        return self.plugin is Plugin.DEBEZIUM_POSTGRES

    @property
    def writes(self) -> tuple[str, ...]:
        """Topics of the catalogue it writes to, dead letters aside."""
        return tuple(map(self.outbox.topic_of, self.outbox.aggregates)) if self.outbox else ()


class ConnectExternalSpec(Spec):
    """How the REST interface is reached from outside Kubernetes, where Pulumi runs."""

    type: ExternalAccess = ExternalAccess.NONE
    host: str | None = None
    """Name or address of the load balancer. Node ports are on the hosts of kafka.external."""
    port: int = 32083


class EgressSpec(Spec):
    """A destination outside the cluster that connectors need: a database, an object store."""

    cidr: str
    """Addresses: 10.0.0.0/8."""
    port: int
    """TCP port."""


class AutoscalingSpec(Spec):
    """Further workers under load."""

    max_replicas: int
    """Most workers. There are never more than tasks, which more workers couldn't share."""
    cpu_percent: int = 75
    """Use of the requested processor that is aimed at."""


class ConnectSpec(Spec):
    """A distributed Kafka Connect cluster."""

    name: str = "kafka-connect"
    image: ImageSpec
    """Image with Java, Kafka's jars in /opt/kafka/libs, plugins in /opt/kafka/plugins: assets/connect/Dockerfile."""
    replicas: int = 2
    """Workers."""
    autoscaling: AutoscalingSpec | None = None
    resources: ResourcesSpec
    jvm: JvmSpec
    external: ConnectExternalSpec = ConnectExternalSpec()
    egress: tuple[EgressSpec, ...] = ()
    """What the workers may reach besides Kafka, the schema registry and cluster DNS."""
    role_arn: str | None = None
    """IAM role that the workers take at AWS by their service account (IRSA), for lakes and buckets there."""
    avro_converter: AvroConverter = AvroConverter.CONFLUENT
    connectors: tuple[ConnectorSpec, ...] = ()
    derived_secrets: tuple[str, ...] = ()
    """Names of secrets whose values are derived from the master secret, as passwords of Kafka's users are."""
    quota: QuotaSpec = QuotaSpec(producer_bytes_per_second=50 * 2**20, consumer_bytes_per_second=100 * 2**20)
    """Of the Kafka user."""
    credential_generation: int = 1
    """Raise it to get new passwords, of the Kafka user and of the REST interface."""

    @property
    def reads_avro(self) -> bool:
        """True when a connector needs the schema registry."""
        return any(Format.AVRO in (each.key_format, each.value_format) for each in self.connectors)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names of all secrets that connectors refer to, sorted."""
        return tuple(sorted({name for each in self.connectors for name in each.secrets.values()}))
