"""Who may talk to the nodes."""

from typing import Any

from config.literals import PORTS, READINESS_PORT, ExternalAccess, Listener
from manifests.labels import CLIENT_LABEL, cluster_labels, object_labels
from manifests.nodes import Topology


def network_policies(topology: Topology) -> dict[str, dict[str, Any]]:
    """Return every policy by name: deny by default, then what is needed."""
    nodes = cluster_labels(topology.spec.name)
    clients = [
        {"podSelector": {"matchLabels": {CLIENT_LABEL: "true"}}},
        *(
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "podSelector": {"matchLabels": {CLIENT_LABEL: "true"}},
            }
            for namespace in topology.spec.client_namespaces
        ),
    ]
    among_nodes = [{"podSelector": {"matchLabels": nodes}}]
    ingress: list[dict[str, Any]] = [
        {"from": among_nodes, "ports": _ports(Listener.CONTROLLER, Listener.REPLICATION)},
        {"from": clients, "ports": _ports(Listener.INTERNAL, Listener.MTLS)},
        # The kubelet probes from the node's own address, which no selector can name.
        {"ports": [{"protocol": "TCP", "port": READINESS_PORT}]},
    ]
    if topology.spec.external.type is not ExternalAccess.NONE:
        # Any source: node ports and load balancers hide it; TLS and SCRAM or a certificate decide.
        ingress.append({"ports": _ports(Listener.EXTERNAL, Listener.EXTERNALMTLS)})
    egress = [
        {"to": among_nodes, "ports": _ports(Listener.CONTROLLER, Listener.REPLICATION)},
        {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]},
    ]
    name = topology.spec.name
    return {
        f"{name}-default-deny": _policy(topology, f"{name}-default-deny", {}, [], []),
        f"{name}-nodes": _policy(topology, f"{name}-nodes", {"matchLabels": nodes}, ingress, egress),
    }


def _ports(*listeners: Listener) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": PORTS[listener]} for listener in listeners]


def _policy(
    topology: Topology, name: str, selector: dict[str, Any], ingress: list[Any], egress: list[Any]
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": topology.namespace, "labels": object_labels(topology.spec.name)},
        "spec": {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            **({"ingress": ingress} if ingress else {}),
            **({"egress": egress} if egress else {}),
        },
    }
