"""A VPC whose zones don't need each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from config.aws import VpcSpec
from config.topology import zone_suffix
from manifests.vpc import ZoneNetwork, zone_networks


@dataclass(frozen=True, kw_only=True)
class VpcArgs:
    """What ``Vpc`` is made of."""

    spec: VpcSpec
    zones: Sequence[str]
    protect: bool


class Vpc(pulumi.ComponentResource):
    """Private and public subnets with a NAT gateway in each zone. Type: kafka-platform:index:Vpc.

    A gateway for all zones would cost less, until its zone is lost, and the others with it.
    """

    private_subnets: Mapping[str, pulumi.Output[str]]
    """Zone to the subnet of machines, known when they reach the internet from there."""
    public_subnets: Mapping[str, pulumi.Output[str]]
    """Zone to the subnet that the internet reaches."""
    vpc_id: pulumi.Output[str]

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the network."""
        super().__init__("kafka-platform:index:Vpc", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.spec.cidr,
            # EKS' private endpoint is found by them.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=vpc.id, tags={"Name": f"{name}-internet"}, opts=self._child
        )
        outer = aws.ec2.RouteTable(f"{name}-public", vpc_id=vpc.id, tags={"Name": f"{name}-public"}, opts=self._child)
        way_out = aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=outer.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        private, public = {}, {}
        for network in zone_networks(args.spec.cidr, args.zones):
            private[network.zone], public[network.zone] = self._zone(network, vpc, outer, way_out)
        self.private_subnets, self.public_subnets, self.vpc_id = private, public, vpc.id
        self.register_outputs(
            {"private_subnets": private, "public_subnets": public, "vpc_id": self.vpc_id},
        )

    def _zone(
        self, network: ZoneNetwork, vpc: aws.ec2.Vpc, outer: aws.ec2.RouteTable, way_out: aws.ec2.Route
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        suffix = zone_suffix(network.zone)
        public = self._subnet(f"public-{suffix}", vpc, network.zone, network.public, "elb")
        outside = self._associate(f"public-{suffix}", public, outer)
        address = aws.ec2.Eip(
            f"{self._name}-nat-{suffix}",
            domain="vpc",
            tags={"Name": f"{self._name}-nat-{suffix}"},
            opts=self._child,
        )
        nat = aws.ec2.NatGateway(
            f"{self._name}-nat-{suffix}",
            allocation_id=address.id,
            subnet_id=public.id,
            tags={"Name": f"{self._name}-nat-{suffix}"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[way_out, outside]),
        )
        private = self._subnet(f"private-{suffix}", vpc, network.zone, network.private, "internal-elb")
        table = aws.ec2.RouteTable(
            f"{self._name}-private-{suffix}",
            vpc_id=vpc.id,
            tags={"Name": f"{self._name}-private-{suffix}"},
            opts=self._child,
        )
        route = aws.ec2.Route(
            f"{self._name}-private-{suffix}-nat",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=nat.id,
            opts=self._child,
        )
        inside = self._associate(f"private-{suffix}", private, table)
        ready = pulumi.Output.all(private.id, route.id, inside.id).apply(lambda ids: str(ids[0]))
        return ready, pulumi.Output.all(public.id, outside.id).apply(lambda ids: str(ids[0]))

    def _subnet(self, suffix: str, vpc: aws.ec2.Vpc, zone: str, cidr: str, role: str) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{self._name}-{suffix}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            # How load balancers find subnets (docs.aws.amazon.com/eks/latest/userguide/network-reqs.html).
            tags={"Name": f"{self._name}-{suffix}", f"kubernetes.io/role/{role}": "1"},
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )

    def _associate(
        self, suffix: str, subnet: aws.ec2.Subnet, table: aws.ec2.RouteTable
    ) -> aws.ec2.RouteTableAssociation:
        return aws.ec2.RouteTableAssociation(
            f"{self._name}-{suffix}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )
