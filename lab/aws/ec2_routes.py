"""Routes of a network."""

from typing import Any, Final

from lab.aws.ec2 import Calls, Ec2
from lab.aws.errors import Refused
from lab.aws.resource import Properties, Resource, names
from lab.aws.translate import tag_map

_TARGETS: Final = {"gatewayId": "GatewayId", "natGatewayId": "NatGatewayId"}


class RouteTable(Ec2):
    """A table of routes; each route is a type of its own."""

    pulumi_type = "aws:ec2/routeTable:RouteTable"
    tag_type = "route-table"
    calls = Calls("describe_route_tables", "RouteTableIds", "RouteTables", "delete_route_table", "RouteTableId")
    takes = names("vpcId tags region")
    fixed = names("vpcId region")
    hidden = names("routes propagatingVgws")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        made = self.ec2.create_route_table(VpcId=inputs["vpcId"], TagSpecifications=self.tagged(inputs))
        return str(made["RouteTable"]["RouteTableId"])

    def properties(self, name: str, found: dict[str, Any]) -> Properties:
        """Return it."""
        owner = found.get("OwnerId", self.place.account_id)
        tags = tag_map(found.get("Tags", ()))
        return {"arn": self.arn(name), "vpcId": found["VpcId"], "ownerId": owner, "tags": tags}


class Route(Ec2):
    """Where a range of addresses is reached. Its id is TABLE_RANGE, which the real provider takes for an import."""

    pulumi_type = "aws:ec2/route:Route"
    takes = names("routeTableId destinationCidrBlock gatewayId natGatewayId region")
    fixed = names("routeTableId destinationCidrBlock region")
    hidden = names("instanceId instanceOwnerId networkInterfaceId")

    def create(self, inputs: Properties) -> str:
        """Add it to its table."""
        self.ec2.create_route(**_request(inputs))
        return f"{inputs['routeTableId']}_{inputs['destinationCidrBlock']}"

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Point it elsewhere."""
        del name, old
        self.ec2.replace_route(**_request(new))

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it."""
        del known
        table, block = _parts(name)
        found = self.one(self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]) or {}
        for route in found.get("Routes", ()):
            if route.get("DestinationCidrBlock") == block:
                targets = {key: route[member] for key, member in _TARGETS.items() if route.get(member)}
                state = {"origin": route.get("Origin", ""), "state": route.get("State", "")}
                return {"routeTableId": table, "destinationCidrBlock": block, **targets, **state}
        return None

    def delete(self, name: str, known: Properties) -> None:
        """Take it out of its table."""
        del known
        table, block = _parts(name)
        self.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=block)


class RouteTableAssociation(Ec2):
    """Which table a subnet goes by. An import has SUBNET/TABLE for its id, as with the real provider.

    EC2 gives what replaces an association another id; so a change of the table replaces it here.
    """

    pulumi_type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    takes = names("routeTableId subnetId region")
    fixed = takes

    def create(self, inputs: Properties) -> str:
        """Make the subnet go by the table."""
        made = self.ec2.associate_route_table(RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"])
        return str(made["AssociationId"])

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it."""
        del known
        subnet, _, _ = name.partition("/")
        wanted = ("association.subnet-id", subnet) if "/" in name else ("association.route-table-association-id", name)
        tables = self.ec2.describe_route_tables(Filters=[{"Name": wanted[0], "Values": [wanted[1]]}])["RouteTables"]
        for found in (each for table in tables for each in table.get("Associations", ())):
            if wanted[1] in (found["RouteTableAssociationId"], found.get("SubnetId")):
                return {"routeTableId": found["RouteTableId"], "subnetId": found.get("SubnetId", "")}
        return None

    def delete(self, name: str, known: Properties) -> None:
        """Let the subnet go by the network's main table again."""
        del known
        self.ec2.disassociate_route_table(AssociationId=name)


ROUTES: tuple[type[Resource], ...] = (RouteTable, Route, RouteTableAssociation)


def _request(inputs: Properties) -> dict[str, Any]:
    targets = {member: inputs[key] for key, member in _TARGETS.items() if inputs.get(key)}
    return {"RouteTableId": inputs["routeTableId"], "DestinationCidrBlock": inputs["destinationCidrBlock"], **targets}


def _parts(name: str) -> tuple[str, str]:
    table, found, block = name.partition("_")
    if not found:
        raise Refused(f"{name} is no id of a route: it is TABLE_RANGE; correct it")
    return table, block
