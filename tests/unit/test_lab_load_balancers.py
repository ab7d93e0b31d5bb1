from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.balancer_controller import SOURCES, Change, Known, change_of
from lab.errors import LabError
from lab.load_balancers import Balancer, allocate, balancers, key, route_changes

NODES = {"a": "198.18.0.2", "b": "198.18.0.3", "c": "198.18.0.4"}


def service(name: str, kind: str = "LoadBalancer", said: str | None = None, **spec: Any) -> dict[str, Any]:
    ingress = [{"ip": said}] if said else []
    return {
        "metadata": {"namespace": "kafka", "name": name},
        "spec": {"type": kind, **spec},
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }


def node(name: str, ready: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": NODES[name]}],
        },
    }


def ends(of: str, *nodes: str, name: str = "1", namespace: str = "kafka", **conditions: bool) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": namespace,
            "name": f"{of}-{name}",
            "labels": {"kubernetes.io/service-name": of},
        },
        "endpoints": [{"nodeName": each, "conditions": conditions} for each in nodes],
    }


def found(
    services: list[dict[str, Any]],
    slices: list[dict[str, Any]],
    nodes: list[dict[str, Any]] | None = None,
    current: str | None = None,
) -> list[Balancer]:
    everywhere = [node(name) for name in NODES] if nodes is None else nodes
    sets = [{key(item): item for item in items} for items in (services, slices, everywhere)]
    addresses = allocate(sets[0])
    routes = {address: IPv4Address(current) for address in addresses.values()} if current else {}
    return balancers(sets[0], sets[1], sets[2], routes)


def machine(*arguments: Any, **more: Any) -> str | None:
    (one,) = found(*arguments, **more)
    return None if one.machine is None else str(one.machine)


def test_only_services_that_ask_for_it_get_a_balancer() -> None:
    asked = [service("one", "ClusterIP"), service("two", "NodePort"), service("three")]
    assert [each.name for each in found(asked, [])] == ["three"]


def test_a_service_says_address_and_name() -> None:
    (one,) = found([service("kafka-external-0")], [])
    assert one.ingress == [
        {"hostname": "kafka-external-0.kafka.elb.lab", "ip": str(one.address), "ipMode": "VIP"},
    ]
    assert not one.published(service("kafka-external-0"))
    assert not one.published(service("kafka-external-0", said=str(one.address)))
    assert one.published({**service("kafka-external-0"), "status": {"loadBalancer": {"ingress": one.ingress}}})


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_connections_go_where_a_pod_is(policy: str) -> None:
    asked = [service("one", externalTrafficPolicy=policy)]
    assert machine(asked, [ends("one", "b")]) == NODES["b"]
    assert machine(asked, [ends("one", "b", ready=True), ends("two", "a")]) == NODES["b"]
    assert machine(asked, [ends("one", "a", namespace="other"), ends("one", "c")]) == NODES["c"]


@pytest.mark.parametrize(("policy", "elsewhere"), [("Cluster", NODES["a"]), ("Local", None)])
def test_without_a_pod_policy_decides(policy: str, elsewhere: str | None) -> None:
    asked = [service("one", externalTrafficPolicy=policy)]
    assert machine(asked, []) == elsewhere
    assert machine(asked, [ends("one", "b", ready=False)]) == elsewhere
    assert machine(asked, [ends("one", "b")], [node("a"), node("b", "Unknown")]) == elsewhere


def test_a_zone_that_is_cut_off_is_left() -> None:
    slices = [ends("one", "a", "b")]
    assert machine([service("one")], slices, [node("a", "Unknown"), node("b")], current=NODES["a"]) == NODES["b"]


def test_connections_stay_where_they_are_as_long_as_a_pod_is_there() -> None:
    assert machine([service("one")], [ends("one", "a", "b")], current=NODES["b"]) == NODES["b"]
    assert machine([service("one")], [ends("one", "a")], current=NODES["b"]) == NODES["a"]


def test_addresses_depend_on_names_alone() -> None:
    alone = allocate({"kafka/one": service("one")})
    both = allocate({"kafka/two": service("two"), "kafka/one": service("one")})
    assert both["kafka/one"] == alone["kafka/one"]
    assert both["kafka/two"] != alone["kafka/one"]


def test_an_address_that_was_said_stays_and_is_given_to_nobody_else() -> None:
    mine = str(allocate({"kafka/one": service("one")})["kafka/one"])
    given = allocate({"kafka/one": service("one"), "kafka/two": service("two", said=mine)})
    assert str(given["kafka/two"]) == mine
    assert str(given["kafka/one"]) != mine
    assert str(allocate({"kafka/one": service("one", said="192.0.2.1")})["kafka/one"]) == mine


def test_every_address_is_used_before_one_is_refused() -> None:
    network = IPv4Network("198.18.80.0/29")
    names = {f"kafka/{number}": service(str(number)) for number in range(6)}
    assert set(allocate(names, network).values()) == set(network.hosts())
    with pytest.raises(LabError) as refused:
        allocate({**names, "kafka/7": service("7")}, network)
    assert str(refused.value) == (
        "service kafka/7 gets no load balancer: all addresses of 198.18.80.0/29 are taken; delete one"
    )


def test_routes_change_where_they_have_to() -> None:
    one, two, three, four = (IPv4Address(f"198.18.80.{number}") for number in range(1, 5))
    a, b = IPv4Address(NODES["a"]), IPv4Address(NODES["b"])
    assert route_changes({one: a, two: a, three: a}, {two: a, three: b, four: b}) == [
        "route delete 198.18.80.1",
        "route replace 198.18.80.3 via 198.18.0.3",
        "route replace 198.18.80.4 via 198.18.0.3",
    ]


def test_what_is_known_follows_lists_and_events() -> None:
    known = Known()
    one, two = service("one"), service("two")
    known.take(Change(kind="services", whole=True, present={key(one): one}))
    complete = [known.complete]
    for kind in SOURCES:
        if kind != "services":
            known.take(Change(kind=kind, whole=True))
    assert [*complete, known.complete] == [False, True]
    known.take(change_of("services", {"type": "ADDED", "object": two}))
    known.take(change_of("services", {"type": "MODIFIED", "object": {**one, "status": {}}}))
    assert known.objects["services"] == {"kafka/one": {**one, "status": {}}, "kafka/two": two}
    known.take(change_of("services", {"type": "DELETED", "object": one}))
    assert known.objects["services"] == {"kafka/two": two}
    known.take(Change(kind="services", whole=True))
    assert known.objects["services"] == {}
