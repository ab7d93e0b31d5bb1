"""The budget for voluntary disruptions."""

from typing import Any

from config.kafka import KafkaClusterSpec
from manifests.labels import cluster_labels, object_labels


class UnsafeManifest(ValueError):
    """An object that would put data or availability at risk."""


def pod_disruption_budget(spec: KafkaClusterSpec, namespace: str) -> dict[str, Any]:
    """Return a budget of one over all pools: quorum and ISR each bear one node away.

    Raises UnsafeManifest when the replication factor leaves no room for even one.
    """
    if spec.replication_factor - spec.min_insync_replicas < 1 and spec.replication_factor > 1:
        raise UnsafeManifest(
            f"min_insync_replicas {spec.min_insync_replicas} of {spec.replication_factor} replicas bears no disruption"
        )
    return {
        "metadata": {"name": spec.name, "namespace": namespace, "labels": object_labels(spec.name)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": cluster_labels(spec.name)},
            # A broker that crashes in a loop must not block draining the machine it crashes on.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
