"""Addresses, names and labels of the lab. All of it lies in 198.18.0.0/15, which RFC 2544 keeps for benchmarking."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Final

LAB_NETWORK: Final = IPv4Network("198.18.0.0/17")
"""Everything the lab uses: nodes, pods, services, load balancers."""
NODE_NETWORK: Final = IPv4Network("198.18.0.0/24")
"""Control plane, nodes and the host's end of the bridge."""
POD_NETWORK: Final = IPv4Network("198.18.0.0/18")
"""Holds every machine's pod range; kube-proxy takes other sources for clients from outside."""
SERVICE_NETWORK: Final = IPv4Network("198.18.64.0/20")
BALANCER_NETWORK: Final = IPv4Network("198.18.80.0/24")
"""Addresses of load balancers. The control plane's namespace passes on what is sent to them."""
BALANCER_DOMAIN: Final = "elb.lab"
"""Domain of load balancers' names."""
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
MACHINE_LINK: Final = "eth0"
"""A machine's network interface; its other end is a port of the bridge named by the machine's key."""

ZONES: Final = ("az-a", "az-b", "az-c")
"""Names by which the lab's commands know its zones."""
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
REGION_LABEL: Final = "topology.kubernetes.io/region"
REGION: Final = "lab"
STORAGE_CLASS: Final = "lab"
PAUSE_IMAGE: Final = "lab.local/pause:1"
CGROUP: Final = "kafka-lab"
"""Parent of every cgroup of the lab, in each hierarchy."""


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods off a machine that don't tolerate it."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A node: containerd, kubelet and kube-proxy with a network namespace and a pod range of their own."""

    name: str
    """The node's name."""
    zone: str
    """One of ZONES."""
    index: int
    """Last part of the node's address and third part of its pod range, one of INDEXES."""
    key: str
    """Names its network namespace, its port of the bridge, its directory and its cgroup: at most 15 characters."""
    called: str
    """How the names of its processes end."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Every label that its kubelet sets, zone and region among them."""
    taints: tuple[Taint, ...] = ()

    @property
    def address(self) -> IPv4Address:
        """The node's address."""
        return NODE_NETWORK[self.index]

    @property
    def pods(self) -> IPv4Network:
        """The range its pods get their addresses from."""
        return IPv4Network(f"198.18.{self.index}.0/24")

    @property
    def cgroup(self) -> str:
        """Path of its cgroup in each hierarchy."""
        return f"/{CGROUP}/{self.key}"

    @property
    def zone_label(self) -> str:
        """What Kubernetes calls its zone."""
        return self.labels[ZONE_LABEL]


INDEXES: Final = range(2, 64)
"""Indexes that machines may have; POD_NETWORK has no range for others."""

MACHINES: Final = tuple(
    Machine(
        name=f"node-{zone[-1]}",
        zone=zone,
        index=index,
        key=zone,
        called=zone,
        labels={ZONE_LABEL: zone, REGION_LABEL: REGION},
    )
    for index, zone in zip(INDEXES, ZONES, strict=False)
)
"""Those of a lab that was not given others: one in each zone."""


def machine_key(index: int) -> str:
    """Return the key of a machine of others than MACHINES."""
    return f"{CGROUP}-{index}"


NETWORK_NAMESPACES: Final = (CONTROL_NETNS, *ZONES, *(machine_key(index) for index in INDEXES))
"""Every name that a network namespace of a lab may have, whatever its machines are."""


def zones(machines: Iterable[Machine]) -> tuple[str, ...]:
    """Return the zones that have machines."""
    used = {machine.zone for machine in machines}
    return tuple(zone for zone in ZONES if zone in used)


def api_url() -> str:
    """Return where the API server is reached from host, zones and pods."""
    return f"https://{CONTROL_PLANE}:{API_PORT}"
