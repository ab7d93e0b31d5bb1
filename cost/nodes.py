"""Machines: one for each Kafka node, shared ones for what stands beside the brokers."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final

from config.aws import AwsSpec
from config.base import size_text
from config.errors import ConfigError, Problem, shown
from config.instance_types import RESERVED_VCPUS
from config.literals import COMPANIONS
from config.node_group_rules import machines_per_zone
from config.platform import PlatformSpec
from config.pods import Pods, companion_pods, vcpus
from cost.position import Group, Position, position
from cost.prices import FILE, HOURS, InstancePrice

RESERVED_MEMORY: Final = 2**30
"""Bytes of each machine that they take."""


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
    """Yield the machines of every pool, and those of everything else together.

    With an aws section they are the ones it names; raises ConfigError for a type without a price.
    """
    if platform.aws is not None:
        yield from _groups(platform, platform.aws, instances)
        return
    for index, pool in enumerate(platform.kafka.pools):
        path = f"kafka.pools[{index}]"
        kind = machine(path, vcpus(pool.resources), pool.resources.memory, instances)
        count = len(pool.zones) * pool.nodes_per_zone
        yield position(Group.NODES, f"pool {pool.name}", count, kind, instances[kind].hour * HOURS)
    pods = list(companion_pods(platform))
    if pods:
        zones = len(platform.kubernetes.zones)
        kind, count = shared(pods, instances, min(zones, max(each.replicas for each in pods)))
        yield position(Group.NODES, "beside the brokers", count, kind, instances[kind].hour * HOURS)


def _groups(platform: PlatformSpec, aws: AwsSpec, instances: Mapping[str, InstancePrice]) -> Iterator[Position]:
    for name, count in machine_counts(platform, aws).items():
        kind = aws.group(name).instance_type
        if kind not in instances:
            index = [group.name for group in aws.node_groups].index(name)
            remedy = f"add it to cost/{FILE.name}"
            problem = Problem(f"aws.node_groups[{index}].instance_type", shown(kind), "it has no price", remedy)
            raise ConfigError([problem])
        label = "beside the brokers" if name == COMPANIONS else f"pool {name}"
        yield position(Group.NODES, label, count, kind, instances[kind].hour * HOURS)


def machine_counts(platform: PlatformSpec, aws: AwsSpec) -> dict[str, int]:
    """Return how many machines each group has in all zones, before an autoscaler makes more of them."""
    counts = {
        pool.name: len(pool.zones) * machines_per_zone(aws.group(pool.name), pool) for pool in platform.kafka.pools
    }
    beside = len(platform.kubernetes.zones) * machines_per_zone(aws.group(COMPANIONS), None)
    return {**counts, COMPANIONS: beside}


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
