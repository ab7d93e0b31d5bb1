"""Clusters for tests: valid ones, in the shapes that differ."""

from collections.abc import Mapping
from typing import Any

from config.build import merge
from config.kafka import KafkaClusterSpec

ZONES = ("az-a", "az-b", "az-c")
HOSTS: Mapping[str, str] = {"az-a": "198.18.0.2", "az-b": "kafka-b.example.org", "az-c": "198.18.0.4"}

_POOL: Mapping[str, Any] = {
    "name": "broker",
    "roles": ["broker", "controller"],
    "zones": list(ZONES),
    "first_node_id": 0,
    "storage": {"size": "10Gi", "retain": False},
    "resources": {"cpu": "2", "memory": "6Gi"},
    "jvm": {"heap": "4Gi"},
}
_CLUSTER: Mapping[str, Any] = {
    "version": "4.1.1",
    "image": "registry.example.org/kafka:4.1.1",
    "cluster_id": "a2Fma2EtcGxhdGZvcm0tZA",
    "external": {"type": "node-port", "hosts": dict(HOSTS)},
}


def pool(**changes: Any) -> dict[str, Any]:
    """A node pool of combined nodes in three zones, with changes laid over it."""
    return dict(merge(_POOL, changes))


def combined(*, pool_changes: Mapping[str, Any] | None = None, **changes: Any) -> KafkaClusterSpec:
    """Three combined nodes in three zones, reached by node ports."""
    return KafkaClusterSpec.model_validate(merge({**_CLUSTER, "pools": [pool(**(pool_changes or {}))]}, changes))


def dedicated(**changes: Any) -> KafkaClusterSpec:
    """Three controllers and two pools of brokers, one of them with two nodes in each of two zones.

    The brokers come first in the configuration: the order of the roll must not follow from that.
    """
    pools = [
        pool(name="broker", roles=["broker"], first_node_id=0),
        pool(name="bulk", roles=["broker"], zones=["az-a", "az-b"], nodes_per_zone=2, first_node_id=10),
        pool(name="controller", roles=["controller"], first_node_id=1000, jvm={"heap": "512Mi", "gc": "Serial"}),
    ]
    return KafkaClusterSpec.model_validate(merge({**_CLUSTER, "pools": pools}, changes))
