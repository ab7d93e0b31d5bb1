"""The cluster: node pools, storage, JVM, listeners, TLS."""

from collections.abc import Mapping
from datetime import timedelta

from config.base import Duration, Size, Spec
from config.literals import ExternalAccess, Role, ScramMechanism
from versions import KAFKA


class StorageSpec(Spec):
    """The data volume of each node of a pool."""

    size: Size
    """Bytes of each volume; may grow in place, never shrink."""
    storage_class: str | None = None
    """StorageClass; None takes the cluster's default one."""
    retain: bool = True
    """Keep (and protect) the volumes when the stack is destroyed."""


class ResourcesSpec(Spec):
    """Container resources of each node of a pool."""

    cpu: str
    """CPU request, in Kubernetes' notation. Brokers get no CPU limit unless asked: throttling shows as latency."""
    memory: Size
    """Memory request and limit in bytes: heap, off-heap and page cache."""
    cpu_limit: str | None = None


class JvmSpec(Spec):
    """JVM of each node of a pool."""

    heap: Size
    """-Xms and -Xmx in bytes."""
    gc: str = "G1"
    """Garbage collector: G1 or Serial (small heaps of the lab)."""
    options: tuple[str, ...] = ()
    """Further JVM flags, one argument each."""


class NodePoolSpec(Spec):
    """Nodes of one shape: one StatefulSet per zone."""

    name: str
    roles: frozenset[Role]
    zones: tuple[str, ...]
    """Zones in the order in which a change rolls through them."""
    nodes_per_zone: int = 1
    first_node_id: int
    """Node id of replica 0 in the first zone; zone i, replica r has ``first_node_id + i + 100 * r``."""
    storage: StorageSpec
    resources: ResourcesSpec
    jvm: JvmSpec
    tolerations: tuple[Mapping[str, str], ...] = ()
    node_selector: Mapping[str, str] = {}


class ExternalListenerSpec(Spec):
    """How clients outside Kubernetes reach the brokers: SCRAM on one set of ports, mutual TLS on the other."""

    type: ExternalAccess = ExternalAccess.NONE
    hosts: Mapping[str, str] = {}
    """Zone to the host name or address that is advertised for the brokers of that zone."""
    bootstrap_port: int = 32100
    first_broker_port: int = 32101
    """Broker with node id n is advertised at ``first_broker_port + n - lowest broker id``."""
    mtls_bootstrap_port: int = 32200
    mtls_first_broker_port: int = 32201


class TlsSpec(Spec):
    """Lifetimes of the certificates made by pulumi-tls."""

    ca_validity: Duration = timedelta(days=3650)
    leaf_validity: Duration = timedelta(days=365)
    leaf_renewal: Duration = timedelta(days=60)
    """A leaf is reissued by the first ``up`` this long before it expires."""


class KafkaClusterSpec(Spec):
    """One KRaft cluster."""

    name: str = "kafka"
    version: str = KAFKA
    """Release of Kafka that the image holds; the platform's settings are those of versions.py's."""
    image: str
    """Image with Java, and Kafka's jars in /opt/kafka/libs. By digest in protected stacks, see ``image_digest``."""
    cluster_id: str
    """22 characters of URL-safe base64 (a UUID); it never changes in the life of a cluster."""
    pools: tuple[NodePoolSpec, ...]
    replication_factor: int = 3
    """Default of topics and of Kafka's internal topics."""
    min_insync_replicas: int = 2
    scram_mechanism: ScramMechanism = ScramMechanism.SCRAM_SHA_512
    external: ExternalListenerSpec = ExternalListenerSpec()
    tls: TlsSpec = TlsSpec()
    broker_config: Mapping[str, str | int | float | bool] = {}
    """Further broker settings by their Kafka name; those that the platform itself owns are refused."""
    client_namespaces: tuple[str, ...] = ()
    """Namespaces whose pods may reach the client listeners, besides the cluster's own."""
    termination_grace: Duration = timedelta(seconds=120)
    """How long a controlled shutdown may take before the node is killed."""
