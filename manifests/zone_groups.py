"""Which machines there are: every pool's in every zone, and which of them a pool's pods go to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.aws import AwsSpec, NodeGroupSpec, TaintSpec
from config.kafka import KafkaClusterSpec, NodePoolSpec
from config.literals import COMPANIONS, NAMESPACE_LABEL, POOL_LABEL
from config.node_group_rules import group_name, machines_per_zone
from manifests.nodes import Topology
from manifests.placement import Placement


@dataclass(frozen=True, kw_only=True)
class ZoneGroup:
    """The machines of one group in one zone."""

    name: str
    """Beginning of its name at AWS: ``kafka-nodes-broker-1a``."""
    group: NodeGroupSpec
    zone: str
    desired: int
    """Machines; 0 where the zone has no Kafka node of the pool."""
    labels: Mapping[str, str]
    taints: tuple[TaintSpec, ...]

    @property
    def most(self) -> int:
        """Most machines; EKS takes no group that may have none."""
        return max(self.group.max_per_zone or 0, self.desired, 1)


def zone_groups(aws: AwsSpec, topology: Topology, zones: Sequence[str]) -> tuple[ZoneGroup, ...]:
    """Return every group in every zone: pools in the order in which they roll, then the companions.

    A zone without a Kafka node of a pool gets that pool's group too, empty: a broker that is added there later finds
    its machines, and nobody has to know which zones had them first.
    """
    pools: tuple[NodePoolSpec | None, ...] = (*topology.pools, None)
    return tuple(_zone_group(aws, topology, pool, zone) for pool in pools for zone in zones)


def _zone_group(aws: AwsSpec, topology: Topology, pool: NodePoolSpec | None, zone: str) -> ZoneGroup:
    group = aws.group(pool.name if pool else COMPANIONS)
    return ZoneGroup(
        name=group_name(topology.spec.name, group.name, zone),
        group=group,
        zone=zone,
        desired=machines_per_zone(group, pool) if pool is None or zone in pool.zones else 0,
        labels={**group.labels, **_labels(group, topology.namespace)},
        taints=_taints(group, pool),
    )


def _taints(group: NodeGroupSpec, pool: NodePoolSpec | None) -> tuple[TaintSpec, ...]:
    """Machines of a pool are for its pods alone; those of the companions are for everybody, unless they are tainted."""
    own = () if pool is None else (TaintSpec(key=POOL_LABEL, value=pool.name),)
    return (*own, *group.taints)


def placed(kafka: KafkaClusterSpec, aws: AwsSpec, namespace: str) -> KafkaClusterSpec:
    """Return the cluster with pods that select the machines of their pool and tolerate their taints."""
    return kafka.model_copy(update={"pools": tuple(_placed(pool, aws, namespace) for pool in kafka.pools)})


def _placed(pool: NodePoolSpec, aws: AwsSpec, namespace: str) -> NodePoolSpec:
    found = _placement(aws.group(pool.name), pool, namespace)
    return pool.model_copy(
        update={
            "node_selector": {**pool.node_selector, **found.node_selector},
            "tolerations": (*pool.tolerations, *found.tolerations),
        }
    )


def companion_placement(aws: AwsSpec, namespace: str) -> Placement:
    """Return where the pods beside the pools go."""
    return _placement(aws.group(COMPANIONS), None, namespace)


def _placement(group: NodeGroupSpec, pool: NodePoolSpec | None, namespace: str) -> Placement:
    return Placement(
        node_selector=_labels(group, namespace),
        tolerations=tuple(
            {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect.value}
            for taint in _taints(group, pool)
        ),
    )


def _labels(group: NodeGroupSpec, namespace: str) -> dict[str, str]:
    return {POOL_LABEL: group.name, NAMESPACE_LABEL: namespace}
