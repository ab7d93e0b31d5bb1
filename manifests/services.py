"""Services: headless for the nodes, one for bootstrap inside, and node ports or load balancers for clients outside."""

from typing import Any

from config.literals import (
    BOOTSTRAP_SERVICE,
    EXTERNAL_BOOTSTRAP_SERVICE,
    HEADLESS_SERVICE,
    PORTS,
    ExternalAccess,
    Listener,
    Role,
)
from manifests.labels import BROKER_LABEL, cluster_labels, object_labels
from manifests.nodes import Node, Topology

_OUTSIDE = {ExternalAccess.NODE_PORT: "NodePort", ExternalAccess.LOAD_BALANCER: "LoadBalancer"}


def broker_service(node: Node) -> str:
    """Return the name of the Service by which clients outside reach one broker."""
    return f"{EXTERNAL_BOOTSTRAP_SERVICE}-{node.id}"


def services(topology: Topology) -> dict[str, dict[str, Any]]:
    """Return every service by its name."""
    found = [_headless(topology), _bootstrap(topology)]
    if topology.spec.external.type is ExternalAccess.NODE_PORT:
        found.append(_external_bootstrap(topology))
    if topology.spec.external.type is not ExternalAccess.NONE:
        found.extend(_external_broker(topology, node) for node in topology.brokers)
    return {service["metadata"]["name"]: service for service in found}


def _service(topology: Topology, name: str, selector: dict[str, str], ports: list[dict[str, Any]], **spec: Any) -> Any:
    return {
        "metadata": {
            "name": name,
            "namespace": topology.namespace,
            "labels": object_labels(topology.spec.name),
            # Services come before the pods they select; waiting for endpoints would wait forever.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": {"selector": selector, "ports": ports, **spec},
    }


def _port(listener: Listener) -> dict[str, Any]:
    port = PORTS[listener]
    return {"name": f"tcp-{listener.lower()}", "port": port, "targetPort": port, "protocol": "TCP"}


def _external_port(topology: Topology, listener: Listener, advertised: int) -> dict[str, Any]:
    """Return the port of a service that is reached by the advertised one: a load balancer listens on it itself."""
    if topology.spec.external.type is ExternalAccess.LOAD_BALANCER:
        return {**_port(listener), "port": advertised}
    return {**_port(listener), "nodePort": advertised}


def _headless(topology: Topology) -> Any:
    has = {role for pool in topology.pools for role in pool.roles}
    listeners = [Listener.CONTROLLER] if Role.CONTROLLER in has else []
    listeners += [Listener.REPLICATION, Listener.INTERNAL, Listener.MTLS]
    # Nodes must find each other before they are ready: a quorum forms of nodes that are not.
    return _service(
        topology,
        HEADLESS_SERVICE,
        cluster_labels(topology.spec.name),
        [_port(listener) for listener in listeners],
        clusterIP="None",
        publishNotReadyAddresses=True,
    )


def _brokers(topology: Topology) -> dict[str, str]:
    return {**cluster_labels(topology.spec.name), BROKER_LABEL: "true"}


def _bootstrap(topology: Topology) -> Any:
    ports = [_port(Listener.INTERNAL), _port(Listener.MTLS)]
    return _service(topology, BOOTSTRAP_SERVICE, _brokers(topology), ports, type="ClusterIP")


def _external_bootstrap(topology: Topology) -> Any:
    external = topology.spec.external
    ports = [
        _external_port(topology, Listener.EXTERNAL, external.bootstrap_port),
        _external_port(topology, Listener.EXTERNALMTLS, external.mtls_bootstrap_port),
    ]
    return _service(topology, EXTERNAL_BOOTSTRAP_SERVICE, _brokers(topology), ports, type="NodePort")


def _external_broker(topology: Topology, node: Node) -> Any:
    ports = [
        _external_port(topology, Listener.EXTERNAL, topology.external_port(node, mtls=False)),
        _external_port(topology, Listener.EXTERNALMTLS, topology.external_port(node, mtls=True)),
    ]
    # It stands for one broker: hiding it while it isn't ready would cut clients off from partitions it leads.
    return _service(
        topology,
        broker_service(node),
        {"statefulset.kubernetes.io/pod-name": node.pod},
        ports,
        type=_OUTSIDE[topology.spec.external.type],
        publishNotReadyAddresses=True,
    )
