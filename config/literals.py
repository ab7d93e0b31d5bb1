"""Closed sets, ports and names that several parts must agree on. Changing one here changes it everywhere."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a node does; a node with both roles is combined (KIP-500)."""

    BROKER = "broker"
    CONTROLLER = "controller"


class Compression(StrEnum):
    """``compression.type`` of a topic."""

    PRODUCER = "producer"
    NONE = "uncompressed"
    GZIP = "gzip"
    SNAPPY = "snappy"
    LZ4 = "lz4"
    ZSTD = "zstd"


class CleanupPolicy(StrEnum):
    """``cleanup.policy`` of a topic."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_DELETE = "compact,delete"


class ScramMechanism(StrEnum):
    """SASL mechanism of the password listeners (RFC 5802, RFC 7677)."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class ExternalAccess(StrEnum):
    """How clients outside Kubernetes reach the brokers."""

    NONE = "none"
    NODE_PORT = "node-port"
    LOAD_BALANCER = "load-balancer"


class RegistryImplementation(StrEnum):
    """Which program keeps the schemas; clients see the same Confluent API."""

    CONFLUENT = "confluent"
    APICURIO = "apicurio"


class Listener(StrEnum):
    """Listener names as they stand in ``listeners`` of server.properties."""

    CONTROLLER = "CONTROLLER"
    REPLICATION = "REPLICATION"
    INTERNAL = "INTERNAL"
    MTLS = "MTLS"
    EXTERNAL = "EXTERNAL"
    EXTERNALMTLS = "EXTERNALMTLS"


PORTS: Final[dict[Listener, int]] = {
    Listener.CONTROLLER: 9090,
    Listener.REPLICATION: 9091,
    Listener.INTERNAL: 9092,
    Listener.MTLS: 9093,
    Listener.EXTERNAL: 9094,
    Listener.EXTERNALMTLS: 9095,
}
"""Container port of each listener. 9092 is the platform document's ``kafka-service:9092``."""

READINESS_PORT: Final = 9404
"""Port of the readiness agent's HTTP ``/ready`` and ``/live`` in each Kafka pod."""

PROJECT: Final = "kafka-platform"
"""Pulumi project, configuration namespace and first part of every component's type token."""

DEAD_LETTERS: Final = "pyairtable.dlq.events"
"""Topic of the records that a service can't process."""
ADMIN_USER: Final = "admin"
"""Super user of the platform itself; its credential is written when the disks are formatted."""
NODE_PRINCIPAL: Final = "kafka-node"
"""Principal every broker and controller has towards the others: the CN of its certificate."""
CONNECT_USER: Final = "connect"
"""Kafka user and worker group of Kafka Connect; what Kafka Connect itself names in Kafka begins with it."""
KSQLDB_USER: Final = "ksqldb"
"""Kafka user of the ksqlDB servers."""
KAFKA_UI_USER: Final = "kafka-ui"
"""Kafka user of Kafka UI."""
SCHEMA_REGISTRY_USER: Final = "schema-registry"
"""Kafka user of the schema registry, and the beginning of its groups."""
RESERVED_USERS: Final = frozenset(
    {ADMIN_USER, NODE_PRINCIPAL, "ANONYMOUS", CONNECT_USER, KSQLDB_USER, KAFKA_UI_USER, SCHEMA_REGISTRY_USER}
)
"""Names no service may have: they are super users, Kafka's own, or parts of the platform."""

BOOTSTRAP_SERVICE: Final = "kafka-service"
"""ClusterIP service of the internal listeners, named as in the platform document."""
HEADLESS_SERVICE: Final = "kafka-headless"
KSQLDB_SERVICE: Final = "ksqldb-server"
"""Service of ksqlDB's HTTP listener, named as in the platform document."""
KSQLDB_PORT: Final = 8088
KSQLDB_INTERNAL_PORT: Final = 8089
"""Port on which ksqlDB servers talk among themselves."""
KAFKA_UI_SERVICE: Final = "kafka-ui"
KAFKA_UI_PORT: Final = 8080
CMAK_SERVICE: Final = "kafka-manager"
"""CMAK's former name, as in the platform document."""
CMAK_PORT: Final = 9000
EXTERNAL_BOOTSTRAP_SERVICE: Final = "kafka-external"
SCHEMA_REGISTRY_SERVICE: Final = "schema-registry-service"
"""ClusterIP service of the schema registry, named as in the platform document."""
SCHEMA_REGISTRY_PORT: Final = 8081
"""Port of that service, HTTPS."""
CONNECT_SERVICE: Final = "kafka-connect-service"
"""ClusterIP service of Kafka Connect's REST interface, named as in the platform document."""
CONNECT_HEADLESS_SERVICE: Final = "kafka-connect-headless"
CONNECT_EXTERNAL_SERVICE: Final = "kafka-connect-external"
CONNECT_PORT: Final = 8083
BACKUP_PROBE: Final = ".probe"
"""Folder, below that of the backups, of objects that show that the store works."""
EKS_ADDONS: Final = ("vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver")
"""Add-ons of an EKS cluster that the program makes: network, Services, DNS, volumes."""
COMPANIONS: Final = "companions"
"""Name of the node group that everything beside the pools runs on; no pool is called so where there are groups."""
POOL_LABEL: Final = "kafka.pyairtable.dev/pool"
"""Pool of a pod, and of a machine that is for a pool alone; the key of such a machine's taint, too."""
NAMESPACE_LABEL: Final = "kafka.pyairtable.dev/namespace"
"""Namespace that a machine is for: two stacks on one cluster have pools of the same name."""
ZONE_LABEL: Final = "topology.kubernetes.io/zone"

PULUMI_SECRET: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the engine's mark of a secret, none itself
"""Key of the mapping in which Pulumi wraps a secret, however it is encrypted (sdk/go/common/resource/sig, ``Key``)."""
