"""Every type of AWS's stand-in at moto's HTTP API: made, read, refreshed, imported, changed, deleted, deleted again."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.parsers import ResponseParserError
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from lab.aws.account import Account
from lab.aws.errors import Refused
from lab.aws.provider import Provider, Unfinished
from lab.aws.server import Service
from lab.aws.types import TYPES
from tests.moto_eks import extend_moto

ACCOUNT, REGION = "111122223333", "eu-central-1"
UNANSWERED = {"forceDestroy", "deletionWindowInDays", "resolveConflictsOnCreate"}
"""Inputs that say how something is made or deleted, and that AWS doesn't keep."""
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
WORLDS = ("storage", "identity", "cluster", "names")
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
MANAGED = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
ACCESS = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
LOG_DELIVERY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::bucket-logs/*",
            }
        ],
    }
)


@dataclass
class World:
    """A provider, and what was made by it: in the order in which it was made."""

    provider: Provider
    made: dict[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    """Name to type, id, inputs and outputs."""

    def make(self, kind: str, name: str, /, **inputs: Any) -> Mapping[str, Any]:
        token = next(each for each in TYPES if each.endswith(f":{kind}"))
        checked = self.provider.check(token, name, {}, inputs, os.urandom(8))
        assert checked.problems == []
        made, outputs = self.provider.create(token, checked.inputs)
        self.made[name] = (token, made, checked.inputs, outputs)
        return {"id": made, **outputs}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A moto with nothing in it, and a provider of one account."""
    with ExitStack() as exits:
        patch = exits.enter_context(pytest.MonkeyPatch.context())
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
        exits.callback(moto_api_backend.reset)
        moto_api_backend.reset()
        # A reset would make the policies of every account anew.
        exits.callback(patch.delenv, "MOTO_IAM_LOAD_MANAGED_POLICIES")
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        extend_moto()
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        exits.callback(server.stop)
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        account = Account({"region": REGION, "defaultTags": {"tags": {"project": "p"}}}, os.environ)
        exits.callback(account.close)
        yield World(Provider(account, TYPES))


@pytest.fixture(scope="module")
def worlds(world: World) -> dict[str, World]:
    """Everything there is a type for, made once; tests of changes change it, those of deletions come last."""
    found = {}
    for build in (storage, identity, cluster, names):
        found[build.__name__] = World(world.provider)
        build(found[build.__name__])
    return found


def storage(world: World) -> None:
    key = world.make("Key", "key", description="d", enableKeyRotation=True)
    world.make("Alias", "alias", name="alias/x", targetKeyId=key["keyId"])
    logs = world.make("Bucket", "logs", bucket="bucket-logs", forceDestroy=True)["id"]
    bucket = world.make("Bucket", "one", bucket="bucket-one", objectLockEnabled=True, tags={"a": "b"})["id"]
    world.make("BucketPolicy", "policy", bucket=logs, policy=LOG_DELIVERY)
    world.make("BucketVersioning", "versioning", bucket=bucket, versioningConfiguration={"status": "Enabled"})
    world.make("BucketVersioning", "more", bucket=logs, versioningConfiguration={"status": "Enabled"})
    world.make("BucketPublicAccessBlock", "block", bucket=bucket, blockPublicAcls=True)
    world.make("BucketOwnershipControls", "owner", bucket=bucket, rule={"objectOwnership": "BucketOwnerEnforced"})
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key["arn"]}
    rules: list[dict[str, Any]] = [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]
    world.make("BucketServerSideEncryptionConfiguration", "encryption", bucket=bucket, rules=rules)
    rules = [
        {
            "id": "a",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"days": 9},
            "transitions": [{"days": 30, "storageClass": "GLACIER"}],
        }
    ]
    world.make("BucketLifecycleConfiguration", "lifecycle", bucket=bucket, rules=rules)
    retention = {"defaultRetention": {"mode": "GOVERNANCE", "days": 3}}
    world.make("BucketObjectLockConfiguration", "lock", bucket=bucket, rule=retention)
    world.make("BucketLogging", "logging", bucket=bucket, targetBucket=logs, targetPrefix="x/")
    role = world.make("Role", "role", assumeRolePolicy=TRUST)
    rules = [
        {
            "id": "a",
            "priority": 1,
            "status": "Enabled",
            "filter": {"prefix": ""},
            "deleteMarkerReplication": {"status": "Disabled"},
            "destination": {
                "bucket": f"arn:aws:s3:::{logs}",
                "encryptionConfiguration": {"replicaKmsKeyId": key["arn"]},
            },
        }
    ]
    world.make("BucketReplicationConfig", "replication", bucket=bucket, role=role["arn"], rules=rules)


def identity(world: World) -> None:
    role = world.make("Role", "role", assumeRolePolicy=TRUST, description="d", maxSessionDuration=7200)["name"]
    world.make("RolePolicy", "policy", role=role, policy=ALLOW)
    world.make("RolePolicyAttachment", "attachment", role=role, policyArn=MANAGED)
    world.make(
        "OpenIdConnectProvider", "issuer", url="https://oidc.example.org/id/A", clientIdLists=["sts.amazonaws.com"]
    )


def network(world: World) -> str:
    vpc = world.make("Vpc", "vpc", cidrBlock="10.0.0.0/16", enableDnsHostnames=True, tags={"Name": "n"})["id"]
    zone = {"availabilityZone": f"{REGION}a", "mapPublicIpOnLaunch": True}
    subnet = str(world.make("Subnet", "subnet", vpcId=vpc, cidrBlock="10.0.0.0/20", **zone)["id"])
    gateway = world.make("InternetGateway", "gateway", vpcId=vpc)["id"]
    address = world.make("Eip", "address", domain="vpc")["id"]
    nat = world.make("NatGateway", "nat", allocationId=address, subnetId=subnet)["id"]
    table = world.make("RouteTable", "table", vpcId=vpc)["id"]
    world.make("Route", "out", routeTableId=table, destinationCidrBlock="0.0.0.0/0", gatewayId=gateway)
    world.make("Route", "far", routeTableId=table, destinationCidrBlock="192.168.0.0/16", natGatewayId=nat)
    world.make("RouteTableAssociation", "association", routeTableId=table, subnetId=subnet)
    return subnet


def cluster(world: World) -> None:
    subnet = network(world)
    role = world.make("Role", "role", assumeRolePolicy=TRUST)["arn"]
    world.make("LogGroup", "logs", name="/aws/eks/c/cluster", retentionInDays=30)
    made = world.make(
        "Cluster",
        "cluster",
        name="c",
        roleArn=role,
        version="1.34",
        vpcConfig={"subnetIds": [subnet], "endpointPrivateAccess": True, "endpointPublicAccess": False},
        enabledClusterLogTypes=["api", "audit"],
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.20.0.0/16"},
    )
    world.make("Addon", "add-on", clusterName=made["name"], addonName="vpc-cni", resolveConflictsOnCreate="OVERWRITE")
    world.make("AccessEntry", "entry", clusterName=made["name"], principalArn=role, tags={"a": "b"})
    scope = {"type": "namespace", "namespaces": ["kafka"]}
    entry = {"clusterName": made["name"], "principalArn": role, "policyArn": ACCESS, "accessScope": scope}
    world.make("AccessPolicyAssociation", "access", **entry)
    disk = {"volumeSize": 30, "volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true"}
    template = world.make(
        "LaunchTemplate",
        "template",
        instanceType="m7g.large",
        metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1, "httpEndpoint": "enabled"},
        blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": disk}],
        tagSpecifications=[{"resourceType": "instance", "tags": {"a": "b"}}],
    )
    world.make(
        "NodeGroup",
        "group",
        clusterName=made["name"],
        nodeRoleArn=role,
        subnetIds=[subnet],
        scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 1},
        amiType="AL2023_ARM_64_STANDARD",
        labels={"pool": "broker"},
        taints=[{"key": "pool", "value": "broker", "effect": "NO_SCHEDULE"}],
        launchTemplate={"id": template["id"], "version": str(template["latestVersion"])},
    )


def names(world: World) -> None:
    with closing(boto3.client("route53", REGION, endpoint_url=os.environ["AWS_ENDPOINT_URL"])) as dns:
        zone = dns.create_hosted_zone(Name="example.org", CallerReference="x")["HostedZone"]["Id"]
    zone = zone.rpartition("/")[2]
    world.make("Record", "a", zoneId=zone, name="kafka.example.org", type="A", ttl=60, records=["10.0.0.1", "10.0.0.2"])
    world.make("Record", "short", zoneId=zone, name="b", type="CNAME", ttl=60, records=["kafka.example.org"])
    world.make("Record", "any", zoneId=zone, name="*.example.org", type="CNAME", ttl=60, records=["kafka.example.org"])


def test_every_type_was_tried(worlds: Mapping[str, World]) -> None:
    tried = {token for world in worlds.values() for token, *_ in world.made.values()}
    assert tried == TYPES.keys()


def test_outputs_are_those_the_provider_always_has(worlds: Mapping[str, World]) -> None:
    for world in worlds.values():
        for token, _, _, outputs in world.made.values():
            kind = TYPES[token]
            lacking = kind.published().always - {key for key, value in outputs.items() if value is not None}
            assert lacking <= kind.hidden, token


@pytest.mark.parametrize("which", WORLDS)
def test_a_refresh_sees_what_was_made(which: str, worlds: Mapping[str, World]) -> None:
    world = worlds[which]
    for name, (token, made, inputs, outputs) in world.made.items():
        found = world.provider.read(token, made, outputs, inputs)
        # A role has what was attached to it later.
        changed = {"managedPolicyArns"} if token.endswith(":Role") else set()
        assert found is not None, name
        assert {key for key, value in found[0].items() if value != outputs[key]} <= changed, name
        assert found[1] == inputs, name


@pytest.mark.parametrize("which", WORLDS)
def test_an_import_needs_the_id_alone(which: str, worlds: Mapping[str, World]) -> None:
    world = worlds[which]
    for name, (token, made, inputs, outputs) in world.made.items():
        found = world.provider.read(token, made, {}, {})
        assert found is not None, name
        changed = world.provider.diff(token, found[0], found[1], inputs, [])
        assert {each.path[0] for each in changed} <= UNANSWERED, name
        assert outputs.keys() - found[0].keys() <= UNANSWERED, name


@pytest.mark.parametrize(
    ("which", "name", "change"),
    [
        ("storage", "key", {"description": "e", "enableKeyRotation": False, "tags": {"project": "q"}}),
        ("storage", "one", {"tags": {"c": "d"}}),
        (
            "storage",
            "lifecycle",
            {"rules": [{"id": "b", "status": "Disabled", "filter": {"prefix": "x/"}, "expiration": {"days": 1}}]},
        ),
        ("storage", "owner", {"rule": {"objectOwnership": "ObjectWriter"}}),
        ("storage", "block", {"blockPublicAcls": False, "blockPublicPolicy": True}),
        ("storage", "lock", {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "years": 1}}}),
        ("storage", "logging", {"targetPrefix": "y/"}),
        ("identity", "role", {"description": "e", "maxSessionDuration": 3600, "tags": {}}),
        ("identity", "policy", {"policy": ALLOW.replace("s3:*", "s3:GetObject")}),
        ("identity", "issuer", {"tags": {"a": "b"}}),
        ("cluster", "vpc", {"enableDnsHostnames": False, "tags": {"Name": "m"}}),
        ("cluster", "subnet", {"mapPublicIpOnLaunch": False}),
        ("cluster", "logs", {"retentionInDays": 60, "tags": {"a": "b"}}),
        ("cluster", "cluster", {"enabledClusterLogTypes": ["api"], "tags": {"a": "b"}}),
        ("cluster", "add-on", {"addonVersion": "v1.1.0-eksbuild.1", "resolveConflictsOnUpdate": "PRESERVE"}),
        ("cluster", "entry", {"kubernetesGroups": ["kafka"]}),
        ("cluster", "template", {"instanceType": "m7g.xlarge", "updateDefaultVersion": True}),
        (
            "cluster",
            "group",
            {"scalingConfig": {"minSize": 1, "maxSize": 5, "desiredSize": 3}, "labels": {"pool": "x"}},
        ),
        ("cluster", "group", {"taints": [{"key": "a", "value": "b", "effect": "NO_EXECUTE"}]}),
        ("names", "a", {"records": ["10.0.0.9"], "ttl": 30}),
    ],
)
def test_changes_are_made_in_place(
    which: str, name: str, change: Mapping[str, Any], worlds: Mapping[str, World]
) -> None:
    world = worlds[which]
    token, made, inputs, outputs = world.made[name]
    wanted = world.provider.check(token, name, inputs, {**inputs, **change}, b"").inputs
    planned = world.provider.diff(token, outputs, inputs, wanted, [])
    assert planned
    assert not any(each.replaces for each in planned)
    changed = world.provider.update(token, made, inputs, wanted)
    world.made[name] = (token, made, wanted, changed)
    assert {key: changed[key] for key in change} == {key: wanted[key] for key in change}
    assert world.provider.read(token, made, changed, wanted) == (changed, wanted)


def test_a_template_s_change_is_a_further_version(worlds: Mapping[str, World]) -> None:
    world = worlds["cluster"]
    token, made, inputs, outputs = world.made["template"]
    wanted = {**inputs, "userData": "eA=="}
    changed = world.provider.update(token, made, inputs, wanted)
    assert changed["latestVersion"] == outputs["latestVersion"] + 1
    assert changed["instanceType"] == inputs["instanceType"], "the other parts are said again"
    world.made["template"] = (token, made, wanted, changed)


def test_names_of_zones_may_be_left_out_of_records(worlds: Mapping[str, World]) -> None:
    _, _, _, outputs = worlds["names"].made["short"]
    assert (outputs["name"], outputs["fqdn"]) == ("b", "b.example.org")


def test_object_lock_can_not_be_taken_off_in_place(worlds: Mapping[str, World]) -> None:
    world = worlds["storage"]
    token, _, inputs, outputs = world.made["one"]
    (locked,) = world.provider.diff(token, outputs, inputs, {**inputs, "objectLockEnabled": False}, [])
    assert locked.replaces


@pytest.mark.parametrize("which", WORLDS)
def test_what_is_deleted_is_gone_and_may_be_deleted_again(which: str, worlds: Mapping[str, World]) -> None:
    world = worlds[which]
    for name, (token, made, inputs, outputs) in reversed(world.made.items()):
        world.provider.delete(token, made, {**inputs, **outputs})
        world.provider.delete(token, made, {**inputs, **outputs})
        # What was versioned or locked once stays so until the bucket is gone.
        if not token.endswith(("BucketVersioning", "BucketObjectLockConfiguration")):
            assert world.provider.read(token, made, outputs, inputs) is None, name


def test_one_that_was_made_and_is_not_whole_is_kept(world: World) -> None:
    with pytest.raises(Unfinished, match=r"when calling the PutBucketTagging operation") as raised:
        world.make("Bucket", "bucket", bucket="bucket-two", tags={"aws:reserved": "x"})
    assert raised.value.name == "bucket-two"
    found = world.provider.read("aws:s3/bucket:Bucket", "bucket-two", {}, raised.value.inputs)
    assert found is not None
    assert found[1].get("tags") != raised.value.inputs["tags"], "the next preview sees what is missing"


def test_what_the_server_lacks_is_told(world: World) -> None:
    made = world.make("OpenIdConnectProvider", "lacking", url="https://oidc.example.org/id/B", clientIdLists=["a"])
    inputs = {"url": "https://oidc.example.org/id/B", "clientIdLists": ["a"]}
    with pytest.raises(ResponseParserError) as raised:
        world.provider.update(OIDC, made["id"], inputs, {**inputs, "clientIdLists": ["a", "b"]})
    url = os.environ["AWS_ENDPOINT_URL"]
    assert Service(TYPES, os.environ, "").explained(raised.value) == (
        f"the server of AWS's API at {url} doesn't do an operation that its log names; docs/aws-stand-in.md lists what "
        "moto lacks"
    )


def test_a_wrong_id_is_told(world: World) -> None:
    with pytest.raises(Refused, match=r"^nonsense is no id: it is CLUSTER:NAME; correct it$"):
        world.provider.read("aws:eks/nodeGroup:NodeGroup", "nonsense", {}, {})


def test_roles_are_taken_one_after_the_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOTO_ACCOUNT_ID")
    # Moto would make AWS's own policies, over a thousand, in each of the accounts.
    monkeypatch.delenv("MOTO_IAM_LOAD_MANAGED_POLICIES")
    roles = [{"roleArn": f"arn:aws:iam::{account}:role/r"} for account in ("222233334444", "333344445555")]
    account = Account({"region": REGION, "assumeRoles": roles}, os.environ)
    assert account.account_id == "333344445555"
    assert world.provider.account.account_id == ACCOUNT
