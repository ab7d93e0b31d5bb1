"""The workers of Kafka Connect: how many, of which image, reached how."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from config.aws_names import is_account, role_problems
from config.connect import CatalogType, ConnectorSpec
from config.errors import Problem, dotted, shown
from config.image import image_problems
from config.limits import generation_problems, heap_problems, jvm_problems, processor_problems, quota_problems
from config.literals import CONNECT_USER, ExternalAccess
from config.network import external_ports, is_host, legal_ports
from config.parts import Parts

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
    yield from image_problems("connect.image", connect.image, parts.stack, protect=parts.protect)
    yield from processor_problems("connect.resources", connect.resources)
    yield from jvm_problems("connect.jvm", connect.jvm)
    yield from heap_problems("connect", connect.jvm, connect.resources)
    yield from quota_problems("connect.quota", connect.quota, "raise it")
    yield from generation_problems("connect", connect.credential_generation)
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
    legal = legal_ports(external.type)
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
        return
    taken = external_ports(parts)
    if parts.schema_registry and parts.schema_registry.external.type is ExternalAccess.NODE_PORT:
        taken[parts.schema_registry.external.port] = "schema_registry.external.port"
    if owner := taken.get(external.port):
        yield Problem(f"{path}.port", shown(external.port), f"it is {owner}'s", "choose another port")


def egress(parts: Parts) -> Iterator[Problem]:
    """Destinations are networks and ports."""
    for index, destination in enumerate(parts.connect.egress if parts.connect else ()):
        path = f"connect.egress[{index}]"
        try:
            ip_network(destination.cidr)
        except ValueError:
            allowed = "it is an address and a prefix length without host bits, like 10.0.0.0/8"
            yield Problem(f"{path}.cidr", shown(destination.cidr), allowed, "correct it")
        if destination.port not in legal_ports(ExternalAccess.NONE):
            yield Problem(f"{path}.port", shown(destination.port), "ports are 1 to 65535", "correct it")


def role(parts: Parts) -> Iterator[Problem]:
    """Connectors to AWS have a role of theirs: pods don't reach the credentials of the machine they are on."""
    connect, aws = parts.connect, parts.aws
    # An account that is no number is told elsewhere.
    if connect is None or aws is None or not is_account(aws.account):
        return
    if connect.role_arn is not None:
        yield from role_problems("connect.role_arn", connect.role_arn, aws.account)
    elif found := [each.name for each in connect.connectors if _at_aws(each)]:
        yield Problem(
            "connect.role_arn",
            shown(None),
            f"{', '.join(found)} would have no credentials: machines keep theirs from pods",
            "name a role that trusts the workers' service account, see docs/connect.md",
        )


def _at_aws(connector: ConnectorSpec) -> bool:
    """Tell whether it writes to AWS itself, not to another store with S3's protocol."""
    lake = connector.iceberg
    if lake is None:
        return connector.s3 is not None
    # A REST catalogue may hand out credentials for its bucket.
    return lake.catalog is CatalogType.GLUE or (lake.endpoint is None and lake.catalog is not CatalogType.REST)


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
