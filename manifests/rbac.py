"""Permissions inside Kubernetes: for people who operate the cluster; Kafka itself needs none."""

from typing import Any

from config.kafka import KafkaClusterSpec
from manifests.labels import object_labels


def operator_role(spec: KafkaClusterSpec, namespace: str) -> dict[str, Any]:
    """Return what an operator on call may do: look at everything but Secrets, and restart a pod within the budget."""
    return {
        "metadata": _metadata(spec, namespace),
        "rules": [
            {
                "apiGroups": ["", "apps", "policy", "networking.k8s.io"],
                "resources": [
                    "configmaps",
                    "events",
                    "networkpolicies",
                    "persistentvolumeclaims",
                    "poddisruptionbudgets",
                    "pods",
                    "pods/log",
                    "services",
                    "statefulsets",
                ],
                "verbs": ["get", "list", "watch"],
            },
            {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        ],
    }


def operator_role_binding(spec: KafkaClusterSpec, namespace: str) -> dict[str, Any]:
    """Bind the role to the group ``kafka-operators`` of the cluster's identity provider."""
    return {
        "metadata": _metadata(spec, namespace),
        "role_ref": {"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": f"{spec.name}-operator"},
        "subjects": [{"api_group": "rbac.authorization.k8s.io", "kind": "Group", "name": "kafka-operators"}],
    }


def _metadata(spec: KafkaClusterSpec, namespace: str) -> dict[str, Any]:
    return {"name": f"{spec.name}-operator", "namespace": namespace, "labels": object_labels(spec.name)}
