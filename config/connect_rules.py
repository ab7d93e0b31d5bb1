"""The workers of Kafka Connect: how many, of which image, reached how."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from config.errors import Problem, dotted, shown
from config.literals import CONNECT_USER, PROJECT, ExternalAccess
from config.network import NODE_PORTS, PORTS, is_host, used_ports
from config.parts import Parts

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_INTERNAL_TOPICS: Final = f"{CONNECT_USER}-"


def workers(parts: Parts) -> Iterator[Problem]:
    """There are enough workers, and not more than anyone could want."""
    connect = parts.connect
    if connect is None:
        return
    if not _NAME.fullmatch(connect.name):
        allowed = "a name begins with a letter and has at most 40 of the characters a-z 0-9 -, with no - at its end"
        yield Problem("connect.name", shown(connect.name), allowed, "choose another name")
    if not 1 <= connect.replicas <= 50:
        yield Problem("connect.replicas", shown(connect.replicas), "allowed are 1 to 50", "correct the value")
    elif parts.protect and connect.replicas < 2:
        allowed = "a protected stack needs at least 2: connectors go on while one is away"
        yield Problem("connect.replicas", shown(connect.replicas), allowed, "raise it")
    if not 1 <= connect.credential_generation <= 1_000_000:
        value = shown(connect.credential_generation)
        yield Problem("connect.credential_generation", value, "it counts from 1", "raise it by one to rotate")
    scaling = connect.autoscaling
    if scaling is None:
        return
    if not connect.replicas < scaling.max_replicas <= 50:
        yield Problem(
            "connect.autoscaling.max_replicas",
            shown(scaling.max_replicas),
            f"it must be above connect.replicas ({connect.replicas}) and at most 50",
            "raise it, or leave autoscaling out",
        )
    if not 10 <= scaling.cpu_percent <= 100:
        path = "connect.autoscaling.cpu_percent"
        yield Problem(path, shown(scaling.cpu_percent), "allowed are 10 to 100", "correct the value")


def connect_image(parts: Parts) -> Iterator[Problem]:
    """Protected stacks run the image that was reviewed, by its digest."""
    connect = parts.connect
    if connect is None:
        return
    bare, _, digest = connect.image.partition("@")
    if not bare or re.search(r"\s", connect.image) or (digest and not _DIGEST.fullmatch(digest)):
        allowed = "an image is registry/name:tag, then perhaps @sha256: and 64 hexadecimal digits"
        yield Problem("connect.image", shown(connect.image), allowed, "correct it")
    elif digest and connect.image_digest:
        allowed = "connect.image has a digest already"
        yield Problem("connect.image_digest", shown(connect.image_digest), allowed, "remove one of them")
    elif connect.image_digest is not None and not _DIGEST.fullmatch(connect.image_digest):
        allowed = "a digest is sha256: and 64 hexadecimal digits"
        remedy = "copy it as the registry shows it"
        yield Problem("connect.image_digest", shown(connect.image_digest), allowed, remedy)
    elif parts.protect and not digest and not connect.image_digest:
        yield Problem(
            "connect.image_digest",
            "",
            f"it is missing: a protected stack runs {bare} by its digest",
            "build and push the image (assets/connect/Dockerfile), then: "
            f"pulumi config set --stack {parts.stack} --path {PROJECT}:connect.image_digest sha256:…",
        )


def rest_access(parts: Parts) -> Iterator[Problem]:
    """Pulumi reaches the REST interface, by a port nothing else has."""
    connect = parts.connect
    if connect is None or parts.kafka is None:
        return
    external, path = connect.external, "connect.external"
    if external.type is ExternalAccess.NONE:
        if connect.connectors:
            remedy = f"set it to {ExternalAccess.NODE_PORT} or {ExternalAccess.LOAD_BALANCER}"
            yield Problem(f"{path}.type", "'none'", "Pulumi could not reach Kafka Connect for its connectors", remedy)
        return
    node_port = external.type is ExternalAccess.NODE_PORT
    legal = NODE_PORTS if node_port else PORTS
    if external.port not in legal:
        allowed = f"{'node ports' if node_port else 'ports'} are {legal[0]} to {legal[-1]}"
        yield Problem(f"{path}.port", shown(external.port), allowed, "choose another port")
    if not node_port:
        if external.host is None or not is_host(external.host):
            allowed = "a load balancer is reached by an address, or by a name in lower case without scheme and port"
            yield Problem(f"{path}.host", shown(external.host), allowed, "name it as the DNS does")
        return
    if external.host is not None:
        remedy = "remove it: node ports are on kafka.external.hosts"
        yield Problem(f"{path}.host", shown(external.host), "only a load balancer has a host of its own", remedy)
    if parts.kafka.external.type is not ExternalAccess.NODE_PORT:
        allowed = "node ports need the nodes' addresses, which kafka.external.hosts has for node ports only"
        yield Problem(f"{path}.type", shown(str(external.type)), allowed, f"use {ExternalAccess.LOAD_BALANCER}")
    elif owner := used_ports(parts).get(external.port):
        yield Problem(f"{path}.port", shown(external.port), f"it is one of {owner}'s", "choose another port")


def egress(parts: Parts) -> Iterator[Problem]:
    """Destinations are networks and ports."""
    for index, destination in enumerate(parts.connect.egress if parts.connect else ()):
        path = f"connect.egress[{index}]"
        try:
            ip_network(destination.cidr)
        except ValueError:
            allowed = "it is an address and a prefix length without host bits, like 10.0.0.0/8"
            yield Problem(f"{path}.cidr", shown(destination.cidr), allowed, "correct it")
        if destination.port not in PORTS:
            yield Problem(f"{path}.port", shown(destination.port), "ports are 1 to 65535", "correct it")


def connect_names(parts: Parts) -> Iterator[Problem]:
    """Nobody else's names in Kafka begin as Kafka Connect's do, whose access goes by that beginning."""
    if parts.connect is None:
        return
    for service in parts.services:
        if service.id != CONNECT_USER and (service.id.startswith(CONNECT_USER) or CONNECT_USER.startswith(service.id)):
            yield Problem(
                dotted(["services", service.id]),
                shown(service.id),
                f"access to groups and transactions goes by prefix, and Kafka Connect's begin with {CONNECT_USER!r}",
                "choose another id",
            )
    for name in sorted(parts.topic_names):
        if name.startswith(_INTERNAL_TOPICS):
            allowed = f"topics that begin with {_INTERNAL_TOPICS!r} are Kafka Connect's own"
            yield Problem(dotted(["topics", name]), shown(name), allowed, "choose another name")
