"""Networks of EC2: what a cluster stands in."""

from dataclasses import dataclass
from typing import Any, ClassVar

from lab.aws.resource import Properties, Resource, names, retagged
from lab.aws.translate import tag_list, tag_map


@dataclass(frozen=True)
class Calls:
    """How a type is asked for and deleted by its id."""

    describe: str
    """The call that finds some."""
    by: str
    """Its parameter that takes ids."""
    found: str
    """The list in its answer."""
    delete: str
    """The call that deletes one."""
    one: str
    """Its parameter that takes the id."""


class Ec2(Resource):
    """What the types of EC2 share: they are asked for, tagged and, most of them, deleted by the id alone."""

    tag_type: ClassVar[str]
    """The type's name in a request's TagSpecifications."""
    calls: ClassVar[Calls]
    """Of those that ``read`` and ``delete`` here are enough for."""

    @property
    def ec2(self) -> Any:
        """The region's client."""
        return self.place.client("ec2")

    def arn(self, name: str) -> str:
        """Return the ARN: EC2 itself answers without it."""
        place = self.place
        return f"arn:{place.partition}:ec2:{place.region}:{place.account_id}:{self.tag_type}/{name}"

    def tagged(self, inputs: Properties) -> list[dict[str, Any]]:
        """Return the tags of a request that makes one."""
        tags = inputs.get("tags")
        return [{"ResourceType": self.tag_type, "Tags": tag_list(tags)}] if tags else []

    def retag(self, name: str, old: Properties, new: Properties) -> None:
        """Change the tags."""
        gone, changed = retagged(old, new)
        if gone:
            self.ec2.delete_tags(Resources=[name], Tags=[{"Key": key} for key in gone])
        if changed:
            self.ec2.create_tags(Resources=[name], Tags=tag_list(changed))

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change the tags, and what else is set after it was made."""
        self.retag(name, old, new)
        self.settle(name, new)

    def one(self, found: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Return the only one of an answer's list."""
        return found[0] if found else None

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it."""
        del known
        answer = getattr(self.ec2, self.calls.describe)(**{self.calls.by: [name]})
        found = self.one(answer[self.calls.found])
        return None if found is None else self.properties(name, found)

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return by the provider's names what EC2 answered with; None: it is as good as gone."""
        raise NotImplementedError

    def delete(self, name: str, known: Properties) -> None:
        """Delete it; EC2 refuses while it is in use."""
        del known
        getattr(self.ec2, self.calls.delete)(**{self.calls.one: name})


class Vpc(Ec2):
    """A network."""

    pulumi_type = "aws:ec2/vpc:Vpc"
    tag_type = "vpc"
    calls = Calls("describe_vpcs", "VpcIds", "Vpcs", "delete_vpc", "VpcId")
    takes = names("cidrBlock instanceTenancy enableDnsHostnames enableDnsSupport tags region")
    fixed = names("cidrBlock instanceTenancy region")
    defaults: ClassVar[Properties] = {
        "instanceTenancy": "default",
        "enableDnsSupport": True,
        "enableDnsHostnames": False,
    }
    hidden = names("enableNetworkAddressUsageMetrics ipv6AssociationId ipv6CidrBlock ipv6CidrBlockNetworkBorderGroup")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        request = {"CidrBlock": inputs["cidrBlock"], "TagSpecifications": self.tagged(inputs)}
        if inputs.get("instanceTenancy"):
            request["InstanceTenancy"] = inputs["instanceTenancy"]
        return str(self.ec2.create_vpc(**request)["Vpc"]["VpcId"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Set DNS; EC2 takes one of the two a call."""
        for key in ("enableDnsSupport", "enableDnsHostnames"):
            wanted = inputs.get(key, self.defaults[key])
            self.ec2.modify_vpc_attribute(VpcId=name, **{f"E{key[1:]}": {"Value": wanted}})

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return it with what EC2 makes along with it."""
        here = [{"Name": "vpc-id", "Values": [name]}]
        main = [*here, {"Name": "association.main", "Values": ["true"]}]
        tables = self.ec2.describe_route_tables(Filters=main)["RouteTables"]
        acls = self.ec2.describe_network_acls(Filters=[*here, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
        group = [*here, {"Name": "group-name", "Values": ["default"]}]
        groups = self.ec2.describe_security_groups(Filters=group)["SecurityGroups"]
        table = tables[0]["RouteTableId"] if tables else ""
        return {
            "arn": self.arn(name),
            "cidrBlock": found["CidrBlock"],
            "instanceTenancy": found["InstanceTenancy"],
            "dhcpOptionsId": found.get("DhcpOptionsId", ""),
            "ownerId": found["OwnerId"],
            "mainRouteTableId": table,
            "defaultRouteTableId": table,
            "defaultNetworkAclId": acls[0]["NetworkAclId"] if acls else "",
            "defaultSecurityGroupId": groups[0]["GroupId"] if groups else "",
            "enableDnsSupport": self._attribute(name, "enableDnsSupport"),
            "enableDnsHostnames": self._attribute(name, "enableDnsHostnames"),
            "tags": tag_map(found.get("Tags", ())),
        }

    def _attribute(self, name: str, key: str) -> bool:
        return bool(self.ec2.describe_vpc_attribute(VpcId=name, Attribute=key)[f"E{key[1:]}"]["Value"])


class Subnet(Ec2):
    """A range of a network in one zone."""

    pulumi_type = "aws:ec2/subnet:Subnet"
    tag_type = "subnet"
    calls = Calls("describe_subnets", "SubnetIds", "Subnets", "delete_subnet", "SubnetId")
    takes = names("vpcId cidrBlock availabilityZone mapPublicIpOnLaunch tags region")
    fixed = names("vpcId cidrBlock availabilityZone region")
    defaults: ClassVar[Properties] = {"mapPublicIpOnLaunch": False}
    hidden = names("ipv6CidrBlock ipv6CidrBlockAssociationId")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        request = {"VpcId": inputs["vpcId"], "CidrBlock": inputs["cidrBlock"]}
        if inputs.get("availabilityZone"):
            request["AvailabilityZone"] = inputs["availabilityZone"]
        return str(self.ec2.create_subnet(**request, TagSpecifications=self.tagged(inputs))["Subnet"]["SubnetId"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Say whether what starts in it gets a public address."""
        public = bool(inputs.get("mapPublicIpOnLaunch"))
        self.ec2.modify_subnet_attribute(SubnetId=name, MapPublicIpOnLaunch={"Value": public})

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return it."""
        del name
        launch = found.get("PrivateDnsNameOptionsOnLaunch", {})
        return {
            "arn": found["SubnetArn"],
            "vpcId": found["VpcId"],
            "cidrBlock": found["CidrBlock"],
            "availabilityZone": found["AvailabilityZone"],
            "availabilityZoneId": found["AvailabilityZoneId"],
            "mapPublicIpOnLaunch": found["MapPublicIpOnLaunch"],
            "ownerId": found["OwnerId"],
            "privateDnsHostnameTypeOnLaunch": launch.get("HostnameType", ""),
            "tags": tag_map(found.get("Tags", ())),
        }


class InternetGateway(Ec2):
    """A network's way to the internet and back."""

    pulumi_type = "aws:ec2/internetGateway:InternetGateway"
    tag_type = "internet-gateway"
    calls = Calls(
        "describe_internet_gateways",
        "InternetGatewayIds",
        "InternetGateways",
        "delete_internet_gateway",
        "InternetGatewayId",
    )
    takes = names("vpcId tags region")
    fixed = names("region")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        made = self.ec2.create_internet_gateway(TagSpecifications=self.tagged(inputs))
        return str(made["InternetGateway"]["InternetGatewayId"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Attach it to its network, and to no other."""
        found = self.read(name, {}) or {}
        if found.get("vpcId") != inputs.get("vpcId"):
            self._detach(name, found)
            if inputs.get("vpcId"):
                self.ec2.attach_internet_gateway(InternetGatewayId=name, VpcId=inputs["vpcId"])

    def _detach(self, name: str, found: Properties) -> None:
        if found.get("vpcId"):
            self.ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=found["vpcId"])

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return it."""
        attached = [each["VpcId"] for each in found.get("Attachments", ())]
        owner = found.get("OwnerId", self.place.account_id)
        tags = tag_map(found.get("Tags", ()))
        return {"arn": self.arn(name), "vpcId": attached[0] if attached else "", "ownerId": owner, "tags": tags}

    def delete(self, name: str, known: Properties) -> None:
        """Detach and delete it."""
        self._detach(name, self.read(name, known) or {})
        super().delete(name, known)


class Eip(Ec2):
    """A public address."""

    pulumi_type = "aws:ec2/eip:Eip"
    tag_type = "elastic-ip"
    calls = Calls("describe_addresses", "AllocationIds", "Addresses", "release_address", "AllocationId")
    takes = names("domain tags region")
    fixed = names("domain region")
    hidden = names(
        "associationId carrierIp customerOwnedIp instance ipamPoolId networkBorderGroup "
        "networkInterface privateDns privateIp ptrRecord publicIpv4Pool"
    )

    def create(self, inputs: Properties) -> str:
        """Allocate it."""
        domain = inputs.get("domain") or "vpc"
        return str(self.ec2.allocate_address(Domain=domain, TagSpecifications=self.tagged(inputs))["AllocationId"])

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return it."""
        address = found["PublicIp"]
        host = f"ec2-{address.replace('.', '-')}.{self.place.region}.compute.amazonaws.com"
        return {
            "allocationId": name,
            "arn": self.arn(name),
            "domain": found["Domain"],
            "publicIp": address,
            "publicDns": host,
            "tags": tag_map(found.get("Tags", ())),
        }


class NatGateway(Ec2):
    """The way out for what has no public address."""

    pulumi_type = "aws:ec2/natGateway:NatGateway"
    tag_type = "natgateway"
    calls = Calls("describe_nat_gateways", "NatGatewayIds", "NatGateways", "delete_nat_gateway", "NatGatewayId")
    takes = names("allocationId subnetId connectivityType tags region")
    fixed = names("allocationId subnetId connectivityType region")
    defaults: ClassVar[Properties] = {"connectivityType": "public"}
    hidden = names(
        "associationId autoProvisionZones autoScalingIps availabilityMode regionalNatGatewayAddresses "
        "regionalNatGatewayAutoMode routeTableId secondaryAllocationIds secondaryPrivateIpAddressCount "
        "secondaryPrivateIpAddresses"
    )

    def create(self, inputs: Properties) -> str:
        """Make it and wait until it works."""
        request = {"SubnetId": inputs["subnetId"], "TagSpecifications": self.tagged(inputs)}
        request["ConnectivityType"] = inputs.get("connectivityType") or "public"
        if inputs.get("allocationId"):
            request["AllocationId"] = inputs["allocationId"]
        return str(self.ec2.create_nat_gateway(**request)["NatGateway"]["NatGatewayId"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Wait until it is available."""
        del inputs
        self.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[name], WaiterConfig={"Delay": 1})

    def properties(self, name: str, found: dict[str, Any]) -> Properties | None:
        """Return it; EC2 shows deleted ones for an hour."""
        del name
        if found["State"] in ("deleting", "deleted", "failed"):
            return None
        addresses = found.get("NatGatewayAddresses") or [{}]
        return {
            "allocationId": addresses[0].get("AllocationId", ""),
            "subnetId": found["SubnetId"],
            "connectivityType": found.get("ConnectivityType", "public"),
            "vpcId": found["VpcId"],
            "privateIp": addresses[0].get("PrivateIp", ""),
            "publicIp": addresses[0].get("PublicIp", ""),
            "networkInterfaceId": addresses[0].get("NetworkInterfaceId", ""),
            "tags": tag_map(found.get("Tags", ())),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it and wait until its address is free."""
        super().delete(name, known)
        self.ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[name], WaiterConfig={"Delay": 1})
