"""Load balancers in front of Services, and the names that lead to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from config.aws import Route53Spec
from manifests.load_balancers import balanced, is_balancer


@dataclass(frozen=True, kw_only=True)
class Balancing:
    """How Services of the type LoadBalancer get theirs."""

    by_zone: Mapping[str, Mapping[str, pulumi.Input[str]]]
    """Zone to the annotations of a Service whose pods are there alone."""
    everywhere: Mapping[str, pulumi.Input[str]]
    """Annotations of a Service whose pods are in all zones."""
    source_ranges: Sequence[str]
    """Addresses that connections may come from; empty: any."""
    route53: Route53Spec | None
    """None: somebody else makes the names."""


def create_services(
    name: str,
    manifests: Mapping[str, dict[str, Any]],
    balancing: Balancing | None,
    opts: pulumi.ResourceOptions,
    zones: Mapping[str, str] | None = None,
) -> dict[str, k8s.core.v1.Service]:
    """Create Services and return them by name; ``zones`` says of those with pods in one zone which it is."""

    def adapted(service: str, manifest: dict[str, Any]) -> dict[str, Any]:
        if balancing is None or not is_balancer(manifest):
            return manifest
        zone = (zones or {}).get(service)
        more = balancing.everywhere if zone is None else balancing.by_zone[zone]
        return balanced(manifest, more, balancing.source_ranges, named=balancing.route53 is not None)

    return {
        service: k8s.core.v1.Service(f"{name}-{service}", **adapted(service, manifest), opts=opts)
        for service, manifest in manifests.items()
    }


def create_names(
    name: str,
    hosts: Mapping[str, k8s.core.v1.Service],
    balancing: Balancing | None,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Lead each host to its Service's load balancer where there is a hosted zone; return what does."""
    if balancing is None or balancing.route53 is None or not hosts:
        return []
    # AWS's package takes a quarter of a second, which other stacks don't pay.
    from components.dns_records import DnsRecords, DnsRecordsArgs

    targets = {host: balancer_host(service) for host, service in hosts.items()}
    return [DnsRecords(name, DnsRecordsArgs(spec=balancing.route53, targets=targets), opts)]


def balancer_host(service: k8s.core.v1.Service) -> pulumi.Output[str]:
    """Return the name AWS gave a Service's load balancer."""
    found: pulumi.Output[str] = service.status.apply(lambda status: status.load_balancer.ingress[0].hostname)
    return found
