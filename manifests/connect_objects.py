"""Kubernetes objects of Kafka Connect, workers aside: services, budget, autoscaling, network policy."""

from collections.abc import Mapping
from typing import Any

from config.connect import ConnectSpec
from config.literals import (
    CONNECT_EXTERNAL_SERVICE,
    CONNECT_HEADLESS_SERVICE,
    CONNECT_PORT,
    CONNECT_SERVICE,
    PORTS,
    READINESS_PORT,
    SCHEMA_REGISTRY_PORT,
    ExternalAccess,
    Listener,
)
from manifests.labels import CLIENT_LABEL, app_labels, app_selector, cluster_labels
from manifests.policy import DNS, labelled, network_policy, pods, tcp
from manifests.schema_registry import NAME as REGISTRY_APP
from manifests.unsafe import UnsafeManifest

_OUTSIDE = {ExternalAccess.NODE_PORT: "NodePort", ExternalAccess.LOAD_BALANCER: "LoadBalancer"}


APP = "kafka-connect"
"""``app.kubernetes.io/name`` of everything here."""


def worker_labels(connect: ConnectSpec) -> dict[str, str]:
    """Return the labels that select the workers."""
    return app_selector(APP, connect.name)


def metadata(connect: ConnectSpec, namespace: str, name: str) -> dict[str, Any]:
    """Return the metadata of an object."""
    return {"name": name, "namespace": namespace, "labels": app_labels(APP, connect.name)}


def service_account_metadata(connect: ConnectSpec, namespace: str) -> dict[str, Any]:
    """Return the metadata of the workers' service account; EKS gives its pods the credentials of the role it names.

    docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    role = {} if connect.role_arn is None else {"annotations": {"eks.amazonaws.com/role-arn": connect.role_arn}}
    return {**metadata(connect, namespace, connect.name), **role}


def connect_names(namespace: str, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return every name and address the workers' certificate is for; ``hosts`` are those outside."""
    inside = [CONNECT_SERVICE, f"*.{CONNECT_HEADLESS_SERVICE}", CONNECT_EXTERNAL_SERVICE]
    suffixes = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
    return (*(f"{name}{suffix}" for name in inside for suffix in suffixes), *hosts)


def connect_services(connect: ConnectSpec, namespace: str) -> dict[str, dict[str, Any]]:
    """Return every service by its name."""
    found: dict[str, dict[str, Any]] = {
        # Workers find each other before they are ready: the first to be so is their leader.
        CONNECT_HEADLESS_SERVICE: {"clusterIP": "None", "publishNotReadyAddresses": True},
        CONNECT_SERVICE: {"type": "ClusterIP"},
    }
    external = connect.external
    if external.type is not ExternalAccess.NONE:
        found[CONNECT_EXTERNAL_SERVICE] = {"type": _OUTSIDE[external.type]}
    return {name: _service(connect, namespace, name, spec) for name, spec in found.items()}


def _service(connect: ConnectSpec, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    port: dict[str, Any] = {"name": "https-rest", "port": CONNECT_PORT, "targetPort": CONNECT_PORT, "protocol": "TCP"}
    if spec.get("type") == "NodePort":
        port["nodePort"] = connect.external.port
    elif spec.get("type") == "LoadBalancer":
        port["port"] = connect.external.port
    return {
        "metadata": {
            **metadata(connect, namespace, name),
            # Services come before the pods they select; waiting for endpoints would wait forever.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": {"selector": worker_labels(connect), "ports": [port], **spec},
    }


def connect_disruption_budget(connect: ConnectSpec, namespace: str) -> dict[str, Any]:
    """Return a budget of one: the tasks of the worker that is drained go to the others."""
    return {
        "metadata": metadata(connect, namespace, connect.name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": worker_labels(connect)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def connect_autoscaler(connect: ConnectSpec, namespace: str, ceiling: int) -> dict[str, Any] | None:
    """Return the autoscaler (autoscaling/v2), or None where there is nothing to scale.

    ``ceiling`` is the most workers that can have a task. Raises UnsafeManifest without ``connect.autoscaling``.
    """
    scaling = connect.autoscaling
    if scaling is None:
        raise UnsafeManifest("an autoscaler needs connect.autoscaling")
    most = min(scaling.max_replicas, ceiling)
    if most <= connect.replicas:
        return None
    return {
        "metadata": metadata(connect, namespace, connect.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": connect.name},
            "minReplicas": connect.replicas,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": scaling.cpu_percent},
                    },
                }
            ],
            "behavior": {
                # Each change of the workers' number moves tasks: up one by one, down only after ten calm minutes.
                "scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}]},
                "scaleDown": {
                    "stabilizationWindowSeconds": 600,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
                },
            },
        },
    }


def connect_network_policy(connect: ConnectSpec, namespace: str, cluster: str) -> dict[str, Any]:
    """Return who may talk to the workers, and whom they may talk to; ``cluster`` is the Kafka cluster's name."""
    workers = worker_labels(connect)
    rest = tcp(CONNECT_PORT)
    # A node port or load balancer hides the source; TLS and the password decide.
    inside = connect.external.type is ExternalAccess.NONE
    ingress: list[dict[str, Any]] = [
        {"from": [*pods(workers), *labelled(CLIENT_LABEL, ())], "ports": rest} if inside else {"ports": rest},
        # The kubelet probes from the node's own address, which no selector can name.
        {"ports": tcp(READINESS_PORT)},
    ]
    egress: list[Mapping[str, Any]] = [
        {"to": pods(cluster_labels(cluster)), "ports": tcp(PORTS[Listener.INTERNAL])},
        {"to": pods(workers), "ports": rest},
        DNS,
    ]
    if connect.reads_avro:
        egress.append({"to": pods(app_selector(REGISTRY_APP, cluster)), "ports": tcp(SCHEMA_REGISTRY_PORT)})
    egress += [{"to": [{"ipBlock": {"cidr": each.cidr}}], "ports": tcp(each.port)} for each in connect.egress]
    return network_policy(metadata(connect, namespace, connect.name), workers, ingress, egress)
