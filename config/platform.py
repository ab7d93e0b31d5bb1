"""The whole typed tree of one stack."""

from config.aws import AwsSpec
from config.backup import BackupSpec
from config.base import Spec
from config.connect import ConnectSpec
from config.consoles import ConsolesSpec
from config.kafka import KafkaClusterSpec
from config.ksqldb import KsqlDbSpec
from config.schema_registry import SchemaRegistrySpec
from config.service import ServiceSpec
from config.topic import TopicSpec


class KubernetesSpec(Spec):
    """The Kubernetes the stack goes to."""

    context: str | None = None
    """Context in the kubeconfig; the environment's KUBE_CONTEXT goes before it. None: the embedded lab."""
    namespace: str = "kafka"
    zones: tuple[str, ...]
    """Values of topology.kubernetes.io/zone that the nodes carry."""


class PlatformSpec(Spec):
    """Everything one stack is made of, checked as a whole."""

    stack: str
    protect: bool = True
    """Protect topics, volumes and CAs from deletion; lifted by name."""
    kubernetes: KubernetesSpec
    kafka: KafkaClusterSpec
    schema_registry: SchemaRegistrySpec | None = None
    """None: not deployed."""
    topics: tuple[TopicSpec, ...]
    services: tuple[ServiceSpec, ...]
    connect: ConnectSpec | None = None
    """None: no Kafka Connect."""
    ksqldb: KsqlDbSpec | None = None
    """None: no ksqlDB."""
    consoles: ConsolesSpec | None = None
    """None: no consoles."""
    backup: BackupSpec | None = None
    """None: no backups."""
    aws: AwsSpec | None = None
    """None: machines, network and load balancers are somebody else's."""
    allow_data_loss: tuple[str, ...] = ()
    """Topics that may be removed, shrunk or made anew; everything else is refused in the preview."""
