"""How clients outside Kubernetes reach the brokers: ports and host names."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from config.errors import Problem, dotted, shown, suggestion
from config.kafka import ExternalListenerSpec
from config.literals import ExternalAccess, Role
from config.parts import Parts

_NODE_PORTS: Final = range(30000, 32768)
"""Kubernetes' default --service-node-port-range."""
_PORTS: Final = range(1, 65536)
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
"""RFC 1123, in lower case as certificates have it."""


def ports(parts: Parts) -> Iterator[Problem]:
    """Ports are in Kubernetes' range of node ports, those of a load balancer anywhere, and none is used twice."""
    if parts.kafka is None or parts.kafka.external.type is ExternalAccess.NONE:
        return
    external = parts.kafka.external
    node_ports = external.type is ExternalAccess.NODE_PORT
    legal = legal_ports(external.type)
    taken: dict[int, str] = {}
    for field, count in _port_fields(external, max(parts.brokers, 1)):
        first, path = getattr(external, field), f"kafka.external.{field}"
        if first not in legal or first + count - 1 not in legal:
            each = f"{'node ports' if node_ports else 'ports'} are {legal[0]} to {legal[-1]}"
            room = f", and {count} brokers need one each" if count > 1 else ""
            yield Problem(path, shown(first), each + room, "choose another port")
            continue
        clash = next((port for port in range(first, first + count) if port in taken), None)
        if clash is not None:
            allowed = f"port {clash} is {taken[clash]}'s" + (f", as {count} brokers need one each" if count > 1 else "")
            yield Problem(path, shown(first), allowed, "leave room for every broker")
        taken.update(dict.fromkeys(range(first, first + count), path))


def legal_ports(access: ExternalAccess) -> range:
    """Return the ports that this kind of access may have."""
    return _NODE_PORTS if access is ExternalAccess.NODE_PORT else _PORTS


def external_ports(parts: Parts) -> dict[int, str]:
    """Return the node ports the brokers take, each with the path of the field it follows from."""
    if parts.kafka is None or parts.kafka.external.type is not ExternalAccess.NODE_PORT:
        return {}
    external = parts.kafka.external
    fields = _port_fields(external, max(parts.brokers, 1))
    return {
        port: f"kafka.external.{field}"
        for field, count in fields
        for port in range(getattr(external, field), getattr(external, field) + count)
    }


def _port_fields(external: ExternalListenerSpec, brokers: int) -> list[tuple[str, int]]:
    """Return the fields that are used, with how many ports each stands for; a load balancer has no bootstrap port."""
    each = [("first_broker_port", brokers), ("mtls_first_broker_port", brokers)]
    bootstrap = [("bootstrap_port", 1), ("mtls_bootstrap_port", 1)]
    return [*bootstrap, *each] if external.type is ExternalAccess.NODE_PORT else each


def hosts(parts: Parts) -> Iterator[Problem]:
    """Every zone with brokers has a name or address that clients outside reach it by, and no other zone has one."""
    if parts.kafka is None:
        return
    external = parts.kafka.external
    if external.type is ExternalAccess.NONE:
        if external.hosts:
            remedy = f"set kafka.external.type to {ExternalAccess.NODE_PORT}, or remove the hosts"
            yield Problem("kafka.external.hosts", "a mapping", "there is no external listener", remedy)
        return
    for zone, host in external.hosts.items():
        path = dotted(["kafka", "external", "hosts", zone])
        if zone not in parts.broker_zones:
            yield Problem(path, shown(host), "no broker is in that zone", suggestion(zone, parts.broker_zones))
        elif not is_host(host):
            allowed = "it is an address, or a name in lower case without scheme and port"
            yield Problem(path, shown(host), allowed, "correct it")
    for zone in parts.broker_zones:
        if zone not in external.hosts:
            yield Problem(
                dotted(["kafka", "external", "hosts", zone]),
                "",
                "it is missing",
                "add the address clients outside reach the brokers of this zone by",
            )


def load_balancers(parts: Parts) -> Iterator[Problem]:
    """A load balancer stands for one broker, so that a zone's name can mean only one."""
    if parts.kafka is None or parts.kafka.external.type is not ExternalAccess.LOAD_BALANCER:
        return
    owner: dict[str, str] = {}
    for zone, host in parts.kafka.external.hosts.items():
        if owner.setdefault(host, zone) != zone:
            allowed = f"it is the host of {owner[host]} too, and each broker has a load balancer of its own"
            path = dotted(["kafka", "external", "hosts", zone])
            yield Problem(path, shown(host), allowed, "give each zone its own name")
    for zone in parts.broker_zones:
        count = sum(pool.zones.count(zone) * pool.nodes_per_zone for _, pool in parts.pools(Role.BROKER))
        if count > 1:
            yield Problem(
                "kafka.external.type",
                shown(str(ExternalAccess.LOAD_BALANCER)),
                f"zone {zone} has {count} brokers behind one host name, and each has a load balancer of its own",
                f"use {ExternalAccess.NODE_PORT}, or one broker in each zone",
            )


def is_host(text: str) -> bool:
    """Tell whether it is an IPv4 address, or a host name as certificates have it."""
    try:
        return ip_address(text).version == 4
    except ValueError:
        return bool(_HOST.fullmatch(text)) and not re.fullmatch(r"[\d.]+", text)
