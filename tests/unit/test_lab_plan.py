from ipaddress import IPv4Network

import pytest

from lab.errors import LabError
from lab.paths import LONGEST_ROOT, layout
from lab.plan import (
    API_SERVICE,
    BALANCER_NETWORK,
    CONTROL_PLANE,
    HOST,
    INDEXES,
    LAB_NETWORK,
    MACHINES,
    NETWORK_NAMESPACES,
    NODE_NETWORK,
    POD_NETWORK,
    SERVICE_NETWORK,
    Machine,
    machine_key,
    zones,
)

EVERY = tuple(
    Machine(name=f"machine-{index}", zone="az-a", index=index, key=machine_key(index), called=f"machine-{index}")
    for index in INDEXES
)


def test_all_addresses_lie_in_the_benchmarking_range() -> None:
    assert LAB_NETWORK.subnet_of(IPv4Network("198.18.0.0/15"))
    ranges = (NODE_NETWORK, POD_NETWORK, SERVICE_NETWORK, BALANCER_NETWORK)
    assert all(network.subnet_of(LAB_NETWORK) for network in ranges)


def test_ranges_are_apart_with_as_many_machines_as_there_may_be() -> None:
    ranges = [NODE_NETWORK, SERVICE_NETWORK, BALANCER_NETWORK, *(machine.pods for machine in EVERY)]
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert all(machine.pods.subnet_of(POD_NETWORK) for machine in EVERY)


def test_every_machine_has_an_address_of_its_own() -> None:
    addresses = [CONTROL_PLANE, HOST, *(machine.address for machine in EVERY)]
    assert len(set(addresses)) == len(addresses)
    assert all(address in NODE_NETWORK for address in addresses)


def test_three_zones_with_their_nodes() -> None:
    assert [(each.zone, each.name, each.key, str(each.address), str(each.pods)) for each in MACHINES] == [
        ("az-a", "node-a", "az-a", "198.18.0.2", "198.18.2.0/24"),
        ("az-b", "node-b", "az-b", "198.18.0.3", "198.18.3.0/24"),
        ("az-c", "node-c", "az-c", "198.18.0.4", "198.18.4.0/24"),
    ]
    assert zones(MACHINES) == ("az-a", "az-b", "az-c")
    assert MACHINES[1].labels == {"topology.kubernetes.io/zone": "az-b", "topology.kubernetes.io/region": "lab"}
    assert str(API_SERVICE) == "198.18.64.1"


def test_keys_fit_where_the_kernel_wants_an_interface_named() -> None:
    assert all(len(machine.key) <= 15 for machine in EVERY)


def test_a_stop_knows_every_name_that_a_namespace_may_have() -> None:
    assert {"lab", *(machine.key for machine in (*MACHINES, *EVERY))} == set(NETWORK_NAMESPACES)


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
    assert {path.name for path in files.kept} == {"etcd", "pki", "volumes", "kubeconfig", "machines.json", "completed"}
