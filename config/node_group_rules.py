"""Machines of a stack at AWS: every pool has some, of the right kind, and its pods have room on them."""

import re
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from typing import Final

from config.aws import AwsSpec, NodeGroupSpec
from config.base import size_text
from config.errors import Problem, dotted, shown, suggestion
from config.instance_types import InstanceType, families, instance_type
from config.kafka import NodePoolSpec
from config.label import LABEL_KEY, LABEL_VALUE
from config.literals import COMPANIONS, NAMESPACE_LABEL, POOL_LABEL, ZONE_LABEL
from config.parts import Parts
from config.platform import PlatformSpec
from config.pods import companion_pods, vcpus
from config.topology import zone_suffix

_RESERVED: Final = re.compile(r"(.+\.)?(kubernetes\.io|k8s\.io|eks\.amazonaws\.com)/")
_OWN: Final = (POOL_LABEL, NAMESPACE_LABEL)
_MOST: Final = 50
"""Labels and taints of a managed node group, docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html"""
_SUFFIX: Final = 8
"""Characters of a hyphen and what Pulumi puts behind it, so that a replacement is there before the old one goes."""


def group_name(cluster: str, group: str, zone: str) -> str:
    """Return the beginning of a managed node group's name: ``kafka-nodes-broker-1a``."""
    return f"{cluster}-nodes-{group}-{zone_suffix(zone)}"


def machines_per_zone(group: NodeGroupSpec, pool: NodePoolSpec | None) -> int:
    """Return how many machines a zone has that has some of a pool; None: of the companions."""
    if group.desired_per_zone is not None:
        return group.desired_per_zone
    return 1 if pool is None else pool.nodes_per_zone


def groups(parts: Parts) -> Iterator[Problem]:
    """Each pool has its group, the companions have one, and there are no others."""
    aws = parts.aws
    if aws is None or parts.kafka is None:
        return
    pools = [pool.name for _, pool in parts.pools()]
    wanted = tuple(dict.fromkeys((*pools, COMPANIONS)))
    names = [group.name for group in aws.node_groups]
    for path, pool in parts.pools():
        if pool.name == COMPANIONS:
            allowed = "aws.node_groups calls so what stands beside the pools"
            yield Problem(f"{path}.name", shown(pool.name), allowed, "choose another name")
    for index, name in enumerate(names):
        at = f"aws.node_groups[{index}].name"
        if name not in wanted:
            yield Problem(at, shown(name), "there is no such pool", suggestion(name, wanted))
        elif name in names[:index]:
            yield Problem(at, shown(name), "it is listed twice", "remove one")
    for name in wanted:
        if name not in names:
            what = "everything beside the pools" if name == COMPANIONS else f"pool {name}"
            yield Problem("aws.node_groups", "", f"{what} has no machines", f"add an entry with name: {name}")
    zone = max(parts.kubernetes.zones if parts.kubernetes else (), key=lambda each: len(zone_suffix(each)), default="")
    for index, name in enumerate(names):
        longest = len(group_name(parts.kafka.name, name, zone)) + _SUFFIX
        if name in wanted and longest > 63:
            allowed = f"the node group {group_name(parts.kafka.name, name, zone)}-0123456 has {longest} characters"
            remedy = "shorten it, or kafka.name"
            yield Problem(f"aws.node_groups[{index}].name", shown(name), f"{allowed}, allowed are 63", remedy)


def machines(parts: Parts) -> Iterator[Problem]:
    """Types are known, of the stack's architecture, with the disks that are asked for."""
    aws = parts.aws
    if aws is None:
        return
    for path, group in _groups(aws):
        name, found = group.instance_type, instance_type(group.instance_type)
        at = f"{path}.instance_type"
        if found is None:
            family = name.partition(".")[0]
            allowed = f"it is a type of the families {', '.join(families(aws.architecture))}"
            if family.startswith("t"):
                allowed = "a type t shares its processor, and brokers slow down when its credits are spent"
            remedy = "choose another type, or add its family to config/instance_types.py"
            yield Problem(at, shown(name), allowed, remedy)
        elif found.architecture is not aws.architecture:
            allowed = f"it is {found.architecture}, and aws.architecture is {aws.architecture}"
            remedy = f"use one of {', '.join(families(aws.architecture)[:6])}…, or set aws.architecture"
            yield Problem(at, shown(name), allowed, remedy)
        elif group.instance_store is not None and not found.nvme:
            allowed = f"{name} has no disks of its own"
            remedy = "use a type with a d, like m7gd, or leave it out"
            yield Problem(f"{path}.instance_store", shown(str(group.instance_store)), allowed, remedy)
        if not 20 * 2**30 <= group.root_volume <= 1024 * 2**30:
            allowed = "allowed are 20Gi to 1Ti: images, logs and emptyDirs"
            yield Problem(f"{path}.root_volume", size_text(group.root_volume), allowed, "correct the value")
    yield from _local_disks(parts, aws)


def _local_disks(parts: Parts, aws: AwsSpec) -> Iterator[Problem]:
    """What is on a machine's own disks is on no EBS volume, and the other way round."""
    with_disks = {group.name for group in aws.node_groups if group.instance_store is not None}
    ebs = aws.storage_class.name if aws.storage_class else None
    for path, pool in parts.pools():
        if pool.name not in with_disks:
            continue
        at, named = f"{path}.storage.storage_class", pool.storage.storage_class
        if named is None or named == ebs:
            value = "" if named is None else shown(named)
            allowed = (
                f"{'it is missing' if named is None else 'it makes EBS volumes'}, and the pool's machines have disks"
            )
            yield Problem(at, value, allowed, "name the class that the local volume provisioner serves")


def counts(parts: Parts) -> Iterator[Problem]:
    """Each zone has as many machines as its Kafka nodes need, and an update leaves some."""
    aws = parts.aws
    if aws is None:
        return
    pools = {pool.name: pool for _, pool in parts.pools()}
    for path, group in _groups(aws):
        desired = machines_per_zone(group, pools.get(group.name))
        if not 1 <= desired <= 50:
            at = f"{path}.desired_per_zone"
            yield Problem(at, shown(group.desired_per_zone), "allowed are 1 to 50", "correct the value")
            continue
        if group.max_per_zone is not None and not desired <= group.max_per_zone <= 100:
            allowed = f"allowed are {desired}, the machines there are, to 100"
            yield Problem(f"{path}.max_per_zone", shown(group.max_per_zone), allowed, "correct the value")
        if not 1 <= group.max_unavailable <= desired:
            allowed = f"allowed are 1 to {desired}, the machines of a zone"
            yield Problem(f"{path}.max_unavailable", shown(group.max_unavailable), allowed, "correct the value")


def labels_and_taints(parts: Parts) -> Iterator[Problem]:
    """Labels and taints are Kubernetes', and leave EKS's and the platform's alone."""
    aws = parts.aws
    if aws is None:
        return
    for path, group in _groups(aws):
        for key, value in group.labels.items():
            yield from _pair(f"{path}.{dotted(['labels', key])}", "label", key, value, shown(value))
        for index, taint in enumerate(group.taints):
            at = f"{path}.taints[{index}]"
            yield from _pair(at, "taint", taint.key, taint.value, shown(f"{taint.key}={taint.value}"))
            if taint in group.taints[:index]:
                yield Problem(at, shown(taint.key), "it is listed twice", "remove one")
        if group.name == COMPANIONS and group.taints and aws.cluster.create:
            allowed = "EKS' own add-ons tolerate none, and a cluster that is made has no other machines for them"
            yield Problem(f"{path}.taints", "a list", allowed, "remove it: pools' machines are kept to them already")
        for field, more in (("labels", 2), ("taints", 1)):
            if len(getattr(group, field)) + more > _MOST:
                allowed = f"EKS takes {_MOST}, and {more} may be the platform's"
                yield Problem(f"{path}.{field}", shown(len(getattr(group, field))), allowed, "remove some")


def _pair(path: str, what: str, key: str, value: str, text: str) -> Iterator[Problem]:
    if not LABEL_KEY.fullmatch(key):
        allowed = f"a {what}'s key has 1 to 63 letters, digits and - _ . between them, perhaps behind a domain and /"
        yield Problem(path, text, allowed, "correct the key")
    elif key in _OWN or key == ZONE_LABEL:
        yield Problem(path, text, "the platform sets this one", "choose another key")
    elif _RESERVED.match(key):
        yield Problem(path, text, "such keys are Kubernetes' and EKS's own", "choose another key")
    elif not LABEL_VALUE.fullmatch(value):
        allowed = f"a {what}'s value has at most 63 letters, digits and - _ . between them"
        yield Problem(path, text, allowed, "correct the value")


def rooms(parts: Parts) -> Iterator[Problem]:
    """A machine has room for the Kafka nodes on it, and a zone's for its part of what stands beside the pools."""
    aws = parts.aws
    if aws is None:
        return
    pools = {pool.name: pool for _, pool in parts.pools()}
    # A request that is no number of cores is told elsewhere.
    with suppress(ValueError):
        for path, group in _groups(aws):
            yield from room_of_group(f"{path}.instance_type", group, pools.get(group.name), parts)


def room_of_group(
    at: str, group: NodeGroupSpec, pool: NodePoolSpec | None, parts: Parts | PlatformSpec
) -> Iterator[Problem]:
    """Yield what has no room on a group's machines; ``pool`` is the one that they are for, None: the companions."""
    name, kind = group.instance_type, instance_type(group.instance_type)
    count = machines_per_zone(group, pool)
    if kind is None or count < 1:
        return
    if pool is not None:
        share = ceil(pool.nodes_per_zone / count)
        needed = (share * vcpus(pool.resources), share * pool.resources.memory)
        what = "a Kafka node" if share == 1 else f"{share} Kafka nodes"
        yield from _room(at, name, kind, needed, f"{what} of pool {pool.name}")
    elif group.name == COMPANIONS:
        yield from _companions(at, name, kind, count, parts)


def _companions(at: str, name: str, kind: InstanceType, count: int, parts: Parts | PlatformSpec) -> Iterator[Problem]:
    pods, zone_count = list(companion_pods(parts)), max(1, len(parts.kubernetes.zones if parts.kubernetes else ()))
    for each in pods:
        yield from _room(at, name, kind, (each.vcpus, each.memory), f"a pod of {each.path}")
    # Pods are spread over the zones evenly.
    share = {each.path: ceil(each.replicas / zone_count) for each in pods}
    cores = sum(share[each.path] * each.vcpus for each in pods)
    memory = sum(share[each.path] * each.memory for each in pods)
    if cores > count * kind.allocatable_vcpus or memory > count * kind.allocatable_memory:
        asks, have = _amounts(cores, memory), _amounts(count * kind.allocatable_vcpus, count * kind.allocatable_memory)
        machines_have = "a machine has" if count == 1 else f"{count} machines have"
        allowed = f"a zone's part of what stands beside the pools asks for {asks}, and {machines_have} {have} for pods"
        yield Problem(at, shown(name), allowed, "use a larger type, or raise desired_per_zone")


def _room(at: str, name: str, kind: InstanceType, needed: tuple[float, int], what: str) -> Iterator[Problem]:
    cores, memory = needed
    if cores > kind.allocatable_vcpus or memory > kind.allocatable_memory:
        has = _amounts(kind.allocatable_vcpus, kind.allocatable_memory)
        allowed = f"{what} asks for {_amounts(cores, memory)}, and a machine has {has} for pods"
        yield Problem(at, shown(name), allowed, "use a larger type")


def _amounts(cores: float, memory: int) -> str:
    return f"cpu {cores:g} and memory {memory // 2**20}Mi"


def _groups(aws: AwsSpec) -> Iterator[tuple[str, NodeGroupSpec]]:
    for index, group in enumerate(aws.node_groups):
        yield f"aws.node_groups[{index}]", group
