from ipaddress import IPv4Network

import pytest

from lab.errors import LabError
from lab.paths import LONGEST_ROOT, layout
from lab.plan import (
    API_SERVICE,
    CONTROL_PLANE,
    HOST,
    LAB_NETWORK,
    NETWORK_NAMESPACES,
    NODE_NETWORK,
    POD_NETWORK,
    SERVICE_NETWORK,
    ZONES,
)


def test_all_addresses_lie_in_the_benchmarking_range() -> None:
    assert LAB_NETWORK.subnet_of(IPv4Network("198.18.0.0/15"))
    assert all(network.subnet_of(LAB_NETWORK) for network in (NODE_NETWORK, POD_NETWORK, SERVICE_NETWORK))


def test_ranges_of_pods_nodes_and_services_are_apart() -> None:
    ranges = [NODE_NETWORK, SERVICE_NETWORK, *(zone.pods for zone in ZONES)]
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert all(zone.pods.subnet_of(POD_NETWORK) for zone in ZONES)


def test_every_machine_has_an_address_of_its_own() -> None:
    addresses = [CONTROL_PLANE, HOST, *(zone.address for zone in ZONES)]
    assert len(set(addresses)) == len(addresses)
    assert all(address in NODE_NETWORK for address in addresses)


def test_three_zones_with_their_nodes() -> None:
    assert [(zone.name, zone.node, str(zone.address), str(zone.pods)) for zone in ZONES] == [
        ("az-a", "node-a", "198.18.0.2", "198.18.2.0/24"),
        ("az-b", "node-b", "198.18.0.3", "198.18.3.0/24"),
        ("az-c", "node-c", "198.18.0.4", "198.18.4.0/24"),
    ]
    assert NETWORK_NAMESPACES == ("lab", "az-a", "az-b", "az-c")
    assert str(API_SERVICE) == "198.18.64.1"


def test_data_directory_can_be_moved() -> None:
    assert str(layout({}).root) == "/var/lib/kafka-platform/lab"
    assert str(layout({"KAFKA_PLATFORM_LAB": "/data/lab"}).kubeconfig) == "/data/lab/kubeconfig"


@pytest.mark.parametrize("value", ["lab", "/" + "x" * LONGEST_ROOT])
def test_unusable_data_directory_is_refused(value: str) -> None:
    with pytest.raises(LabError) as refused:
        layout({"KAFKA_PLATFORM_LAB": value})
    assert str(refused.value) == (
        f"KAFKA_PLATFORM_LAB={value} must be an absolute path of at most 60 bytes; "
        "unset it for /var/lib/kafka-platform/lab"
    )


def test_kept_data_is_state_and_volumes() -> None:
    files = layout({})
    assert {path.name for path in files.kept} == {"etcd", "pki", "volumes", "kubeconfig", "completed"}
