"""What moto lacks of EKS: the requests, held against EKS' own service model, with answers as EKS documents them."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lab.aws.account import Account, Place
from lab.aws.eks import NodeGroup
from lab.aws.eks_access import AccessEntry, AccessPolicyAssociation, Addon

REGION = "eu-central-1"
WHEN = datetime(2026, 1, 2, tzinfo=UTC)
ROLE = "arn:aws:iam::111122223333:role/admins"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
CLUSTER = {"clusterName": "c"}
ENTRY = {**CLUSTER, "principalArn": ROLE}
ADDON = {**CLUSTER, "addonName": "vpc-cni"}
GROUP = {**CLUSTER, "nodegroupName": "g"}


@dataclass(frozen=True)
class Answering(Place):
    """A region whose EKS answers as it is told to, in this order, and nothing else."""

    eks: Any = field(kw_only=True)

    def client(self, service: str) -> Any:
        assert service == "eks"
        return self.eks


@dataclass
class Eks:
    """EKS' answers."""

    place: Place
    stub: Stubber

    def expect(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self.stub.add_response(operation, dict(answer), dict(request))


@pytest.fixture
def eks() -> Iterator[Eks]:
    made = boto3.client("eks", REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with closing(made) as client, Stubber(client) as stub:
        yield Eks(Answering(Account({}, {}), REGION, eks=client), stub)
        stub.assert_no_pending_responses()


def entry(**more: Any) -> dict[str, Any]:
    times = {"createdAt": WHEN, "modifiedAt": WHEN}
    return {"accessEntry": {**ENTRY, "accessEntryArn": "arn", "type": "STANDARD", **times, **more}}


def addon(**more: Any) -> dict[str, Any]:
    times = {"createdAt": WHEN, "modifiedAt": WHEN}
    return {"addon": {**ADDON, "addonArn": "arn", "addonVersion": "v1", "status": "ACTIVE", **times, **more}}


def group(**more: Any) -> dict[str, Any]:
    return {"nodegroup": {**GROUP, "nodegroupArn": "arn", "status": "ACTIVE", **more}}


def test_access_entries(eks: Eks) -> None:
    resource = AccessEntry(eks.place)
    inputs = {**ENTRY, "userName": "u", "kubernetesGroups": ["g"], "tags": {"a": "b"}}
    eks.expect(
        "create_access_entry", {**ENTRY, "username": "u", "kubernetesGroups": ["g"], "tags": {"a": "b"}}, entry()
    )
    assert resource.create(inputs) == f"c:{ROLE}"
    eks.expect("describe_access_entry", ENTRY, entry(username="u", kubernetesGroups=["g"], tags={"a": "b"}))
    found = resource.read(f"c:{ROLE}", {})
    assert found == {
        **inputs,
        "type": "STANDARD",
        "accessEntryArn": "arn",
        "createdAt": WHEN.isoformat(),
        "modifiedAt": WHEN.isoformat(),
    }
    eks.expect("update_access_entry", {**ENTRY, "kubernetesGroups": ["h"], "username": "u"}, entry())
    eks.expect("describe_access_entry", ENTRY, entry())
    resource.update(f"c:{ROLE}", inputs, {**inputs, "kubernetesGroups": ["h"]})
    eks.expect("delete_access_entry", ENTRY, {})
    resource.delete(f"c:{ROLE}", {})


def test_access_policies(eks: Eks) -> None:
    resource = AccessPolicyAssociation(eks.place)
    inputs = {**ENTRY, "policyArn": POLICY, "accessScope": {"type": "namespace", "namespaces": ["kafka"]}}
    found = {"policyArn": POLICY, "accessScope": inputs["accessScope"], "associatedAt": WHEN, "modifiedAt": WHEN}
    eks.expect("associate_access_policy", inputs, {"associatedAccessPolicy": found})
    made = resource.create(inputs)
    assert made == f"c#{ROLE}#{POLICY}"
    eks.expect("list_associated_access_policies", ENTRY, {"associatedAccessPolicies": [found]})
    times = {"associatedAt": WHEN.isoformat(), "modifiedAt": WHEN.isoformat()}
    assert resource.read(made, {}) == {**inputs, **times}
    eks.expect("list_associated_access_policies", ENTRY, {"associatedAccessPolicies": []})
    assert resource.read(made, {}) is None
    eks.expect("disassociate_access_policy", {**ENTRY, "policyArn": POLICY}, {})
    resource.delete(made, {})


def test_add_ons(eks: Eks) -> None:
    resource = Addon(eks.place)
    how = {"resolveConflictsOnCreate": "OVERWRITE", "resolveConflictsOnUpdate": "PRESERVE"}
    inputs = {**ADDON, **how, "serviceAccountRoleArn": ROLE}
    eks.expect("create_addon", {**ADDON, "resolveConflicts": "OVERWRITE", "serviceAccountRoleArn": ROLE}, addon())
    made = resource.create(inputs)
    assert made == "c:vpc-cni"
    eks.expect("describe_addon", ADDON, addon())
    resource.settle(made, inputs)
    eks.expect("describe_addon", ADDON, addon(serviceAccountRoleArn=ROLE, configurationValues="{}"))
    found = resource.read(made, inputs)
    assert (found["addonVersion"], found["serviceAccountRoleArn"], found["arn"]) == ("v1", ROLE, "arn")
    request = {**ADDON, "addonVersion": "v2", "serviceAccountRoleArn": ROLE, "resolveConflicts": "PRESERVE"}
    eks.expect("update_addon", request, {})
    eks.expect("describe_addon", ADDON, addon())
    eks.expect("describe_addon", ADDON, addon())
    resource.update(made, inputs, {**inputs, "addonVersion": "v2"})
    eks.expect("delete_addon", {**ADDON, "preserve": True}, addon())
    eks.stub.add_client_error("describe_addon", "ResourceNotFoundException", expected_params=ADDON)
    resource.delete(made, {"preserve": True})


def test_a_group_of_nodes_follows_its_template(eks: Eks) -> None:
    resource = NodeGroup(eks.place)
    before = {"launchTemplate": {"id": "lt-1", "version": "1"}, "labels": {"a": "b", "c": "d"}}
    after = {"launchTemplate": {"id": "lt-1", "version": "2"}, "labels": {"a": "e"}}
    request = {**GROUP, "launchTemplate": after["launchTemplate"], "force": False}
    eks.expect("update_nodegroup_version", request, {})
    eks.expect("describe_nodegroup", GROUP, group())
    labels = {"addOrUpdateLabels": {"a": "e"}, "removeLabels": ["c"]}
    eks.expect("update_nodegroup_config", {**GROUP, "labels": labels}, {})
    eks.expect("describe_nodegroup", GROUP, group())
    eks.expect("describe_nodegroup", GROUP, group())
    resource.update("c:g", before, after)


def test_a_group_of_nodes_that_only_grows_keeps_its_nodes(eks: Eks) -> None:
    resource = NodeGroup(eks.place)
    sizes = {"minSize": 1, "maxSize": 3, "desiredSize": 3}
    eks.expect("update_nodegroup_config", {**GROUP, "scalingConfig": sizes}, {})
    eks.expect("describe_nodegroup", GROUP, group())
    eks.expect("describe_nodegroup", GROUP, group())
    resource.update("c:g", {"scalingConfig": {**sizes, "desiredSize": 1}}, {"scalingConfig": sizes})
