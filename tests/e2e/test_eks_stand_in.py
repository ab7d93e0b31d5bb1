"""Machines at AWS with the real engine: AWS's plugin, or its stand-in, against moto's HTTP API. No lab is needed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.test_aws_stand_in import HOME, Stack, opened, server
from tests.unit.test_aws_config import changed

pytestmark = pytest.mark.aws

ACCOUNT, CLUSTER = "444455556666", "pyairtable-staging"
ZONES = [f"{HOME}{letter}" for letter in "abc"]

PROGRAM = """
import json, pathlib
import pulumi
from components.aws_provider import AwsAccount, aws_provider
from components.dns_records import DnsRecords, DnsRecordsArgs
from components.eks_platform import EksPlatform, EksPlatformArgs
from config.aws_names import platform_tags
from config.build import build_platform
from components.vpc import Vpc, VpcArgs
from config.aws import VpcSpec
from manifests.nodes import Topology

platform = build_platform("staging", json.loads(pathlib.Path("settings.json").read_text()))
aws = platform.aws
tags = platform_tags(aws.tags, platform.stack)
account = AwsAccount(region=aws.region, account=aws.account, assume_role_arn=aws.assume_role_arn, tags=tags)
opts = pulumi.ResourceOptions(providers=[aws_provider("aws", account)])
made = EksPlatform(
    "kafka",
    EksPlatformArgs(
        spec=aws,
        topology=Topology(spec=platform.kafka, namespace="kafka"),
        zones=platform.kubernetes.zones,
        tags=tags,
        protect=platform.protect,
    ),
    opts,
)
targets = {host: "balancer.elb.example.org" for host in platform.kafka.external.hosts.values()}
DnsRecords("names", DnsRecordsArgs(spec=aws.route53, targets=targets), opts)
# The network of a cluster that is made; moto makes no add-ons, which such a cluster has.
Vpc("network", VpcArgs(spec=VpcSpec(), zones=platform.kubernetes.zones, protect=platform.protect), opts)
for name in ("oidc_provider_arn", "key_arn", "kubeconfig"):
    pulumi.export(name, getattr(made, name))
"""


@dataclass(frozen=True)
class BroughtUp(Stack):
    """A stack on a cluster that is there, and what was seen on the way."""

    previewed: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BroughtUp]:
    with ExitStack() as exits:
        patch = exits.enter_context(pytest.MonkeyPatch.context())
        for name, value in {"MOTO_ACCOUNT_ID": ACCOUNT, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
            patch.setenv(name, value)
        # Otherwise moto has none of the policies that are AWS's own.
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        patch.setattr("tests.e2e.test_aws_stand_in.ACCOUNT", ACCOUNT)
        url = exits.enter_context(server())
        opening = exits.enter_context(opened(tmp_path_factory.mktemp("eks"), PROGRAM, url))
        opening.settings(**found(opening))
        previewed = opening.run(opening.engine.preview)
        made = opening.up()
        yield BroughtUp(opening.engine, url, opening.warnings, previewed.changes, made.changes)


def found(stack: Stack) -> dict[str, Any]:
    """Staging's values for a cluster, subnets and a hosted zone that are there, and unprotected."""
    values = changed("protect", False)
    with stack.client("ec2") as ec2:
        vpc = ec2.create_vpc(CidrBlock="10.32.0.0/16")["Vpc"]["VpcId"]
        subnets = {
            zone: ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=f"10.32.{index}.0/24")["Subnet"][
                "SubnetId"
            ]
            for index, zone in enumerate(ZONES)
        }
    with stack.client("eks") as eks:
        eks.create_cluster(
            name=values["aws"]["cluster"]["name"],
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/cluster",
            resourcesVpcConfig={"subnetIds": list(subnets.values())},
        )
    with stack.client("route53") as route53:
        zone = route53.create_hosted_zone(Name="staging.pyairtable.internal", CallerReference="test")["HostedZone"]
    values["aws"]["network"]["subnets"] = subnets
    values["aws"]["route53"]["zone_id"] = zone["Id"].rpartition("/")[2]
    return values


def settings(stack: Stack) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((stack.engine.workspace.root / "settings.json").read_text())
    return values


def test_a_preview_shows_everything(stack: BroughtUp) -> None:
    assert dict(stack.previewed) == dict(stack.made)


def test_every_group_is_in_its_zones_subnet_and_starts_from_its_template(stack: BroughtUp) -> None:
    with stack.client("eks") as eks, stack.client("ec2") as ec2:
        names = eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]
        assert len(names) == 9
        for name in names:
            group = eks.describe_nodegroup(clusterName=CLUSTER, nodegroupName=name)["nodegroup"]
            (subnet,) = ec2.describe_subnets(SubnetIds=group["subnets"])["Subnets"]
            suffix = name.removeprefix("kafka-nodes-").split("-")[1]
            assert subnet["AvailabilityZone"] == f"eu-central-{suffix}"
            assert group["capacityType"] == "ON_DEMAND"
            versions = ec2.describe_launch_template_versions(
                LaunchTemplateId=group["launchTemplate"]["id"], Versions=[group["launchTemplate"]["version"]]
            )
            (version,) = versions["LaunchTemplateVersions"]
            data = version["LaunchTemplateData"]
            assert data["MetadataOptions"]["HttpTokens"] == "required"
            assert data["BlockDeviceMappings"][0]["Ebs"]["KmsKeyId"] == stack.resources()["kafka-key"]["outputs"]["arn"]


def test_each_zone_leaves_by_its_own_gateway(stack: BroughtUp) -> None:
    with stack.client("ec2") as ec2:
        gateways = {each["NatGatewayId"]: each["SubnetId"] for each in ec2.describe_nat_gateways()["NatGateways"]}
        zones = {each["SubnetId"]: each["AvailabilityZone"] for each in ec2.describe_subnets()["Subnets"]}
        tables = ec2.describe_route_tables()["RouteTables"]
    ways = {
        zones[association["SubnetId"]]: zones[gateways[route["NatGatewayId"]]]
        for table in tables
        for route in table["Routes"]
        if "NatGatewayId" in route
        for association in table["Associations"]
        if "SubnetId" in association
    }
    assert ways == {zone: zone for zone in ZONES}


def test_names_lead_to_balancers(stack: BroughtUp) -> None:
    zone = settings(stack)["aws"]["route53"]["zone_id"]
    with stack.client("route53") as route53:
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    names = {each["Name"]: each["ResourceRecords"] for each in found if each["Type"] == "CNAME"}
    assert names == {
        f"kafka-1{letter}.staging.pyairtable.internal.": [{"Value": "balancer.elb.example.org"}] for letter in "abc"
    }


def test_a_second_update_changes_nothing(stack: BroughtUp) -> None:
    assert set(stack.up().changes) == {"same"}


def test_another_type_rolls_machines_and_replaces_nothing(stack: BroughtUp) -> None:
    """In a preview: moto has no UpdateNodegroupVersion."""
    values = settings(stack)
    groups = values["aws"]["node_groups"]
    larger = [{**each, "instance_type": "m7g.xlarge"} if each["name"] == "broker" else each for each in groups]
    stack.settings(**{**values, "aws": {**values["aws"], "node_groups": larger}})
    changes = stack.run(stack.engine.preview).changes
    stack.settings(**values)
    # A template and a group in each zone.
    assert {kind: count for kind, count in changes.items() if kind != "same"} == {"update": 6}


def test_another_zone_adds_to_what_is_there(stack: BroughtUp) -> None:
    values = settings(stack)
    subnets = values["aws"]["network"]["subnets"]
    values["kubernetes"]["zones"] = [*ZONES, f"{HOME}d"]
    values["aws"]["network"]["subnets"] = {**subnets, f"{HOME}d": "subnet-0123456789abcdef0"}
    stack.settings(**values)
    progress = stack.run(stack.engine.preview)
    assert not {"delete", "replace", "delete-replaced", "create-replacement"} & progress.changes.keys()
    # A template and a group for each of three pools and companions; two subnets, a gateway and its address, and routes.
    assert progress.changes["create"] == 6 + 8


def test_everything_goes_but_what_was_there(stack: BroughtUp) -> None:
    stack.run(stack.engine.destroy)
    with stack.client("eks") as eks, stack.client("ec2") as ec2, stack.client("iam") as iam:
        assert eks.list_clusters()["clusters"] == [CLUSTER]
        assert eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"] == []
        assert ec2.describe_launch_templates()["LaunchTemplates"] == []
        assert [each["CidrBlock"] for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]] == ["10.32.0.0/16"]
        assert iam.list_roles()["Roles"] == []
