"""Kubernetes objects that belong to the lab: rights of its components, its storage class."""

from typing import Any, Final

from lab.api import Api
from lab.plan import STORAGE_CLASS

PROVISIONER: Final = "lab.local/zone-directory"
"""Name by which a storage class asks for the lab's provisioner."""

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"


def _binding(name: str, role: str, user: str) -> tuple[str, dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    return f"{_RBAC}/clusterrolebindings/{name}", {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def _role(name: str, rules: list[tuple[str, list[str], list[str]]]) -> tuple[str, dict[str, Any]]:
    return f"{_RBAC}/clusterroles/{name}", {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources, verbs in rules],
    }


def objects() -> list[tuple[str, dict[str, Any]]]:
    """Return every object with the path it is applied to."""
    read = ["get", "list", "watch"]
    change = [*read, "create", "update", "patch", "delete"]
    return [
        # The API server makes it too, but seconds later; its uid is what tells one cluster from another.
        (
            "/api/v1/namespaces/kube-system",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}},
        ),
        _binding("lab:apiserver-kubelet-client", "system:kubelet-api-admin", "kube-apiserver-kubelet-client"),
        _role(
            "lab:coredns",
            [
                ("", ["services", "pods", "namespaces", "endpoints"], ["list", "watch"]),
                ("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
            ],
        ),
        _binding("lab:coredns", "lab:coredns", "lab:coredns"),
        _role(
            "lab:provisioner",
            [
                ("", ["persistentvolumes"], change),
                ("", ["persistentvolumes/status"], ["update", "patch"]),
                ("", ["persistentvolumeclaims"], [*read, "update", "patch"]),
                ("", ["persistentvolumeclaims/status"], ["update", "patch"]),
                ("", ["nodes", "pods", "namespaces"], read),
                ("storage.k8s.io", ["storageclasses"], read),
                ("", ["events"], ["create", "update", "patch"]),
                ("events.k8s.io", ["events"], ["create", "update", "patch"]),
            ],
        ),
        _binding("lab:provisioner", "lab:provisioner", "lab:provisioner"),
        _role(
            "lab:balancers",
            [
                ("", ["services", "nodes"], ["list", "watch"]),
                ("", ["services/status"], ["patch"]),
                ("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
            ],
        ),
        _binding("lab:balancers", "lab:balancers", "lab:balancers"),
        (
            f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {
                    "name": STORAGE_CLASS,
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": PROVISIONER,
                "reclaimPolicy": "Delete",
                "volumeBindingMode": "WaitForFirstConsumer",
                "allowVolumeExpansion": True,
            },
        ),
    ]


def apply(api: Api) -> None:
    """Make the lab's objects so."""
    for path, document in objects():
        api.apply(path, document)
