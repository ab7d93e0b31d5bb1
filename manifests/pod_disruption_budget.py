"""The budget for voluntary disruptions."""

from typing import Any

from manifests.labels import cluster_labels, object_labels
from manifests.nodes import Topology
from manifests.unsafe import UnsafeManifest


def pod_disruption_budget(topology: Topology) -> dict[str, Any]:
    """Return a budget of one over all pools: quorum and ISR each bear one node away.

    A single replica or a single controller is bare by choice, and nothing could be drained if it counted. Raises
    UnsafeManifest where several are asked for that still bear none away.
    """
    spec = topology.spec
    if spec.replication_factor > 1 and spec.min_insync_replicas >= spec.replication_factor:
        raise UnsafeManifest(
            f"a disruption budget of 1 would stop every acks=all producer: min_insync_replicas is "
            f"{spec.min_insync_replicas} of {spec.replication_factor} replicas; allowed are at most "
            f"{spec.replication_factor - 1}"
        )
    if len(topology.controllers) == 2:
        raise UnsafeManifest(
            "a disruption budget of 1 would take the quorum's majority: it has 2 controllers; allowed are 1, 3, 5 or 7"
        )
    return {
        "metadata": {"name": spec.name, "namespace": topology.namespace, "labels": object_labels(spec.name)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": cluster_labels(spec.name)},
            # A broker that crashes in a loop must not block draining the machine it crashes on.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
