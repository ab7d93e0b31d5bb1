"""What of a stack runs in containers, where the configuration says how large they are, and whose container is whose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from advice.change import Location
from config.errors import dotted
from config.kafka import ResourcesSpec
from config.literals import CMAK_SERVICE, KAFKA_UI_SERVICE, KSQLDB_SERVICE, POOL_LABEL, Role
from config.platform import PlatformSpec
from manifests.connect_objects import APP as CONNECT_APP
from manifests.schema_registry import NAME as REGISTRY_APP

_APP = "app.kubernetes.io/name"


@dataclass(frozen=True, kw_only=True)
class Component:
    """Equal containers."""

    location: Location
    """Where the configuration has them; ``resources`` is below it."""
    resources: ResourcesSpec
    heap: int | None
    """Bytes of the JVM's heap; None: it is no JVM."""
    heap_location: Location = ()
    equals: int
    """How many share the load, so that the others have it when one is away; 1: nobody takes it over."""
    replicas: int | None = None
    """How many there are, where a key says it."""
    most: int | None = None
    """More than these would have nothing to do; None: there is no such number."""
    stores: bool = False
    """True for brokers: their memory is page cache as well."""

    @property
    def path(self) -> str:
        """The location as a path."""
        return dotted(self.location)


def components(platform: PlatformSpec) -> Iterator[Component]:
    """Yield everything that runs."""
    for index, pool in enumerate(platform.kafka.pools):
        broker = Role.BROKER in pool.roles
        yield Component(
            location=("kafka", "pools", index),
            resources=pool.resources,
            heap=pool.jvm.heap,
            heap_location=("kafka", "pools", index, "jvm", "heap"),
            # The active controller has all of the work, the others follow it.
            equals=len(pool.zones) if broker else 1,
            stores=broker,
        )
    if registry := platform.schema_registry:
        yield Component(
            location=("schema_registry",),
            resources=registry.resources,
            heap=registry.jvm.heap,
            heap_location=("schema_registry", "jvm", "heap"),
            equals=registry.replicas,
            replicas=registry.replicas,
        )
        proxy = registry.proxy.resources
        yield Component(location=("schema_registry", "proxy"), resources=proxy, heap=None, equals=registry.replicas)
    if connect := platform.connect:
        yield Component(
            location=("connect",),
            resources=connect.resources,
            heap=connect.jvm.heap,
            heap_location=("connect", "jvm", "heap"),
            equals=connect.replicas,
            # An autoscaler decides otherwise.
            replicas=None if connect.autoscaling else connect.replicas,
            most=sum(each.tasks for each in connect.connectors),
        )
    if ksqldb := platform.ksqldb:
        location: Location = ("ksqldb", "heap")
        yield Component(
            location=("ksqldb",),
            resources=ksqldb.resources,
            heap=ksqldb.heap,
            heap_location=location,
            equals=ksqldb.replicas,
        )
    consoles = platform.consoles
    for name, console in (("kafka_ui", consoles and consoles.kafka_ui), ("cmak", consoles and consoles.cmak)):
        if console:
            yield Component(
                location=("consoles", name),
                resources=console.resources,
                heap=console.heap,
                heap_location=("consoles", name, "heap"),
                equals=1,
            )


def path_of(platform: PlatformSpec, labels: Mapping[str, str], container: str) -> str | None:
    """Return the path of a container of the stack's namespace by its pod's labels; None: it is none of them."""
    app = labels.get(_APP)
    if app == "kafka" and container == "kafka":
        pools = [pool.name for pool in platform.kafka.pools]
        pool = labels.get(POOL_LABEL)
        return f"kafka.pools[{pools.index(pool)}]" if pool in pools else None
    return _BESIDE.get((app or "", container))


_BESIDE: Mapping[tuple[str, str], str] = {
    (REGISTRY_APP, REGISTRY_APP): "schema_registry",
    (REGISTRY_APP, "proxy"): "schema_registry.proxy",
    (CONNECT_APP, CONNECT_APP): "connect",
    (KSQLDB_SERVICE, "ksqldb"): "ksqldb",
    (KAFKA_UI_SERVICE, KAFKA_UI_SERVICE): "consoles.kafka_ui",
    (CMAK_SERVICE, CMAK_SERVICE): "consoles.cmak",
}
"""App and container to path."""
