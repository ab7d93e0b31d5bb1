from typing import Any

import pytest

from lab import network
from lab.plan import MACHINES

MOUNTINFO = """\
22 27 0:21 / /run rw shared:5 - tmpfs tmpfs rw
42 22 0:21 /netns /run/netns rw shared:5 - tmpfs tmpfs rw
51 42 0:4 net:[4026532200] /run/netns/lab rw shared:5 - nsfs nsfs rw
52 42 0:4 net:[4026532260] /run/netns/az-a rw shared:5 - nsfs nsfs rw
53 42 0:4 net:[4026532261] /run/netns/somebody rw shared:5 - nsfs nsfs rw
"""


def test_only_mounted_namespaces_are_alive() -> None:
    assert network.mounted(MOUNTINFO) == {"lab", "az-a", "somebody"}


def test_first_start_makes_bridge_and_links() -> None:
    batch = network.control_batch(MACHINES, {"lo"})
    assert "link add d0 type bridge" in batch
    assert [line for line in batch if "veth" in line] == [
        f"link add {machine.key} type veth peer name eth0 netns {machine.key}" for machine in MACHINES
    ]


def test_second_start_makes_nothing_twice_and_brings_cut_links_up() -> None:
    batch = network.control_batch(MACHINES, {"lo", "d0", "az-a", "az-b", "az-c", "host"})
    assert not [line for line in batch if line.startswith("link add")]
    assert all(f"link set {machine.key} master d0 up" in batch for machine in MACHINES)


def test_pods_of_other_machines_are_one_hop_away() -> None:
    batch = network.machine_batch(MACHINES[0], MACHINES)
    assert "route replace 198.18.3.0/24 via 198.18.0.3" in batch
    assert "route replace 198.18.4.0/24 via 198.18.0.4" in batch
    assert not [line for line in batch if "198.18.2.0/24" in line]


def test_what_kube_proxy_does_not_forward_yet_does_not_go_round() -> None:
    assert "route replace blackhole 198.18.80.0/24" in network.machine_batch(MACHINES[0], MACHINES)


def test_host_reaches_every_pod_and_balancer_over_the_labs_interface_only() -> None:
    routes = [line for line in network.host_batch(MACHINES) if line.startswith("route")]
    assert routes == [
        *(f"route replace {machine.pods} via {machine.address} dev kafka-lab0" for machine in MACHINES),
        "route replace 198.18.80.0/24 via 198.18.0.1 dev kafka-lab0",
    ]


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ({"dst": "default", "dev": "eth0"}, None),
        ({"dst": "192.0.2.0/24", "dev": "eth0"}, None),
        ({"dst": "198.18.0.0/24", "dev": "kafka-lab0"}, None),
        ({"dst": "198.18.7.0/24", "dev": "tun0"}, "198.18.7.0/24 dev tun0"),
        ({"dst": "198.16.0.0/13", "dev": "tun0"}, "198.16.0.0/13 dev tun0"),
        ({"dst": "198.18.0.9", "dev": "tun0"}, "198.18.0.9 dev tun0"),
    ],
)
def test_routes_into_the_labs_range_are_conflicts(route: dict[str, Any], found: str | None) -> None:
    assert network.conflict([route]) == found
