"""Which address and name each Service of the type LoadBalancer has, and which machine what is sent there goes to."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from lab.errors import LabError
from lab.nodes import node_address, node_ready
from lab.plan import BALANCER_DOMAIN, BALANCER_NETWORK

Objects = Mapping[str, dict[str, Any]]
"""Kubernetes objects by namespace and name."""

SERVICE_LABEL: Final = "kubernetes.io/service-name"
"""Of an EndpointSlice: the Service it belongs to."""


@dataclass(frozen=True, kw_only=True)
class Balancer:
    """The load balancer of one Service."""

    namespace: str
    name: str
    """The Service's."""
    address: IPv4Address
    machine: IPv4Address | None
    """Where connections go; kube-proxy there passes them to a pod. None: nowhere."""

    @property
    def ingress(self) -> list[dict[str, str]]:
        """What the Service shall say.

        As it says an address, kube-proxy of each machine forwards what its own pods send there. AWS's balancers have a
        name only, and the name is what records of Route 53 lead to.
        """
        return [
            {"hostname": f"{self.name}.{self.namespace}.{BALANCER_DOMAIN}", "ip": str(self.address), "ipMode": "VIP"}
        ]

    def published(self, service: Mapping[str, Any]) -> bool:
        """Tell whether the Service says so already."""
        return [{name: each.get(name) for name in self.ingress[0]} for each in _said(service)] == self.ingress


def key(item: Mapping[str, Any]) -> str:
    """Return what an object is known by."""
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def balancers(
    services: Objects, slices: Objects, nodes: Objects, routes: Mapping[IPv4Address, IPv4Address]
) -> list[Balancer]:
    """Return every balancer; ``routes`` are those there are, address to machine."""
    wanted = {name: item for name, item in services.items() if item["spec"].get("type") == "LoadBalancer"}
    addresses = allocate(wanted)
    machines = {node["metadata"]["name"]: node_address(node) for node in nodes.values() if node_ready(node)}
    return [
        Balancer(
            namespace=item["metadata"]["namespace"],
            name=item["metadata"]["name"],
            address=addresses[name],
            machine=_chosen(item, endpoint_nodes(slices.values(), name), machines, routes.get(addresses[name])),
        )
        for name, item in wanted.items()
    ]


def _chosen(
    service: Mapping[str, Any],
    ends: Sequence[str],
    machines: Mapping[str, IPv4Address],
    current: IPv4Address | None,
) -> IPv4Address | None:
    """Choose a machine that has a pod, or any where policy lets it forward to others.

    The current one stays if it will do: connections that are open end when another takes over.
    """
    candidates = [machines[node] for node in ends if node in machines]
    if not candidates and service["spec"].get("externalTrafficPolicy") != "Local":
        candidates = sorted(machines.values())
    return current if current in candidates else next(iter(candidates), None)


def endpoint_nodes(slices: Iterable[Mapping[str, Any]], service: str) -> list[str]:
    """Return the nodes that have ready pods of a Service, in order."""
    found = {
        str(endpoint["nodeName"])
        for each in slices
        if f"{each['metadata']['namespace']}/{each['metadata'].get('labels', {}).get(SERVICE_LABEL)}" == service
        for endpoint in each.get("endpoints") or []
        # Absent means unknown, to be taken for ready (discovery.k8s.io/v1).
        if endpoint.get("nodeName") and endpoint.get("conditions", {}).get("ready") is not False
    }
    return sorted(found)


def allocate(services: Objects, network: IPv4Network = BALANCER_NETWORK) -> dict[str, IPv4Address]:
    """Give each Service an address: the one it says, or that of its name's hash, or the next that is free.

    A Service that is deleted and made again so has its former address. Raises LabError when all are taken.
    """
    taken: dict[IPv4Address, str] = {}
    for name in sorted(services, key=lambda each: (services[each]["metadata"].get("creationTimestamp", ""), each)):
        said = next((IPv4Address(each["ip"]) for each in _said(services[name]) if each.get("ip")), None)
        if said is not None and said in network:
            taken.setdefault(said, name)
    for name in sorted(services.keys() - set(taken.values())):
        address = next((each for each in _from(name, network) if each not in taken), None)
        if address is None:
            raise LabError(f"service {name} gets no load balancer: all addresses of {network} are taken; delete one")
        taken[address] = name
    return {name: address for address, name in taken.items()}


def _said(service: Mapping[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return found


def _from(name: str, network: IPv4Network) -> Iterator[IPv4Address]:
    count = network.num_addresses - 2
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % count
    return (network[1 + (first + step) % count] for step in range(count))


def route_changes(routes: Mapping[IPv4Address, IPv4Address], wanted: Mapping[IPv4Address, IPv4Address]) -> list[str]:
    """Return the ``ip`` commands that make of the routes there are those that are wanted."""
    gone = [f"route delete {address}" for address in routes if address not in wanted]
    return gone + [
        f"route replace {address} via {machine}"
        for address, machine in wanted.items()
        if routes.get(address) != machine
    ]
