"""Machines, volumes, load balancers and addresses at AWS, and who may do what there."""

import base64
import email
import ipaddress
import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from config.aws import AwsSpec, BalancerController, BalancerScheme, StorageClassSpec
from config.instance_types import Architecture
from config.kafka import KafkaClusterSpec
from config.literals import COMPANIONS
from manifests import eks_policy as policies
from manifests.iam import Document
from manifests.kubeconfig import eks_kubeconfig
from manifests.load_balancers import annotations, balanced
from manifests.node_group import launch_template, node_group
from manifests.nodes import Topology
from manifests.placement import on_machines
from manifests.stateful_set import stateful_set
from manifests.storage_class import storage_class
from manifests.unsafe import UnsafeManifest
from manifests.vpc import zone_networks
from manifests.zone_groups import ZoneGroup, companion_placement, placed, zone_groups
from tests.specs import dedicated
from tests.unit.test_backup_policy import Request, verdict

ZONES = ("az-a", "az-b", "az-c", "az-d")
ACCOUNT, REGION = "111122223333", "eu-central-1"
PREFIX = "service.beta.kubernetes.io/aws-load-balancer"


def aws(**changes: Any) -> AwsSpec:
    groups = [
        {"name": "broker", "instance_type": "m7g.xlarge"},
        {
            "name": "bulk",
            "taints": [{"key": "tier", "value": "bulk", "effect": "NoExecute"}],
            "labels": {"tier": "bulk"},
        },
        {"name": "controller", "max_per_zone": 3},
        {"name": COMPANIONS, "root_volume": "50Gi"},
    ]
    fields = {
        "region": REGION,
        "account": ACCOUNT,
        "cluster": {"name": "eks"},
        "network": {"subnets": {}},
        "node_groups": groups,
        **changes,
    }
    return AwsSpec.model_validate(fields)


def topology(spec: KafkaClusterSpec | None = None) -> Topology:
    return Topology(spec=spec or dedicated(), namespace="events")


def made(name: str, zone: str = "az-a", spec: AwsSpec | None = None) -> ZoneGroup:
    (found,) = (
        each for each in zone_groups(spec or aws(), topology(), ZONES) if (each.group.name, each.zone) == (name, zone)
    )
    return found


def test_every_zone_has_every_group_though_there_are_more_zones_than_brokers() -> None:
    found = zone_groups(aws(), topology(), ZONES)
    assert [each.name for each in found[:5]] == [
        *(f"kafka-nodes-controller-{suffix}" for suffix in "abcd"),
        "kafka-nodes-broker-a",
    ]
    desired = {(each.group.name, each.zone): each.desired for each in found}
    assert len(desired) == 4 * len(ZONES)
    assert [desired["controller", zone] for zone in ZONES] == [1, 1, 1, 0]
    assert [desired["broker", zone] for zone in ZONES] == [1, 1, 1, 0]
    # Two Kafka nodes in each of two zones.
    assert [desired["bulk", zone] for zone in ZONES] == [2, 2, 0, 0]
    assert [desired[COMPANIONS, zone] for zone in ZONES] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "zone", "sizes"),
    [
        ("broker", "az-a", (1, 1, 1)),
        ("broker", "az-d", (0, 0, 1)),
        ("bulk", "az-b", (2, 2, 2)),
        ("controller", "az-a", (1, 1, 3)),
    ],
)
def test_sizes_of_groups(name: str, zone: str, sizes: tuple[int, int, int]) -> None:
    scaling = node_group(made(name, zone), Architecture.ARM64)["scaling_config"]
    assert (scaling["min_size"], scaling["desired_size"], scaling["max_size"]) == sizes


def test_no_machine_is_spot_and_updates_take_one_away_when_another_is_there() -> None:
    for each in zone_groups(aws(), topology(), ZONES):
        arguments = node_group(each, Architecture.ARM64)
        assert arguments["capacity_type"] == "ON_DEMAND"
        assert arguments["ami_type"] == "AL2023_ARM_64_STANDARD"
        assert arguments["update_config"] == {"max_unavailable": 1, "update_strategy": "DEFAULT"}
        assert "instance_types" not in arguments
    assert node_group(made("broker"), Architecture.AMD64)["ami_type"] == "AL2023_x86_64_STANDARD"


def test_disks_are_encrypted_and_pods_dont_reach_the_machines_credentials() -> None:
    template = launch_template(made(COMPANIONS), "the key", {"team": "x"})
    (disk,) = template["block_device_mappings"]
    assert disk["ebs"] == {
        "volume_type": "gp3",
        "volume_size": 50,
        "encrypted": "true",
        "kms_key_id": "the key",
        "delete_on_termination": "true",
    }
    assert template["metadata_options"] == {
        "http_endpoint": "enabled",
        "http_tokens": "required",
        "http_put_response_hop_limit": 1,
    }
    assert template["instance_type"] == "m7g.large"
    tags = {"team": "x", "Name": "kafka-nodes-companions-a"}
    assert template["tag_specifications"] == [
        {"resource_type": "instance", "tags": tags},
        {"resource_type": "volume", "tags": tags},
    ]
    assert "user_data" not in template


@pytest.mark.parametrize(("name", "strategy"), [("broker", "Mount"), (COMPANIONS, "RAID0")])
def test_disks_of_the_machine_are_set_up_by_nodeadm(name: str, strategy: str) -> None:
    groups = [{"name": each, "instance_type": "m7gd.large"} for each in ("broker", "bulk", "controller", COMPANIONS)]
    groups = [{**each, "instance_store": "nvme"} if each["name"] == name else each for each in groups]
    spec = aws(node_groups=groups)
    template = launch_template(made(name, spec=spec), "key", {})
    message = email.message_from_string(base64.b64decode(template["user_data"]).decode())
    (part,) = (each for each in message.walk() if not each.is_multipart())
    assert part.get_content_type() == "application/node.eks.aws"
    config = yaml.safe_load(str(part.get_payload()))
    assert (config["apiVersion"], config["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    assert config["spec"] == {"instance": {"localStorage": {"strategy": strategy}}}


def tolerated(taint: Mapping[str, str], tolerations: list[Mapping[str, str]]) -> bool:
    """Kubernetes' rule, as far as it is about keys with values."""
    effects = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
    return any(
        (each["key"], each["value"], each["effect"]) == (taint["key"], taint["value"], effects[taint["effect"]])
        for each in tolerations
    )


def test_a_pools_pods_fit_its_machines_and_no_others() -> None:
    spec = topology(placed(dedicated(), aws(), "events"))
    groups = [node_group(each, Architecture.ARM64) for each in zone_groups(aws(), spec, ZONES[:1])]
    fits: dict[str, list[str]] = {}
    for pool in spec.pools:
        names = dict.fromkeys(("config", "runtime", "keys", "agent", "trust", "format"), "x")
        pod = stateful_set(spec.members(pool, "az-a"), spec, names, "x")["spec"]["template"]["spec"]
        fits[pool.name] = [
            group["labels"]["kafka.pyairtable.dev/pool"]
            for group in groups
            if pod["nodeSelector"].items() <= group["labels"].items()
            and all(tolerated(taint, pod["tolerations"]) for taint in group["taints"])
        ]
    assert fits == {"controller": ["controller"], "broker": ["broker"], "bulk": ["bulk"]}
    # Anything may go to the companions' machines, and nothing else to a pool's.
    assert [group["labels"]["kafka.pyairtable.dev/pool"] for group in groups if not group["taints"]] == [COMPANIONS]


def test_what_stands_beside_the_pools_fits_its_machines() -> None:
    plain = companion_placement(aws(), "events")
    assert plain.tolerations == ()
    assert plain.node_selector.items() <= node_group(made(COMPANIONS), Architecture.ARM64)["labels"].items()
    groups = [{"name": name} for name in ("broker", "bulk", "controller")]
    tainted = aws(node_groups=[*groups, {"name": COMPANIONS, "taints": [{"key": "a", "effect": "NoExecute"}]}])
    pod: dict[str, Any] = {"containers": []}
    workload = {"metadata": {"name": "x"}, "spec": {"replicas": 1, "template": {"metadata": {}, "spec": pod}}}
    found = on_machines(workload, companion_placement(tainted, "events"))["spec"]["template"]["spec"]
    (taint,) = node_group(made(COMPANIONS, spec=tainted), Architecture.ARM64)["taints"]
    assert tolerated(taint, found["tolerations"])
    assert found["containers"] == []
    assert on_machines(workload, None) == workload
    assert pod == {"containers": []}


def test_machines_of_another_namespaces_pool_of_the_same_name_arent_taken() -> None:
    here = placed(dedicated(), aws(), "events").pools[0].node_selector
    there = node_group(made("broker"), Architecture.ARM64)["labels"] | {"kafka.pyairtable.dev/namespace": "other"}
    assert not here.items() <= there.items()


def test_a_pool_keeps_what_it_selects_and_tolerates_itself() -> None:
    own = {"node_selector": {"disk": "fast"}, "tolerations": [{"key": "own", "operator": "Exists"}]}
    spec = dedicated()
    pool = spec.pools[0].model_validate({**spec.pools[0].model_dump(), **own})
    found = placed(spec.model_copy(update={"pools": (pool, *spec.pools[1:])}), aws(), "events").pools[0]
    assert found.node_selector["disk"] == "fast"
    assert found.tolerations[0] == {"key": "own", "operator": "Exists"}


def test_a_storage_class_makes_encrypted_volumes_where_the_pod_is() -> None:
    spec = StorageClassSpec(iops=6000, throughput=500)
    found = storage_class(spec, "key", {"stack": "prod", "team": "x"}, {"a": "b"}, protect=True)
    assert found["metadata"] == {"name": "gp3", "labels": {"a": "b"}}
    assert found["provisioner"] == "ebs.csi.aws.com"
    assert found["volume_binding_mode"] == "WaitForFirstConsumer"
    assert (found["reclaim_policy"], found["allow_volume_expansion"]) == ("Retain", True)
    assert found["parameters"] == {
        "type": "gp3",
        "encrypted": "true",
        "kmsKeyId": "key",
        "csi.storage.k8s.io/fstype": "xfs",
        "iops": "6000",
        "throughput": "500",
        "tagSpecification_1": "stack=prod",
        "tagSpecification_2": "team=x",
    }
    plain = storage_class(StorageClassSpec(), "key", {}, {}, protect=False)
    assert plain["reclaim_policy"] == "Delete"
    assert not {"iops", "throughput"} & plain["parameters"].keys()


def test_load_balancers_are_internal_and_stay_in_their_zone() -> None:
    found = annotations(aws(), "subnet-1,subnet-2", {"team": "x", "stack": "prod"})
    assert found == {
        f"{PREFIX}-type": "external",
        f"{PREFIX}-nlb-target-type": "ip",
        f"{PREFIX}-scheme": "internal",
        f"{PREFIX}-attributes": "load_balancing.cross_zone.enabled=false",
        f"{PREFIX}-subnets": "subnet-1,subnet-2",
        f"{PREFIX}-additional-resource-tags": "stack=prod,team=x",
    }


@pytest.mark.parametrize(
    ("scheme", "internal"), [(BalancerScheme.INTERNAL, True), (BalancerScheme.INTERNET_FACING, False)]
)
def test_the_in_tree_controller_has_other_words(scheme: BalancerScheme, internal: bool) -> None:
    balancers = {"controller": BalancerController.IN_TREE, "scheme": scheme}
    found = annotations(aws(load_balancers=balancers), "subnet-1", {})
    assert found[f"{PREFIX}-type"] == "nlb"
    assert found[f"{PREFIX}-cross-zone-load-balancing-enabled"] == "false"
    assert (f"{PREFIX}-internal" in found) is internal
    assert f"{PREFIX}-scheme" not in found


def test_a_service_is_awaited_only_where_a_name_leads_to_it() -> None:
    skip = {"pulumi.com/skipAwait": "true"}
    service = {"metadata": {"name": "x", "annotations": dict(skip)}, "spec": {"type": "LoadBalancer"}}
    plain = balanced(service, {"a": "b"}, (), named=False)
    assert plain["metadata"]["annotations"] == {**skip, "a": "b"}
    assert plain["spec"] == {"type": "LoadBalancer"}
    named = balanced(service, {"a": "b"}, ("10.0.0.0/8",), named=True)
    assert named["metadata"]["annotations"] == {
        "a": "b",
        "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0].hostname}",
    }
    assert named["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert service["metadata"] == {"name": "x", "annotations": skip}


@pytest.mark.parametrize("cidr", ["10.64.0.0/16", "10.64.0.0/20", "100.64.0.0/18"])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_subnets_are_apart_and_inside_and_none_moves_for_a_new_zone(cidr: str, count: int) -> None:
    zones = [f"eu-central-1{letter}" for letter in "abcdefg"]
    found = zone_networks(cidr, zones[:count])
    assert [each.zone for each in found] == zones[:count]
    subnets = [ipaddress.ip_network(text) for each in found for text in (each.private, each.public)]
    whole = ipaddress.ip_network(cidr)
    assert all(each.subnet_of(whole) for each in subnets)  # type: ignore[arg-type]
    assert not any(one.overlaps(other) for one in subnets for other in subnets if one is not other)
    # A load balancer wants eight free addresses, and AWS keeps five.
    assert all(each.num_addresses >= 16 for each in subnets)
    assert zone_networks(cidr, zones[: count + 1])[:count] == found


def service_of(service: str, document: Document) -> str:
    return verdict(document, Request(action="sts:AssumeRole", principal=("Service", service)))


def test_roles_are_taken_by_the_service_they_are_for() -> None:
    for document, service in (
        (policies.node_trust(), "ec2.amazonaws.com"),
        (policies.cluster_trust(), "eks.amazonaws.com"),
    ):
        assert service_of(service, document) == "allowed"
        assert service_of("lambda.amazonaws.com", document) == ""


ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("system:serviceaccount:kube-system:ebs-csi-controller-sa", "allowed"),
        ("system:serviceaccount:kafka:ebs-csi-controller-sa", ""),
        ("system:serviceaccount:kube-system:default", ""),
    ],
)
def test_only_the_ebs_driver_makes_volumes(subject: str, expected: str) -> None:
    claims = {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": "sts.amazonaws.com"}
    request = Request(action="sts:AssumeRoleWithWebIdentity", principal=("Federated", PROVIDER), context=claims)
    assert verdict(policies.csi_trust(PROVIDER), request) == expected


def test_a_pattern_for_an_issuer_is_refused() -> None:
    with pytest.raises(UnsafeManifest, match="a policy must name what it means"):
        policies.csi_trust(f"arn:aws:iam::{ACCOUNT}:oidc-provider/*")


ROOT = ("AWS", f"arn:aws:iam::{ACCOUNT}:root")
DRIVER = ("AWS", f"arn:aws:iam::{ACCOUNT}:role/driver")
THROUGH_EC2 = {"kms:CallerAccount": ACCOUNT, "kms:ViaService": f"ec2.{REGION}.amazonaws.com"}


@pytest.mark.parametrize(
    ("principal", "action", "context", "expected"),
    [
        (ROOT, "kms:ScheduleKeyDeletion", {}, "allowed"),
        (DRIVER, "kms:CreateGrant", THROUGH_EC2, "allowed"),
        (DRIVER, "kms:GenerateDataKeyWithoutPlaintext", THROUGH_EC2, "allowed"),
        (DRIVER, "kms:Decrypt", THROUGH_EC2, "allowed"),
        (DRIVER, "kms:Decrypt", {"kms:CallerAccount": ACCOUNT}, ""),
        (DRIVER, "kms:Decrypt", {**THROUGH_EC2, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}, ""),
        (DRIVER, "kms:Decrypt", {**THROUGH_EC2, "kms:CallerAccount": "999999999999"}, ""),
        (DRIVER, "kms:ScheduleKeyDeletion", THROUGH_EC2, ""),
        (DRIVER, "kms:PutKeyPolicy", THROUGH_EC2, ""),
    ],
)
def test_the_key_of_volumes_is_used_by_way_of_ec2_in_the_account(
    principal: tuple[str, str], action: str, context: dict[str, str], expected: str
) -> None:
    document = policies.volume_key_policy(ACCOUNT, REGION)
    assert verdict(document, Request(action=action, resource="key", principal=principal, context=context)) == expected


def test_the_key_of_secrets_is_the_accounts() -> None:
    document = policies.secrets_key_policy(ACCOUNT, REGION)
    assert verdict(document, Request(action="kms:CreateGrant", resource="key", principal=ROOT)) == "allowed"
    assert verdict(document, Request(action="kms:CreateGrant", resource="key", principal=DRIVER)) == ""


def test_policies_of_govcloud_are_govclouds() -> None:
    assert policies.managed_policy("us-gov-west-1", "X") == "arn:aws-us-gov:iam::aws:policy/X"
    assert policies.access_policy(REGION, "X") == "arn:aws:eks::aws:cluster-access-policy/X"


@pytest.mark.parametrize("role", [None, f"arn:aws:iam::{ACCOUNT}:role/deployer"])
def test_a_kubeconfig_has_no_credential_in_it(role: str | None) -> None:
    text = eks_kubeconfig(cluster="eks", region=REGION, endpoint="https://x", ca_data="Y2E=", role=role)
    document = json.loads(text)
    (user,) = document["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["args"][:6] == ["--region", REGION, "eks", "get-token", "--cluster-name", "eks"]
    assert (role in user["user"]["exec"]["args"]) is (role is not None)
    (cluster,) = document["clusters"]
    assert cluster["cluster"] == {"server": "https://x", "certificate-authority-data": "Y2E="}
    (context,) = document["contexts"]
    assert document["current-context"] == context["name"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
