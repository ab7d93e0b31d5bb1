"""Labels of every object, by Kubernetes' recommended names."""

from config.literals import POOL_LABEL
from manifests.nodes import Node

CLIENT_LABEL = "kafka.pyairtable.dev/client"
"""Pods that carry it with the value ``true`` may reach the client listeners."""
ZONE_LABEL = "kafka.pyairtable.dev/zone"
BROKER_LABEL = "kafka.pyairtable.dev/broker"
KSQLDB_CLIENT_LABEL = "kafka.pyairtable.dev/ksqldb-client"
"""Pods that carry it with the value ``true`` may reach ksqlDB."""
CONSOLE_CLIENT_LABEL = "kafka.pyairtable.dev/console-client"
"""Pods that carry it with the value ``true``, an ingress controller's for example, may reach the consoles."""

OWNER_ANNOTATION = "kafka.pyairtable.dev/owner"
"""Names the stack a namespace belongs to, without saying anything about it. Another stack applies another value, and
server-side apply refuses that as a field conflict before anything else in the namespace is touched."""


def cluster_labels(cluster: str) -> dict[str, str]:
    """Return the labels that select everything of one cluster."""
    return {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": cluster}


def object_labels(cluster: str) -> dict[str, str]:
    """Return the labels of an object that is no pod."""
    return {
        **cluster_labels(cluster),
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/part-of": "kafka-platform",
    }


def set_labels(node: Node) -> dict[str, str]:
    """Return the labels that select the pods of one StatefulSet."""
    return {**cluster_labels(node.cluster), POOL_LABEL: node.pool.name, ZONE_LABEL: node.zone}


def pod_labels(node: Node) -> dict[str, str]:
    """Return the labels of a node's pod."""
    return {**object_labels(node.cluster), **set_labels(node), BROKER_LABEL: str(node.is_broker).lower()}


def app_labels(app: str, cluster: str) -> dict[str, str]:
    """Return the labels of an application beside a cluster, for all of its objects."""
    return {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/part-of": "kafka-platform",
    }


def app_selector(app: str, cluster: str) -> dict[str, str]:
    """Return the labels that select the pods of one application beside a cluster."""
    return {"app.kubernetes.io/name": app, "app.kubernetes.io/instance": cluster}
