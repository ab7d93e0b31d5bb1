"""What the components render, as moto takes it through boto3, and read back from there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.components.recording import Recording, reveal
from tests.components.test_eks import staging, whole

REGION = "eu-central-1"
SERVICES = ("ec2", "eks", "iam", "kms", "route53")


def api(value: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of a resource as EC2's API names them; AWS's provider does the same."""
    return {key[:1].upper() + key[1:]: item for key, item in value.items()}


@pytest.fixture(scope="module")
def rendered() -> Recording:
    return whole()


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("MOTO_ACCOUNT_ID", "444455556666")
        made = {name: boto3.client(name, region_name=REGION) for name in SERVICES}
        yield made
        for client in made.values():
            client.close()


def template_data(inputs: Mapping[str, Any]) -> dict[str, Any]:
    (disk,) = inputs["blockDeviceMappings"]
    ebs = {**disk["ebs"], "encrypted": disk["ebs"]["encrypted"] == "true"}
    ebs["deleteOnTermination"] = ebs["deleteOnTermination"] == "true"
    return {
        "InstanceType": inputs["instanceType"],
        "BlockDeviceMappings": [{"DeviceName": disk["deviceName"], "Ebs": api(ebs)}],
        "MetadataOptions": api(inputs["metadataOptions"]),
        "TagSpecifications": [
            {
                "ResourceType": each["resourceType"],
                "Tags": [{"Key": key, "Value": value} for key, value in each["tags"].items()],
            }
            for each in inputs["tagSpecifications"]
        ],
    }


def test_machines_start_from_their_template_as_it_says(rendered: Recording, clients: Mapping[str, Any]) -> None:
    inputs = rendered.one("LaunchTemplate", "kafka-nodes-broker-1a").inputs
    ec2 = clients["ec2"]
    ec2.create_launch_template(LaunchTemplateName="broker", LaunchTemplateData=template_data(inputs))
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="broker")["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["InstanceType"] == "m7g.large"
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_subnets_fit_their_network(rendered: Recording, clients: Mapping[str, Any]) -> None:
    """EC2 refuses one that isn't in the VPC, or overlaps with another."""
    ec2 = clients["ec2"]
    vpc = ec2.create_vpc(CidrBlock=rendered.one("aws:ec2/vpc:Vpc", "kafka-vpc").inputs["cidrBlock"])["Vpc"]["VpcId"]
    for subnet in rendered.by_type("Subnet"):
        zone, cidr = subnet.inputs["availabilityZone"], subnet.inputs["cidrBlock"]
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert len(found) == 6
    assert {each["AvailabilityZone"] for each in found} == {f"{REGION}{zone}" for zone in "abc"}


def test_a_cluster_and_every_group_of_machines(rendered: Recording, clients: Mapping[str, Any]) -> None:
    cluster = rendered.one("aws:eks/cluster:Cluster", "kafka-cluster").inputs
    eks, name = clients["eks"], cluster["name"]
    eks.create_cluster(
        name=name,
        version=cluster["version"],
        roleArn="arn:aws:iam::444455556666:role/cluster",
        resourcesVpcConfig=cluster["vpcConfig"],
        encryptionConfig=[cluster["encryptionConfig"]],
        logging={"clusterLogging": [{"types": cluster["enabledClusterLogTypes"], "enabled": True}]},
    )
    for group in rendered.by_type("NodeGroup"):
        inputs = group.inputs
        eks.create_nodegroup(
            clusterName=name,
            nodegroupName=group.name,
            nodeRole="arn:aws:iam::444455556666:role/nodes",
            subnets=inputs["subnetIds"],
            amiType=inputs["amiType"],
            capacityType=inputs["capacityType"],
            scalingConfig=inputs["scalingConfig"],
            updateConfig=inputs["updateConfig"],
            labels=inputs["labels"],
            taints=inputs["taints"],
            launchTemplate={"id": "lt-0123456789abcdef0", "version": inputs["launchTemplate"]["version"]},
        )
    assert len(eks.list_nodegroups(clusterName=name)["nodegroups"]) == 9
    found = eks.describe_nodegroup(clusterName=name, nodegroupName="kafka-nodes-broker-1b")["nodegroup"]
    assert found["capacityType"] == "ON_DEMAND"
    assert found["labels"] == {"kafka.pyairtable.dev/pool": "broker", "kafka.pyairtable.dev/namespace": "kafka"}
    assert found["taints"] == [{"key": "kafka.pyairtable.dev/pool", "value": "broker", "effect": "NO_SCHEDULE"}]
    assert found["subnets"] == ["kafka-vpc-private-1b"]


def test_roles_and_keys_have_documents_that_iam_and_kms_take(rendered: Recording, clients: Mapping[str, Any]) -> None:
    roles = rendered.by_type("aws:iam/role:Role")
    for role in roles:
        document = reveal(role.inputs["assumeRolePolicy"])
        clients["iam"].create_role(RoleName=role.name, AssumeRolePolicyDocument=document)
        found = clients["iam"].get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
        assert found == json.loads(document)
    assert len(roles) == 3
    for key in rendered.by_type("aws:kms/key:Key"):
        policy = reveal(key.inputs["policy"])
        made = clients["kms"].create_key(Policy=policy)["KeyMetadata"]["KeyId"]
        assert json.loads(clients["kms"].get_key_policy(KeyId=made, PolicyName="default")["Policy"]) == json.loads(
            policy
        )
        alias = rendered.one("aws:kms/alias:Alias", f"{key.name}-alias").inputs["name"]
        clients["kms"].create_alias(AliasName=alias, TargetKeyId=made)


def test_names_are_in_their_zone(clients: Mapping[str, Any]) -> None:
    route53 = clients["route53"]
    zone = route53.create_hosted_zone(Name="staging.pyairtable.internal", CallerReference="x")["HostedZone"]["Id"]
    records = staging().by_type("aws:route53/record:Record")
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                "Name": each.inputs["name"],
                "Type": each.inputs["type"],
                "TTL": each.inputs["ttl"],
                "ResourceRecords": [{"Value": value} for value in each.inputs["records"]],
            },
        }
        for each in records
    ]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert sorted(each["Name"] for each in found if each["Type"] == "CNAME") == sorted(
        f"{each.inputs['name']}." for each in records
    )
