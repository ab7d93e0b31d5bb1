"""What a stack has at AWS: accounts, zones, networks and names that AWS would refuse, or that would reach elsewhere."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from config.aws import AwsSpec, BalancerScheme, ClusterCreateSpec
from config.aws_names import (
    account_problem,
    is_account,
    is_region,
    oidc_problems,
    partition,
    region_problems,
    role_problems,
    tag_problems,
)
from config.errors import Problem, dotted, shown, suggestion
from config.literals import EKS_ADDONS, ExternalAccess
from config.network import is_host
from config.parts import Parts

_CLUSTER: Final = re.compile(r"[0-9A-Za-z][\w-]{0,99}", re.ASCII)
"""docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html"""
_SUBNET: Final = re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
_HOSTED_ZONE: Final = re.compile(r"[0-9A-Z]{1,32}")
_CLASS: Final = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_VERSION: Final = re.compile(r"1\.[1-9][0-9]")
_ADDON_VERSION: Final = re.compile(r"v\d+\.(\d+)\.\d+-eksbuild\.\d+")
_LOG_DAYS: Final = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""  # fmt: skip
_PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918, RFC 6598."""
_IOPS, _THROUGHPUT = range(3000, 16001), range(125, 1001)
"""gp3: docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html"""


def account(parts: Parts) -> Iterator[Problem]:
    """Everything is in one account and one region."""
    aws = parts.aws
    if aws is None:
        return
    yield from region_problems("aws.region", aws.region, "use another region")
    if not is_account(aws.account):
        yield account_problem("aws.account", aws.account)
        return
    if aws.assume_role_arn is not None:
        yield from role_problems("aws.assume_role_arn", aws.assume_role_arn, aws.account)
    if aws.cluster.oidc_provider_arn is not None:
        yield from oidc_problems("aws.cluster.oidc_provider_arn", aws.cluster.oidc_provider_arn, aws.account)
    prefix = f"arn:{partition(aws.region)}:kms:{aws.region}:{aws.account}:key/"
    if aws.kms_key_arn is not None and not re.fullmatch(re.escape(prefix) + r"[\w-]+", aws.kms_key_arn, re.ASCII):
        yield Problem("aws.kms_key_arn", shown(aws.kms_key_arn), f"it is {prefix}ID", "correct it")


def tags(parts: Parts) -> Iterator[Problem]:
    """Tags are what every AWS service takes, and leave the platform's alone."""
    if parts.aws is not None:
        yield from tag_problems("aws.tags", parts.aws.tags)


def zones(parts: Parts) -> Iterator[Problem]:
    """Zones are the region's."""
    if parts.aws is None or parts.kubernetes is None or not is_region(parts.aws.region):
        return
    for index, zone in enumerate(parts.kubernetes.zones):
        if not re.fullmatch(re.escape(parts.aws.region) + "[a-z]", zone):
            allowed = f"a zone of aws.region is {parts.aws.region} and a letter"
            yield Problem(f"kubernetes.zones[{index}]", shown(zone), allowed, "correct it, or aws.region")


def cluster(parts: Parts) -> Iterator[Problem]:
    """The cluster is named, and one that is made is administered by somebody and reached from known addresses."""
    aws = parts.aws
    if aws is None:
        return
    path = "aws.cluster"
    if not _CLUSTER.fullmatch(aws.cluster.name):
        allowed = "it has 1 to 100 letters, digits, - and _, and begins with a letter or digit"
        yield Problem(f"{path}.name", shown(aws.cluster.name), allowed, "correct it")
    if aws.cluster.create is None:
        return
    if aws.cluster.oidc_provider_arn is not None:
        allowed = "the provider of a cluster that is made is made with it"
        yield Problem(f"{path}.oidc_provider_arn", shown(aws.cluster.oidc_provider_arn), allowed, "remove it")
    if len(parts.kubernetes.zones if parts.kubernetes else ()) == 1:
        yield Problem("kubernetes.zones", "a list", "EKS makes clusters in two zones at least", "add a zone")
    yield from _create(aws, aws.cluster.create, f"{path}.create")


def _addons(create: ClusterCreateSpec, path: str) -> Iterator[Problem]:
    """Add-ons are those that are made, and kube-proxy isn't newer than the API server it asks.

    kubernetes.io/releases/version-skew-policy: it may be up to three minor releases older.
    """
    for name, version in create.addon_versions.items():
        at, found = dotted([*path.split("."), "addon_versions", name]), _ADDON_VERSION.fullmatch(version)
        if name not in EKS_ADDONS:
            yield Problem(at, "", "there is no such add-on", suggestion(name, EKS_ADDONS))
        elif found is None:
            yield Problem(at, shown(version), "it is a version of EKS, like v1.34.0-eksbuild.2", "correct it")
        elif name == "kube-proxy" and _VERSION.fullmatch(create.version):
            minor, cluster = int(found[1]), int(create.version.partition(".")[2])
            if not cluster - 3 <= minor <= cluster:
                allowed = f"it has to be of the cluster's release, {create.version}, or up to three before it"
                listed = f"aws eks describe-addon-versions --addon-name {name} --kubernetes-version {create.version}"
                yield Problem(at, shown(version), allowed, f"choose one that is listed by {listed}")


def _create(aws: AwsSpec, create: ClusterCreateSpec, path: str) -> Iterator[Problem]:
    if not _VERSION.fullmatch(create.version):
        yield Problem(f"{path}.version", shown(create.version), "it is a minor release, like 1.34", "correct it")
    yield from _addons(create, path)
    if create.log_retention_days not in _LOG_DAYS:
        allowed = f"CloudWatch allows {', '.join(map(str, _LOG_DAYS))}"
        yield Problem(f"{path}.log_retention_days", shown(create.log_retention_days), allowed, "choose one of them")
    for index, role in enumerate(create.admin_role_arns):
        at = f"{path}.admin_role_arns[{index}]"
        if role == aws.assume_role_arn:
            yield Problem(at, shown(role), "the role that makes a cluster administers it already", "remove it")
        elif role in create.admin_role_arns[:index]:
            yield Problem(at, shown(role), "it is listed twice", "remove one")
        elif is_account(aws.account):
            yield from role_problems(at, role, aws.account)
    for index, text in enumerate(create.public_access_cidrs):
        at = f"{path}.public_access_cidrs[{index}]"
        found = _addresses(text)
        if found is None:
            yield Problem(at, shown(text), "it is a range of IPv4 addresses, like 203.0.113.0/24", "correct it")
        elif found.prefixlen < 8:
            allowed = "the API server isn't for the whole internet"
            yield Problem(at, shown(text), allowed, "name the addresses of your network, or leave the list empty")
    if create.service_cidr is not None:
        found = _addresses(create.service_cidr)
        if found is None or not 12 <= found.prefixlen <= 24 or not any(map(found.subnet_of, _PRIVATE[:3])):
            allowed = "it is a range of private addresses, /12 to /24"
            yield Problem(f"{path}.service_cidr", shown(create.service_cidr), allowed, "correct it, or leave it out")
        elif aws.network.create and (other := _addresses(aws.network.create.cidr)) and found.overlaps(other):
            allowed = f"it overlaps with aws.network.create.cidr ({other})"
            yield Problem(f"{path}.service_cidr", shown(create.service_cidr), allowed, "choose another range")


def network(parts: Parts) -> Iterator[Problem]:
    """Each zone has one private subnet, of those that are there or of a VPC that is made; never a mix."""
    aws = parts.aws
    if aws is None:
        return
    path, made = "aws.network", aws.network.create
    if made is not None:
        if aws.network.subnets:
            yield Problem(f"{path}.subnets", "a mapping", "aws.network.create makes subnets", "remove one of the two")
        if aws.cluster.create is None:
            allowed = "a cluster that is there is in a VPC that is there"
            yield Problem(f"{path}.create", "a mapping", allowed, "name its subnets in aws.network.subnets")
        found = _addresses(made.cidr)
        if found is None or not 16 <= found.prefixlen <= 20 or not any(map(found.subnet_of, _PRIVATE)):
            allowed = "it is a range of private addresses, /16 to /20"
            yield Problem(f"{path}.create.cidr", shown(made.cidr), allowed, "correct it")
        return
    known = parts.kubernetes.zones if parts.kubernetes else ()
    owner: dict[str, str] = {}
    for zone, subnet in aws.network.subnets.items():
        at = dotted([*path.split("."), "subnets", zone])
        if known and zone not in known:
            yield Problem(at, shown(subnet), "there is no such zone in kubernetes.zones", suggestion(zone, known))
        elif not _SUBNET.fullmatch(subnet):
            allowed = "it is a subnet's id, like subnet-0123456789abcdef0"
            yield Problem(at, shown(subnet), allowed, "find it with aws ec2 describe-subnets")
        elif owner.setdefault(subnet, zone) != zone:
            yield Problem(at, shown(subnet), f"it is {owner[subnet]}'s too, and a subnet is in one zone", "correct it")
    for zone in known:
        if zone not in aws.network.subnets:
            at = dotted([*path.split("."), "subnets", zone])
            yield Problem(at, "", "it is missing", "add the id of a private subnet of this zone")


def volumes(parts: Parts) -> Iterator[Problem]:
    """The StorageClass is one that gp3 can be; disks of machines that go with them don't hold what it makes."""
    made = parts.aws.storage_class if parts.aws else None
    if made is None:
        return
    path = "aws.storage_class"
    if not _CLASS.fullmatch(made.name):
        allowed = "a StorageClass' name has at most 63 of the characters a-z 0-9 - ."
        yield Problem(f"{path}.name", shown(made.name), allowed, "choose another name")
    if made.iops is not None and made.iops not in _IOPS:
        yield Problem(f"{path}.iops", shown(made.iops), "gp3 has 3000 to 16000", "correct the value")
    if made.throughput is not None and made.throughput not in _THROUGHPUT:
        yield Problem(f"{path}.throughput", shown(made.throughput), "gp3 has 125 to 1000 MiB/s", "correct the value")
    elif made.throughput is not None and made.throughput * 4 > (made.iops or _IOPS[0]):
        allowed = f"gp3 has at most a quarter MiB/s of each of its {made.iops or _IOPS[0]} IOPS"
        yield Problem(f"{path}.throughput", shown(made.throughput), allowed, "lower it, or raise iops")


def load_balancers(parts: Parts) -> Iterator[Problem]:
    """Nobody is let in from the internet who isn't named."""
    aws = parts.aws
    if aws is None:
        return
    path, spec = "aws.load_balancers", aws.load_balancers
    for index, text in enumerate(spec.source_ranges):
        if _addresses(text) is None:
            allowed = "it is a range of IPv4 addresses, like 203.0.113.0/24"
            yield Problem(f"{path}.source_ranges[{index}]", shown(text), allowed, "correct it")
    if spec.scheme is BalancerScheme.INTERNET_FACING:
        if not spec.source_ranges:
            allowed = "it is empty, and load balancers would let in the whole internet"
            remedy = f"name the addresses of clients, or set scheme to {BalancerScheme.INTERNAL}"
            yield Problem(f"{path}.source_ranges", "a list", allowed, remedy)
        if not aws.network.create:
            allowed = "aws.network.subnets are private ones, which load balancers of the internet can't be in"
            yield Problem(f"{path}.scheme", shown(str(spec.scheme)), allowed, f"use {BalancerScheme.INTERNAL}")


def names(parts: Parts) -> Iterator[Problem]:
    """A hosted zone holds every name that a load balancer is reached by."""
    route53 = parts.aws.route53 if parts.aws else None
    if route53 is None:
        return
    path = "aws.route53"
    if not _HOSTED_ZONE.fullmatch(route53.zone_id):
        allowed = "it is a hosted zone's id, like Z0123456789ABCDEFGHIJ"
        yield Problem(f"{path}.zone_id", shown(route53.zone_id), allowed, "find it with aws route53 list-hosted-zones")
    if not 1 <= route53.ttl <= 86400:
        yield Problem(f"{path}.ttl", shown(route53.ttl), "allowed are 1 to 86400 seconds", "correct the value")
    if not is_host(route53.domain) or "." not in route53.domain:
        allowed = "it is a domain in lower case, like kafka.example.org"
        yield Problem(f"{path}.domain", shown(route53.domain), allowed, "correct it")
        return
    for at, host in _hosts(parts):
        if not host.endswith(f".{route53.domain}"):
            allowed = f"it isn't below aws.route53.domain ({route53.domain}), whose hosted zone gets its name"
            yield Problem(at, shown(host), allowed, "correct one of the two")


def _hosts(parts: Parts) -> Iterator[tuple[str, str]]:
    if parts.kafka and parts.kafka.external.type is ExternalAccess.LOAD_BALANCER:
        for zone, host in parts.kafka.external.hosts.items():
            yield dotted(["kafka", "external", "hosts", zone]), host
    registry = parts.schema_registry
    if registry and registry.external.type is ExternalAccess.LOAD_BALANCER:
        for index, host in enumerate(registry.external.hosts):
            yield f"schema_registry.external.hosts[{index}]", host
    connect = parts.connect
    if connect and connect.external.type is ExternalAccess.LOAD_BALANCER and connect.external.host:
        yield "connect.external.host", connect.external.host


def _addresses(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text) if "/" in text else None
    except ValueError:
        return None
