"""The StatefulSet of one pool in one zone, with its volume claims."""

import json
from datetime import timedelta
from typing import Any

from config.literals import HEADLESS_SERVICE, PORTS, READINESS_PORT, ZONE_LABEL
from manifests import paths
from manifests.labels import cluster_labels, object_labels, pod_labels, set_labels
from manifests.nodes import Node, Topology
from manifests.pod import CONTAINER_SECURITY, container_resources, pod_security, quantity
from manifests.server_properties import listeners

_DATA_VOLUME = "data"


def claim_name(node: Node) -> str:
    """Return the name the StatefulSet looks for its claim by."""
    return f"{_DATA_VOLUME}-{node.pod}"


def persistent_volume_claim(node: Node) -> dict[str, Any]:
    """Return a node's claim, to be made before the StatefulSet, which then adopts it."""
    return {
        "metadata": {
            "name": claim_name(node),
            "namespace": node.namespace,
            "labels": {**object_labels(node.cluster), **set_labels(node)},
            # It is bound when its pod is scheduled; waiting for that here would wait forever.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": _claim_spec(node),
    }


def _claim_spec(node: Node) -> dict[str, Any]:
    storage = node.pool.storage
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": quantity(storage.size)}},
        **({"storageClassName": storage.storage_class} if storage.storage_class else {}),
    }


def stateful_set(nodes: tuple[Node, ...], topology: Topology, names: dict[str, str], checksum: Any) -> dict[str, Any]:
    """Return the StatefulSet of ``nodes``, which share pool and zone.

    ``names`` gives the names of the ConfigMaps and Secrets (config, runtime, keys, agent, trust, format); ``checksum``
    may be an Output and changes when a pod has to be replaced.
    """
    node = nodes[0]
    return {
        "metadata": {
            "name": node.stateful_set,
            "namespace": node.namespace,
            "labels": {**object_labels(node.cluster), **set_labels(node)},
            "annotations": {"pulumi.com/waitFor": rolled_out(len(nodes))},
        },
        "spec": {
            "serviceName": HEADLESS_SERVICE,
            "replicas": len(nodes),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": set_labels(node)},
            "template": {
                "metadata": {
                    "labels": pod_labels(node),
                    "annotations": {"kafka.pyairtable.dev/checksum": checksum},
                },
                "spec": _pod_spec(node, topology, names),
            },
            "volumeClaimTemplates": [{"metadata": {"name": _DATA_VOLUME}, "spec": _claim_spec(node)}],
        },
    }


def rolled_out(replicas: int) -> str:
    """Return what Pulumi waits for: every pod is of the latest revision, and ready.

    Pods of both revisions count as current and as updated only when both revisions are one. The provider's own rule
    for StatefulSets takes a status that doesn't know of the change yet for the result of it
    (github.com/pulumi/pulumi-kubernetes/pull/4094), and the next zone would go down with this one; conditions given
    here are compared with ``observedGeneration`` first.
    """
    fields = ("updatedReplicas", "currentReplicas", "readyReplicas")
    return json.dumps([f"jsonpath={{.status.{field}}}={replicas}" for field in fields])


def _pod_spec(node: Node, topology: Topology, names: dict[str, str]) -> dict[str, Any]:
    pool = node.pool
    return {
        "serviceAccountName": topology.spec.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": topology.spec.termination_grace // timedelta(seconds=1),
        "securityContext": pod_security(paths.USER),
        "affinity": _affinity(node),
        **({"nodeSelector": dict(pool.node_selector)} if pool.node_selector else {}),
        **({"tolerations": [dict(item) for item in pool.tolerations]} if pool.tolerations else {}),
        "initContainers": [_format_container(topology)],
        "containers": [_kafka_container(node, topology)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            {"name": "config", "configMap": {"name": names["config"]}},
            {"name": "runtime", "configMap": {"name": names["runtime"]}},
            {"name": "agent", "configMap": {"name": names["agent"]}},
            {"name": "trust", "configMap": {"name": names["trust"]}},
            {"name": "keys", "secret": {"secretName": names["keys"], "defaultMode": 0o440}},
            {"name": "format", "secret": {"secretName": names["format"], "defaultMode": 0o440}},
        ],
    }


def _affinity(node: Node) -> dict[str, Any]:
    in_zone = {"matchExpressions": [{"key": ZONE_LABEL, "operator": "In", "values": [node.zone]}]}
    apart = {
        "weight": 100,
        "podAffinityTerm": {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": cluster_labels(node.cluster)},
        },
    }
    return {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [in_zone]}},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]},
    }


_POD_NAME = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def _mount(volume: str, path: str, sub_path: str | None = None) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": volume, "mountPath": path}
    if volume not in (_DATA_VOLUME, "tmp"):
        mount["readOnly"] = True
    return mount if sub_path is None else {**mount, "subPathExpr": sub_path}


_CONFIG_MOUNT = _mount("config", paths.CONFIG, "$(POD_NAME).server.properties")
_DATA_MOUNT = _mount(_DATA_VOLUME, paths.DATA)


def _format_container(topology: Topology) -> dict[str, Any]:
    return {
        "name": "format",
        "image": topology.spec.image,
        # The arguments hold a password: a file keeps it off the process list.
        "command": ["java", f"@{paths.FORMAT_ARGUMENTS}"],
        "env": [_POD_NAME],
        "securityContext": CONTAINER_SECURITY,
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [
            _CONFIG_MOUNT,
            _DATA_MOUNT,
            _mount("tmp", "/tmp"),  # noqa: S108
            _mount("format", paths.FORMAT_ARGUMENTS.rsplit("/", 1)[0]),
        ],
    }


def _kafka_container(node: Node, topology: Topology) -> dict[str, Any]:
    # Without the services' prefix: a container port's name has 15 characters at most.
    ports = [
        *({"name": one.lower(), "containerPort": PORTS[one]} for one in listeners(node, topology.spec)),
        {"name": "readiness", "containerPort": READINESS_PORT},
    ]
    return {
        "name": "kafka",
        "image": topology.spec.image,
        "command": ["java", f"@{paths.JVM_OPTIONS}", "-cp", f"{paths.LIBRARIES}/*", "kafka.Kafka", paths.CONFIG],
        "env": [_POD_NAME],
        "ports": ports,
        "securityContext": CONTAINER_SECURITY,
        "resources": container_resources(node.pool.resources),
        # Java is process 1 and takes SIGTERM for a controlled shutdown, so no preStop hook is needed.
        # One late answer of a starved machine must not undo the agent's patience: two nodes of a roll would be away.
        "readinessProbe": _probe("/ready", period=2, timeout=3, failures=2),
        "livenessProbe": _probe("/live", period=10, timeout=5, failures=6),
        "volumeMounts": [
            _CONFIG_MOUNT,
            _mount("config", paths.AGENT_CONFIG, "$(POD_NAME).readiness.properties"),
            _mount("keys", paths.KEYSTORE, "$(POD_NAME).pem"),
            _mount("runtime", paths.JVM_OPTIONS.rsplit("/", 1)[0]),
            _mount("agent", paths.AGENT),
            _mount("trust", paths.CLUSTER_CA.rsplit("/", 1)[0]),
            _DATA_MOUNT,
            _mount("tmp", "/tmp"),  # noqa: S108
        ],
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": READINESS_PORT},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }
