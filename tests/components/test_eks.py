"""What a stack has at AWS under its Kubernetes, as the engine receives it."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import tests.components.test_invariants as invariants
from components.foundation import Foundation, create_foundation
from config.aws import AwsSpec
from config.build import build_platform
from config.instance_types import Architecture
from manifests import eks_policy as policies
from manifests.node_group import launch_template, node_group
from manifests.nodes import Topology
from manifests.zone_groups import zone_groups
from tests.components.aws_types import misfits
from tests.components.recording import UNKNOWN, Recording, Resource, recorded, reveal
from tests.unit.test_aws_config import MADE, changed, platform

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION, ZONES = "444455556666", "eu-central-1", ("eu-central-1a", "eu-central-1b", "eu-central-1c")
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/MADE"


def laid(made: bool = True, *, at: str = "protect", change: Any = True, preview: bool = False) -> Recording:
    """Staging's foundation alone, with a change; ``made``: cluster and network are the program's."""
    with recorded(preview=preview, stack="staging") as recording, pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.target.check_reachable", lambda _: None)
        create_foundation(platform(at, change, made=made))
    return recording


@cache
def whole() -> Recording:
    return laid()


@cache
def staging() -> Recording:
    """The whole program on a cluster that is there."""
    return invariants.program("staging")


def document(resource: Resource, key: str) -> Any:
    return json.loads(reveal(resource.inputs[key]))


def reaches(recording: Recording, start: Resource, goal: Resource) -> bool:
    """Whether the engine makes ``goal`` before ``start``."""
    seen: set[str] = set()
    left = [start.urn]
    while left:
        urn = left.pop()
        if urn == goal.urn:
            return True
        if urn not in seen:
            seen.add(urn)
            resource = recording.by_urn(urn)
            left += resource.dependencies
            left += [child.urn for child in recording.children(urn)] if not resource.custom else []
    return False


def names(recording: Recording, kind: str) -> list[str]:
    return [each.name for each in recording.by_type(kind)]


def test_a_cluster_that_is_there_gets_machines_and_volumes_and_nothing_else() -> None:
    recording = laid(made=False)
    kinds = {each.type for each in recording.all if each.custom}
    assert kinds == {
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:iam/role:Role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:kms/alias:Alias",
        "aws:kms/key:Key",
        "kubernetes:storage.k8s.io/v1:StorageClass",
        "pulumi:providers:aws",
        "pulumi:providers:kubernetes",
        "pulumi:providers:tls",
    }
    for group in recording.by_type("NodeGroup"):
        assert group.inputs["clusterName"] == "pyairtable-staging"
        (subnet,) = group.inputs["subnetIds"]
        assert subnet == f"subnet-0d94e8a17c5b3f26{group.name[-1]}"


def test_every_pool_has_its_machines_in_every_zone() -> None:
    expected = {f"kafka-nodes-{name}-1{zone}" for name in ("controller", "broker", "companions") for zone in "abc"}
    for recording in (staging(), whole()):
        assert set(names(recording, "NodeGroup")) == set(names(recording, "LaunchTemplate")) == expected


def test_a_zone_more_than_brokers_has_their_machines_too() -> None:
    values = changed("kubernetes.zones", [*ZONES, "eu-central-1d"])
    values["aws"]["network"]["subnets"]["eu-central-1d"] = "subnet-0123456789abcdef0"
    with recorded() as recording, pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.target.check_reachable", lambda _: None)
        create_foundation(build_platform("staging", values))
    group = recording.one("NodeGroup", "kafka-nodes-broker-1d")
    assert group.inputs["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 1}
    assert group.inputs["subnetIds"] == ["subnet-0123456789abcdef0"]


def test_machines_follow_their_template() -> None:
    recording = staging()
    for group in recording.by_type("NodeGroup"):
        template = recording.one("LaunchTemplate", group.name)
        assert group.inputs["launchTemplate"] == {"id": template.name, "version": "7"}
        assert template.urn in group.dependencies
        assert group.inputs["nodeRoleArn"] == "arn:aws:iam::111122223333:role/kafka-nodes-role"
        (disk,) = template.inputs["blockDeviceMappings"]
        assert disk["ebs"]["kmsKeyId"] == "arn:aws:kms:eu-central-1:111122223333:key/kafka-key"
        tags = template.inputs["tagSpecifications"][0]["tags"]
        assert tags["stack"] == "staging"
        assert tags["Name"] == group.name


def test_the_program_leaves_the_number_to_an_autoscaler_where_there_may_be_more() -> None:
    ignored = {each.name: each.ignore_changes for each in staging().by_type("NodeGroup")}
    assert ignored["kafka-nodes-companions-1a"] == ("scalingConfig.desiredSize",)
    assert ignored["kafka-nodes-broker-1a"] == ()


def test_machines_change_zone_after_zone_and_brokers_last() -> None:
    """All brokers and controllers have one disruption budget: groups that drain at once would wait for each other."""
    recording = staging()
    order = [f"kafka-nodes-{pool}-1{zone}" for pool in ("controller", "broker") for zone in "abc"]
    groups = [recording.one("NodeGroup", name) for name in order]
    for before, after in pairwise(groups):
        assert before.urn in after.dependencies
    companions = recording.one("NodeGroup", "kafka-nodes-companions-1a")
    assert not any(reaches(recording, companions, group) for group in groups)


@pytest.mark.parametrize("pool", ["controller", "broker"])
def test_pods_come_after_their_machines_and_claims_after_their_class(pool: str) -> None:
    recording = staging()
    for zone in "abc":
        pods = recording.one("StatefulSet", f"kafka-{pool}-1{zone}")
        assert recording.one("NodeGroup", f"kafka-nodes-{pool}-1{zone}").urn in pods.dependencies
        claim = recording.one("PersistentVolumeClaim", f"kafka-{pool}-1{zone}-0")
        assert recording.one("StorageClass", "kafka-volumes-gp3").urn in claim.dependencies
        pod = reveal(pods.inputs["spec"])["template"]["spec"]
        assert pod["nodeSelector"]["kafka.pyairtable.dev/pool"] == pool
        assert pod["tolerations"][-1] == {
            "key": "kafka.pyairtable.dev/pool",
            "operator": "Equal",
            "value": pool,
            "effect": "NoSchedule",
        }


def test_what_stands_beside_the_pools_comes_after_its_machines() -> None:
    recording = staging()
    machines = recording.one("NodeGroup", "kafka-nodes-companions-1c")
    for name in ("schema-registry", "kafka-connect", "ksqldb-server"):
        assert reaches(recording, recording.one("StatefulSet", name), machines), name
    workloads = [*recording.by_type("StatefulSet"), *recording.by_type("Deployment")]
    selected = {
        each.name: reveal(each.inputs["spec"])["template"]["spec"]["nodeSelector"]["kafka.pyairtable.dev/pool"]
        for each in workloads
    }
    assert len(selected) == 11
    beside = {name for name, pool in selected.items() if pool == "companions"}
    assert beside == {"schema-registry", "kafka-connect", "ksqldb-server", "ksqldb-cli", "consoles-kafka-ui"}


def test_dev_has_no_machines_of_its_own() -> None:
    recording = invariants.program("dev")
    assert not [each for each in recording.all if each.type.startswith(("aws:", "pulumi:providers:aws"))]
    for pods in recording.by_type("StatefulSet"):
        assert not {"nodeSelector", "tolerations"} & reveal(pods.inputs["spec"])["template"]["spec"].keys()


def test_the_provider_is_explicit() -> None:
    (provider,) = (each for each in whole().by_type("pulumi:providers:aws"))
    assert provider.inputs["region"] == REGION
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ACCOUNT]
    role = f"arn:aws:iam::{ACCOUNT}:role/kafka-platform-deployer"
    assert json.loads(provider.inputs["assumeRoles"]) == [{"roleArn": role, "sessionName": "kafka-platform"}]
    tags = json.loads(provider.inputs["defaultTags"])["tags"]
    assert tags == {
        "team": "platform",
        "cost-center": "kafka",
        "project": "kafka-platform",
        "stack": "staging",
        "managed-by": "pulumi",
    }
    for resource in whole().all:
        if resource.type.startswith("aws:"):
            assert resource.provider == provider.urn


def test_a_key_of_ones_own_is_used_and_none_is_made() -> None:
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
    recording = laid(made=False, at="aws.kms_key_arn", change=arn)
    assert not recording.by_type("aws:kms/key:Key")
    parameters = recording.one("StorageClass", "kafka-volumes-gp3").inputs["parameters"]
    assert parameters["kmsKeyId"] == arn


def test_a_class_whose_volumes_are_kept_no_longer_is_made_anew() -> None:
    """The API server refuses to change it, and two of one name can't be there at once."""
    kept = laid(made=False, at="protect", change=True).one("StorageClass", "kafka-volumes-gp3")
    thrown = laid(made=False, at="protect", change=False).one("StorageClass", "kafka-volumes-gp3")
    changed_keys = {key for key in kept.inputs if kept.inputs[key] != thrown.inputs[key]}
    assert changed_keys == {"reclaimPolicy"}
    assert changed_keys <= set(thrown.replace_on_changes)
    assert thrown.delete_before_replace


def test_machines_have_the_policies_they_need_and_no_more() -> None:
    recording = staging()
    role = recording.one("aws:iam/role:Role", "kafka-nodes-role")
    assert document(role, "assumeRolePolicy") == policies.node_trust()
    attached = [
        each.inputs["policyArn"].rpartition("/")[2]
        for each in recording.by_type("RolePolicyAttachment")
        if each.inputs["role"] == role.name
    ]
    assert sorted(attached) == sorted(policies.NODE_POLICIES)
    group = recording.one("NodeGroup", "kafka-nodes-broker-1c")
    assert all(reaches(recording, group, each) for each in recording.by_type("RolePolicyAttachment"))


def test_a_brokers_load_balancer_is_in_its_zone_and_others_in_all() -> None:
    recording = staging()
    key = "service.beta.kubernetes.io/aws-load-balancer-subnets"
    subnets = {
        each.metadata["name"]: each.metadata["annotations"].get(key)
        for each in recording.by_type("kubernetes:core/v1:Service")
    }
    one = "subnet-0d94e8a17c5b3f26"
    assert {name: value for name, value in subnets.items() if value is not None} == {
        **{f"kafka-external-{index}": f"{one}{zone}" for index, zone in enumerate("abc")},
        "schema-registry-external": ",".join(f"{one}{zone}" for zone in "abc"),
        "kafka-connect-external": ",".join(f"{one}{zone}" for zone in "abc"),
    }


def test_every_host_is_a_name_of_its_load_balancer_before_anything_uses_it() -> None:
    recording = staging()
    records = {each.inputs["name"]: each for each in recording.by_type("aws:route53/record:Record")}
    targets = {
        **{f"kafka-1{zone}": f"kafka-kafka-external-{index}" for index, zone in enumerate("abc")},
        "schema-registry": "schema-registry-schema-registry-external",
        "kafka-connect": "kafka-connect-kafka-connect-external",
    }
    assert {name: record.inputs["records"] for name, record in records.items()} == {
        f"{host}.staging.pyairtable.internal": [f"{service}.elb.example.org"] for host, service in targets.items()
    }
    for record in records.values():
        fields = (record.inputs["zoneId"], record.inputs["type"], record.inputs["ttl"])
        assert fields == ("Z0418263STAG4KAFKA01", "CNAME", 60)
    users = {
        "kafka-1a": recording.one("StatefulSet", "kafka-controller-1a"),
        "schema-registry": recording.one("StatefulSet", "schema-registry"),
        "kafka-connect": recording.one("StatefulSet", "kafka-connect"),
    }
    for host, user in users.items():
        assert reaches(recording, user, records[f"{host}.staging.pyairtable.internal"])


def test_names_are_somebody_elses_without_a_hosted_zone(tmp_path: Path) -> None:
    file = tmp_path / "overlay.yaml"
    file.write_text(yaml.safe_dump({"aws": {"route53": None}}))
    recording = invariants.program("staging", file)
    assert not recording.by_type("aws:route53/record:Record")
    service = recording.one("kubernetes:core/v1:Service", "kafka-kafka-external-0")
    assert service.metadata["annotations"]["pulumi.com/skipAwait"] == "true"


def test_backups_are_written_by_a_service_account_of_the_stacks_cluster() -> None:
    trust = document(staging().one("aws:iam/role:Role", "backup-s3-writer"), "assumeRolePolicy")
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/C3E95B7F1A0D42868E6D70B2F4A91C5D"
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"}
    assert statement["Condition"]["StringEquals"][f"{issuer}:sub"] == "system:serviceaccount:kafka:kafka-backup"


def test_each_zone_of_a_network_stands_alone() -> None:
    recording = whole()
    gateways = recording.by_type("NatGateway")
    assert len(gateways) == len(recording.by_type("Eip")) == len(ZONES)
    for letter, zone in zip("abc", ZONES, strict=True):
        private = recording.one("Subnet", f"kafka-vpc-private-1{letter}").inputs
        public = recording.one("Subnet", f"kafka-vpc-public-1{letter}").inputs
        assert private["availabilityZone"] == public["availabilityZone"] == zone
        assert private["mapPublicIpOnLaunch"] is public["mapPublicIpOnLaunch"] is False
        assert private["tags"]["kubernetes.io/role/internal-elb"] == "1"
        assert public["tags"]["kubernetes.io/role/elb"] == "1"
        nat = recording.one("NatGateway", f"kafka-vpc-nat-1{letter}").inputs
        assert nat["subnetId"] == f"kafka-vpc-public-1{letter}"
        route = recording.one("aws:ec2/route:Route", f"kafka-vpc-private-1{letter}-nat").inputs
        assert (route["natGatewayId"], route["destinationCidrBlock"]) == (f"kafka-vpc-nat-1{letter}", "0.0.0.0/0")
        association = recording.one("RouteTableAssociation", f"kafka-vpc-private-1{letter}").inputs
        assert association == {
            "subnetId": f"kafka-vpc-private-1{letter}",
            "routeTableId": f"kafka-vpc-private-1{letter}",
        }


def test_machines_start_when_they_reach_the_internet() -> None:
    recording = whole()
    for zone in "abc":
        group = recording.one("NodeGroup", f"kafka-nodes-broker-1{zone}")
        assert reaches(recording, group, recording.one("aws:ec2/route:Route", f"kafka-vpc-private-1{zone}-nat"))


def test_a_cluster_that_is_made_is_private_logged_and_encrypted() -> None:
    recording = whole()
    cluster = recording.one("aws:eks/cluster:Cluster", "kafka-cluster")
    inputs = cluster.inputs
    assert (inputs["name"], inputs["deletionProtection"]) == ("kafka-test", True)
    assert inputs["vpcConfig"] == {
        "subnetIds": [f"kafka-vpc-private-1{zone}" for zone in "abc"],
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
    }
    key = "arn:aws:kms:eu-central-1:111122223333:key/kafka-cluster-key"
    assert inputs["encryptionConfig"] == {"provider": {"keyArn": key}, "resources": ["secrets"]}
    assert inputs["accessConfig"]["authenticationMode"] == "API"
    assert "audit" in inputs["enabledClusterLogTypes"]
    logs = recording.one("LogGroup", "kafka-cluster-logs")
    assert logs.inputs["name"] == "/aws/eks/kafka-test/cluster"
    assert logs.urn in cluster.dependencies
    role = recording.one("aws:iam/role:Role", "kafka-cluster-role")
    assert document(role, "assumeRolePolicy") == policies.cluster_trust()
    assert (
        recording.one("RolePolicyAttachment", "kafka-cluster-role-amazoneksclusterpolicy").urn in cluster.dependencies
    )


def test_machines_follow_the_release_of_a_cluster_that_is_made() -> None:
    create = {**MADE["cluster"]["create"], "version": "1.35"}
    recording = laid(at="aws.cluster.create", change=create)
    assert recording.one("aws:eks/cluster:Cluster", "kafka-cluster").inputs["version"] == "1.35"
    assert {each.inputs["version"] for each in recording.by_type("NodeGroup")} == {"1.35"}
    assert not any("version" in each.inputs for each in staging().by_type("NodeGroup"))


def test_add_ons_are_in_the_versions_that_are_named_and_otherwise_in_eks_choice() -> None:
    versions = {"kube-proxy": "v1.34.0-eksbuild.2", "coredns": "v1.12.3-eksbuild.1"}
    create = {**MADE["cluster"]["create"], "addon_versions": versions}
    addons = laid(at="aws.cluster.create", change=create).by_type("aws:eks/addon:Addon")
    assert {each.inputs["addonName"]: each.inputs.get("addonVersion") for each in addons} == {
        **versions,
        "vpc-cni": None,
        "aws-ebs-csi-driver": None,
    }


def test_the_api_server_is_reached_from_named_addresses_only() -> None:
    create = {**MADE["cluster"]["create"], "public_access_cidrs": ["203.0.113.0/24"], "service_cidr": "172.20.0.0/16"}
    inputs = laid(at="aws.cluster.create", change=create).one("aws:eks/cluster:Cluster", "kafka-cluster").inputs
    assert inputs["vpcConfig"]["endpointPublicAccess"] is True
    assert inputs["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert inputs["kubernetesNetworkConfig"] == {"serviceIpv4Cidr": "172.20.0.0/16"}


def test_administrators_are_let_in_by_name() -> None:
    recording = whole()
    (entry,) = recording.by_type("AccessEntry")
    (policy,) = recording.by_type("AccessPolicyAssociation")
    assert entry.inputs["principalArn"] == policy.inputs["principalArn"] == f"arn:aws:iam::{ACCOUNT}:role/admins"
    assert policy.inputs["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    assert entry.urn in policy.dependencies


def test_addons_come_in_the_order_in_which_they_can_run() -> None:
    recording = whole()
    broker, companions = (recording.one("NodeGroup", f"kafka-nodes-{name}-1a") for name in ("broker", "companions"))
    for name in ("vpc-cni", "kube-proxy"):
        assert reaches(recording, broker, recording.one("Addon", f"kafka-cluster-{name}"))
    for name in ("dns", "ebs"):
        assert reaches(recording, recording.one("Addon", f"kafka-addons-{name}"), companions)
    network = recording.one("Addon", "kafka-cluster-vpc-cni")
    assert json.loads(network.inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}
    driver = recording.one("Addon", "kafka-addons-ebs")
    assert driver.inputs["serviceAccountRoleArn"] == "arn:aws:iam::111122223333:role/kafka-addons-ebs-role"
    trust = document(recording.one("aws:iam/role:Role", "kafka-addons-ebs-role"), "assumeRolePolicy")
    assert trust == policies.csi_trust(f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}")


def test_a_cluster_that_is_made_is_reached_by_a_kubeconfig_of_its_own() -> None:
    (provider,) = whole().by_type("pulumi:providers:kubernetes")
    config = json.loads(provider.inputs["kubeconfig"])
    assert config["clusters"][0]["cluster"]["server"] == "https://kafka-test.example.org"
    assert f"arn:aws:iam::{ACCOUNT}:role/kafka-platform-deployer" in config["users"][0]["user"]["exec"]["args"]
    assert "context" not in provider.inputs


def test_what_holds_everything_else_is_protected_where_the_stack_is() -> None:
    guarded = {each.name for each in whole().all if each.protect}
    subnets = {f"kafka-vpc-{kind}-1{zone}" for kind in ("private", "public") for zone in "abc"}
    assert guarded == {"kafka-vpc", *subnets, "kafka-cluster", "kafka-cluster-key", "kafka-key"}
    assert not [each.name for each in laid(at="protect", change=False).all if each.protect]


@pytest.mark.parametrize("made", [False, True])
def test_a_preview_asks_no_account_and_knows_what_will_be(made: bool) -> None:
    """The recording refuses every function and every read."""
    recording = laid(made, preview=True)
    assert {each.urn for each in recording.all} == {each.urn for each in laid(made).all}
    group = recording.one("NodeGroup", "kafka-nodes-broker-1a")
    assert group.inputs["scalingConfig"] == {"minSize": 1, "desiredSize": 1, "maxSize": 1}
    assert group.inputs["launchTemplate"] is UNKNOWN or UNKNOWN in group.inputs["launchTemplate"].values()


def test_the_whole_program_keeps_its_invariants_on_a_cluster_that_is_made() -> None:
    values = changed("protect", True, made=True)
    recording = invariants.program_of("made", {f"kafka-platform:{key}": value for key, value in values.items()})
    invariants.test_everything_hangs_below_a_component(recording)
    invariants.test_urns_and_places_in_kubernetes_are_unique(recording)
    invariants.test_components_have_our_token_and_register_their_outputs(recording)
    invariants.test_no_resource_takes_a_default_provider(recording)
    invariants.test_kubernetes_objects_are_named_labelled_and_in_one_namespace(recording)
    invariants.test_no_secret_is_in_plain_anywhere(recording)
    claim = recording.one("PersistentVolumeClaim", "kafka-broker-1a-0")
    assert recording.one("Addon", "kafka-addons-ebs").urn in claim.dependencies
    trust = document(recording.one("aws:iam/role:Role", "backup-s3-writer"), "assumeRolePolicy")
    assert trust["Statement"][0]["Principal"] == {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}


@pytest.mark.parametrize(
    ("balancers", "kind", "internal"),
    [
        ({}, "private", True),
        ({"scheme": "internet-facing", "source_ranges": ["203.0.113.0/24"]}, "public", False),
    ],
)
def test_load_balancers_are_in_subnets_that_their_clients_reach(
    balancers: dict[str, Any], kind: str, internal: bool
) -> None:
    values = changed("aws.load_balancers", balancers, made=True)
    recording = invariants.program_of("made", {f"kafka-platform:{key}": value for key, value in values.items()})
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    for index, zone in enumerate("abc"):
        service = recording.one("kubernetes:core/v1:Service", f"kafka-kafka-external-{index}")
        annotations = service.metadata["annotations"]
        assert annotations[f"{prefix}-subnets"] == f"kafka-vpc-{kind}-1{zone}"
        assert annotations[f"{prefix}-type"] == "nlb"
        assert (f"{prefix}-internal" in annotations) is internal
        assert reveal(service.inputs["spec"]).get("loadBalancerSourceRanges") == balancers.get("source_ranges")


def test_nested_arguments_are_ones_that_the_package_takes() -> None:
    spec = platform("aws.node_groups.1.taints", [{"key": "a"}])
    assert isinstance(spec.aws, AwsSpec)
    topology = Topology(spec=spec.kafka, namespace="kafka")
    for group in zone_groups(spec.aws, topology, ZONES):
        template = launch_template(group, "key", {"a": "b"})
        arguments = node_group(group, Architecture.ARM64)
        cases = [
            *(("ec2", "LaunchTemplateBlockDeviceMapping", each) for each in template["block_device_mappings"]),
            ("ec2", "LaunchTemplateMetadataOptions", template["metadata_options"]),
            *(("ec2", "LaunchTemplateTagSpecification", each) for each in template["tag_specifications"]),
            ("eks", "NodeGroupScalingConfig", arguments["scaling_config"]),
            ("eks", "NodeGroupUpdateConfig", arguments["update_config"]),
            *(("eks", "NodeGroupTaint", each) for each in arguments["taints"]),
            ("eks", "NodeGroupLaunchTemplate", {"id": "x", "version": "1"}),
        ]
        for module, name, value in cases:
            assert list(misfits(name, value, module=module)) == []


def test_a_stack_without_a_section_is_given_a_kubernetes_and_nothing_more() -> None:
    found: list[Foundation] = []
    with recorded() as recording, pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.target.check_reachable", lambda _: None)
        values = changed("aws", "REMOVED")
        values["backup"] = {"kind": "directory", "directory": {"path": "/var/backups"}}
        found.append(create_foundation(build_platform("staging", values)))
    assert [each.type for each in recording.all] == ["pulumi:providers:kubernetes", "pulumi:providers:tls"]
    (foundation,) = found
    assert (foundation.machines, foundation.storage, foundation.balancing) == ({}, (), None)
    assert foundation.companion_machines == []
