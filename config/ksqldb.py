"""ksqlDB: servers, their state, what they may read and write, and the pod with its CLI."""

from config.base import Size, Spec
from config.image import ImageSpec
from config.kafka import ResourcesSpec
from config.service import QuotaSpec
from versions import KSQLDB


class KsqlDbImageSpec(ImageSpec):
    """The servers' image: of Confluent Platform 8, whose paths and class names the platform uses."""

    name: str = f"confluentinc/cp-ksqldb-server:{KSQLDB}"


class KsqlDbCliImageSpec(ImageSpec):
    """The CLI's image, of the same release."""

    name: str = f"confluentinc/cp-ksqldb-cli:{KSQLDB}"


class KsqlDbStorageSpec(Spec):
    """A volume for a server's state. It is a cache: a lost one is rebuilt from the changelog topics."""

    size: Size
    """Bytes of each server's volume; may grow in place, never shrink."""
    storage_class: str | None = None
    """StorageClass; None takes the cluster's default one."""


class KsqlDbSpec(Spec):
    """An interactive ksqlDB cluster. Absent: there is none."""

    image: KsqlDbImageSpec = KsqlDbImageSpec()
    cli_image: KsqlDbCliImageSpec = KsqlDbCliImageSpec()
    service_id: str = "pyairtable_"
    """``ksql.service.id``: part of the names of all internal topics, groups and transactional ids; never changed."""
    replicas: int = 2
    """Servers, spread over the zones."""
    resources: ResourcesSpec = ResourcesSpec(cpu="500m", memory=2 * 2**30)
    heap: Size = 1280 * 2**20
    """-Xms and -Xmx in bytes; RocksDB's memory comes on top."""
    storage: KsqlDbStorageSpec | None = None
    """None: the state is in an emptyDir and is rebuilt when a pod moves; a volume keeps it, and the pod to its zone."""
    state_limit: Size = 10 * 2**30
    """Bytes an emptyDir may hold before its pod is evicted; without meaning where ``storage`` is set."""
    consumes: tuple[str, ...] = ()
    """Topics of the catalogue that queries may read."""
    produces: tuple[str, ...] = ()
    """Topics of the catalogue that queries may write."""
    output_topic_prefix: str | None = None
    """Queries may create, read, write and drop topics whose name starts so (``ksql.output.topic.name.prefix``).

    None: queries write only what ``produces`` lists.
    """
    clients: tuple[str, ...] = ()
    """Services, by id, that get a user and password for the HTTP listener."""
    quota: QuotaSpec
    """Of all servers together: they are one Kafka user."""
    credential_generation: int = 1
    """Raise it to get new passwords towards Kafka and on the HTTP listener."""
    stand_in: bool = False
    """For tests of the objects alone: the image is a stand-in. Its containers idle, and ``up`` awaits no pod."""
