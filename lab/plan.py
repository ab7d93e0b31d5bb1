"""Addresses, names and labels of the lab. All of it lies in 198.18.0.0/15, which RFC 2544 keeps for benchmarking."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

LAB_NETWORK: Final = IPv4Network("198.18.0.0/17")
"""Everything the lab uses: nodes, pods, services."""
NODE_NETWORK: Final = IPv4Network("198.18.0.0/24")
"""Control plane, nodes and the host's end of the bridge."""
POD_NETWORK: Final = IPv4Network("198.18.0.0/18")
"""Holds every zone's pod range; kube-proxy takes other sources for clients from outside."""
SERVICE_NETWORK: Final = IPv4Network("198.18.64.0/20")
API_SERVICE: Final = SERVICE_NETWORK[1]
"""Cluster address of the service ``kubernetes``."""
CONTROL_PLANE: Final = NODE_NETWORK[1]
"""API server and cluster DNS."""
HOST: Final = NODE_NETWORK[254]
"""The host's end of the bridge."""
API_PORT: Final = 6443
CLUSTER_DOMAIN: Final = "cluster.local"

CONTROL_NETNS: Final = "lab"
"""Network namespace of the control plane and of the bridge."""
BRIDGE: Final = "d0"
HOST_LINK: Final = "kafka-lab0"
"""The host's network interface to the lab."""
HOST_PEER: Final = "host"
"""The other end of ``HOST_LINK``, a port of the bridge."""
ZONE_LINK: Final = "eth0"
"""A zone's network interface; its other end is a port of the bridge named for the zone."""

REGION: Final = "lab"
STORAGE_CLASS: Final = "lab"
PAUSE_IMAGE: Final = "lab.local/pause:1"
CGROUP: Final = "kafka-lab"
"""Parent of every cgroup of the lab, in each hierarchy."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One availability zone: a node with a network namespace and a pod range of its own."""

    name: str
    node: str
    index: int
    """Last part of the node's address and third part of the pod range; from 2."""

    @property
    def address(self) -> IPv4Address:
        """The node's address."""
        return NODE_NETWORK[self.index]

    @property
    def pods(self) -> IPv4Network:
        """The range the zone's pods get their addresses from."""
        return IPv4Network(f"198.18.{self.index}.0/24")

    @property
    def cgroup(self) -> str:
        """Path of the zone's cgroup in each hierarchy."""
        return f"/{CGROUP}/{self.name}"


ZONES: Final = (
    Zone(name="az-a", node="node-a", index=2),
    Zone(name="az-b", node="node-b", index=3),
    Zone(name="az-c", node="node-c", index=4),
)

NETWORK_NAMESPACES: Final = (CONTROL_NETNS, *(zone.name for zone in ZONES))


def api_url() -> str:
    """Return where the API server is reached from host, zones and pods."""
    return f"https://{CONTROL_PLANE}:{API_PORT}"
