"""Machines: one for each Kafka node, shared ones for what stands beside the brokers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from config.base import size_text
from config.errors import ConfigError, Problem
from config.kafka import ResourcesSpec
from config.platform import PlatformSpec
from cost.position import Group, Position, position
from cost.prices import FILE, HOURS, InstancePrice

RESERVED_VCPUS: Final = 0.25
"""Cores of each machine that kubelet, system and daemon sets take."""
RESERVED_MEMORY: Final = 2**30
"""Bytes of each machine that they take."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Equal pods beside the brokers."""

    path: str
    """Where the configuration has their resources."""
    replicas: int
    vcpus: float
    memory: int
    """Bytes."""


def vcpus(resources: ResourcesSpec) -> float:
    """Return a container's request in cores: ``500m`` is 0.5."""
    text = resources.cpu
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def machine(path: str, cores: float, memory: int, instances: Mapping[str, InstancePrice]) -> str:
    """Return the cheapest type of machine that has room for a pod; raises ConfigError when none has."""
    fitting = [name for name, instance in instances.items() if _fits(instance, cores, memory)]
    if not fitting:
        raise ConfigError(
            [
                Problem(
                    f"{path}.resources",
                    f"{cores:g} cores and {size_text(memory)}",
                    "no machine with a price is that large, besides what the system takes",
                    f"add a larger one to cost/{FILE.name}",
                )
            ]
        )
    return min(fitting, key=lambda name: (instances[name].hour, name))


def _fits(instance: InstancePrice, cores: float, memory: int) -> bool:
    return instance.vcpus - RESERVED_VCPUS >= cores and instance.memory - RESERVED_MEMORY >= memory


def node_positions(platform: PlatformSpec, instances: Mapping[str, InstancePrice]) -> Iterator[Position]:
    """Yield the machines of every pool, and those of everything else together."""
    for index, pool in enumerate(platform.kafka.pools):
        path = f"kafka.pools[{index}]"
        kind = machine(path, vcpus(pool.resources), pool.resources.memory, instances)
        count = len(pool.zones) * pool.nodes_per_zone
        yield position(Group.NODES, f"pool {pool.name}", count, kind, instances[kind].hour * HOURS)
    pods = list(companions(platform))
    if pods:
        zones = len(platform.kubernetes.zones)
        kind, count = shared(pods, instances, min(zones, max(each.replicas for each in pods)))
        yield position(Group.NODES, "beside the brokers", count, kind, instances[kind].hour * HOURS)


def companions(platform: PlatformSpec) -> Iterator[Pods]:
    """Yield the pods that have no machine of their own."""
    if registry := platform.schema_registry:
        yield Pods(
            path="schema_registry",
            replicas=registry.replicas,
            vcpus=vcpus(registry.resources) + vcpus(registry.proxy.resources),
            memory=registry.resources.memory + registry.proxy.resources.memory,
        )
    if platform.connect:
        yield _pods("connect", platform.connect.replicas, platform.connect.resources)
    if platform.ksqldb:
        yield _pods("ksqldb", platform.ksqldb.replicas, platform.ksqldb.resources)
    consoles = platform.consoles
    if consoles and consoles.kafka_ui:
        yield _pods("consoles.kafka_ui", 1, consoles.kafka_ui.resources)
    if consoles and consoles.cmak:
        yield _pods("consoles.cmak", 1, consoles.cmak.resources)


def _pods(path: str, replicas: int, resources: ResourcesSpec) -> Pods:
    return Pods(path=path, replicas=replicas, vcpus=vcpus(resources), memory=resources.memory)


def shared(pods: list[Pods], instances: Mapping[str, InstancePrice], least: int) -> tuple[str, int]:
    """Return type and number, ``least`` or more, of the machines that carry all pods for the least money.

    Requests are summed: what is lost because a pod can't be split is left out. Raises ConfigError when a pod fits none.
    """
    for each in pods:
        machine(each.path, each.vcpus, each.memory, instances)
    cores = sum(each.replicas * each.vcpus for each in pods)
    memory = sum(each.replicas * each.memory for each in pods)
    counts = {
        name: max(
            least, ceil(cores / (instance.vcpus - RESERVED_VCPUS)), ceil(memory / (instance.memory - RESERVED_MEMORY))
        )
        for name, instance in instances.items()
        if all(_fits(instance, each.vcpus, each.memory) for each in pods)
    }
    kind = min(counts, key=lambda name: (counts[name] * instances[name].hour, name))
    return kind, counts[kind]
