"""How the addresses of a VPC are divided."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

_PARTS = 4
"""Bits of the division: 16 parts, of which zones' private subnets are the first and all public ones the last."""


@dataclass(frozen=True, kw_only=True)
class ZoneNetwork:
    """The subnets of one zone."""

    zone: str
    private: str
    """Addresses of machines and pods."""
    public: str
    """Addresses of the NAT gateway, and of load balancers that face the internet."""


def zone_networks(cidr: str, zones: Sequence[str]) -> tuple[ZoneNetwork, ...]:
    """Divide a VPC: /16 gives each zone 4096 private addresses and 256 public ones. At most 15 zones.

    A zone's part follows from its place in the list alone, so that one at the end changes nothing of the others.
    """
    parts = list(IPv4Network(cidr).subnets(prefixlen_diff=_PARTS))
    public = list(parts[-1].subnets(prefixlen_diff=_PARTS))
    return tuple(
        ZoneNetwork(zone=zone, private=str(private), public=str(outer))
        for zone, private, outer in zip(zones, parts[:-1], public, strict=False)
    )
