"""Consoles: web pages that show what is in the cluster."""

from config.base import Size, Spec
from config.image import ImageSpec
from config.kafka import ResourcesSpec
from config.service import QuotaSpec
from versions import CMAK, KAFKA_UI


class KafkaUiImageSpec(ImageSpec):
    """Kafka UI's image."""

    name: str = f"ghcr.io/kafbat/kafka-ui:{KAFKA_UI}"


class CmakImageSpec(ImageSpec):
    """CMAK's image."""

    name: str = f"hlebalbau/kafka-manager:{CMAK}"


class KafkaUiSpec(Spec):
    """Kafka UI (github.com/kafbat/kafka-ui). It sees names, settings, lags and members of everything."""

    image: KafkaUiImageSpec = KafkaUiImageSpec()
    resources: ResourcesSpec = ResourcesSpec(cpu="200m", memory=768 * 2**20)
    heap: Size = 384 * 2**20
    reads: tuple[str, ...] = ()
    """Topics whose records it may show. None are shown unless they are listed: records hold people's data."""
    writes: tuple[str, ...] = ()
    """Topics it may produce to. Empty: the console is read-only, in its own settings and by its ACLs."""
    quota: QuotaSpec = QuotaSpec(producer_bytes_per_second=2**20, consumer_bytes_per_second=10 * 2**20)
    credential_generation: int = 1
    """Raise it to get new passwords towards Kafka and on the login form."""
    stand_in: bool = False
    """For tests of the objects alone: the image is a stand-in. Its container idles, and ``up`` awaits no pod."""


class CmakSpec(Spec):
    """CMAK (github.com/yahoo/CMAK). It is unmaintained, and finds clusters in ZooKeeper only: none that runs KRaft."""

    image: CmakImageSpec = CmakImageSpec()
    resources: ResourcesSpec = ResourcesSpec(cpu="200m", memory=768 * 2**20)
    heap: Size = 384 * 2**20
    zookeeper: str
    """host:port,… of a ZooKeeper it keeps its own state in; this platform runs none."""
    zookeeper_ca: str | None = None
    """PEM of the authority that signed ZooKeeper's certificates."""
    unencrypted_zookeeper: bool = False
    """Talk to ZooKeeper in plain text: without it, ``zookeeper_ca`` is needed."""
    kafka_ports: tuple[int, ...] = (9092,)
    """Ports of the brokers it finds in ZooKeeper, for the network policy."""
    credential_generation: int = 1
    """Raise it to get a new password for its page."""
    stand_in: bool = False
    """For tests of the objects alone: the image is a stand-in. Its container idles, and ``up`` awaits no pod."""


class ConsolesSpec(Spec):
    """Which consoles there are; those that are absent are not deployed."""

    kafka_ui: KafkaUiSpec | None = None
    cmak: CmakSpec | None = None
