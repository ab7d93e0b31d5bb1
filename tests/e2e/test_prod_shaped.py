"""The prod stack on the lab, by the operator's own commands: nine machines, dedicated controllers, an account at moto.

Only sizes, endpoints and images are not production's: config/overlays/prod-lab.yaml. The tests are in the order of the
stack's life: up, in use, protected, gone.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.literals import NAMESPACE_LABEL, POOL_LABEL
from tests.e2e.harness import wait_for
from tests.lake import event_ids
from tests.prod_lab import names
from tests.prod_lab.account import CREDENTIALS
from tests.prod_lab.bring_up import ProdLab, prod_lab

pytestmark = [pytest.mark.e2e, pytest.mark.e2e_lifecycle, pytest.mark.prod_shaped]

ZONES = [f"eu-central-1{letter}" for letter in "abc"]
BACKUPS, COPY = "pyairtable-kafka-backups-prod", "pyairtable-kafka-backups-prod-copy"
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
"""EKS' names of what taints do, and Kubernetes'."""
EVENTS = 60


@pytest.fixture(scope="module")
def lab(lab_claim: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProdLab]:
    """The stack, brought up; whatever of it is left in the end goes with its lab."""
    del lab_claim
    with prod_lab(tmp_path_factory.mktemp("prod")) as made:
        before.update(left(made))
        made.ops("up")
        yield made


before: dict[str, list[str]] = {}
"""What the account had before the first update."""


def left(lab: ProdLab) -> dict[str, list[str]]:
    """What the account has of the kinds that the stack makes."""
    found: dict[str, list[str]] = {}
    aws = lab.platform.aws
    assert aws is not None
    assert aws.route53 is not None
    cluster = aws.cluster.name
    found["buckets"] = sorted(bucket["Name"] for bucket in lab.aws("s3").list_buckets()["Buckets"])
    found["roles"] = sorted(role["RoleName"] for role in lab.aws("iam").list_roles()["Roles"])
    found["providers"] = [
        each["Arn"] for each in lab.aws("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    ]
    found["clusters"] = lab.aws("eks").list_clusters()["clusters"]
    found["groups"] = lab.aws("eks").list_nodegroups(clusterName=cluster)["nodegroups"]
    templates = lab.aws("ec2").describe_launch_templates()["LaunchTemplates"]
    found["templates"] = sorted(each["LaunchTemplateName"] for each in templates)
    records = lab.aws("route53").list_resource_record_sets(HostedZoneId=aws.route53.zone_id)["ResourceRecordSets"]
    found["records"] = sorted(f"{each['Type']} {each['Name']}" for each in records)
    for region in (aws.region, "eu-west-1"):
        kms = lab.aws("kms", region)
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        found[f"keys {region}"] = sorted(
            # A key that was deleted is there for another month; AWS' own have another manager.
            each["KeyId"]
            for each in keys
            if each["KeyState"] != "PendingDeletion" and each["KeyManager"] == "CUSTOMER"
        )
    return found


def resources(lab: ProdLab) -> list[dict[str, Any]]:
    """What the state has, in its order."""
    exported = json.loads(lab.run("pulumi", "stack", "export", "--stack", "prod").out)
    found: list[dict[str, Any]] = exported["deployment"].get("resources") or []
    return found


def state(lab: ProdLab) -> dict[str, dict[str, Any]]:
    """What the state has at AWS, by Pulumi's names."""
    return {name(each): each for each in resources(lab) if each["type"].startswith("aws:")}


def name(resource: dict[str, Any]) -> str:
    return str(resource["urn"].rsplit("::", 1)[-1])


def node_groups(lab: ProdLab) -> list[dict[str, Any]]:
    """The managed node groups that EKS has, as it describes them."""
    eks, cluster = lab.aws("eks"), "pyairtable-prod"
    found = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    return [eks.describe_nodegroup(clusterName=cluster, nodegroupName=each)["nodegroup"] for each in found]


def objects(lab: ProdLab, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = lab.api.get(path)["items"]
    return items


def pods(lab: ProdLab) -> list[dict[str, Any]]:
    return objects(lab, "/api/v1/namespaces/kafka/pods")


def zone_of(node: dict[str, Any]) -> str:
    return str(node["metadata"]["labels"]["topology.kubernetes.io/zone"])


@pytest.mark.timeout(1500)
def test_brokers_are_in_three_zones_and_every_replica_is_in_sync(lab: ProdLab) -> None:
    status = json.loads(lab.ops("status", "--json", "--check").out)
    assert sorted((broker["id"], broker["zone"]) for broker in status["brokers"]) == list(enumerate(ZONES))
    assert status["under_replicated_partitions"] == 0
    assert {topic["replication_factor"] for topic in status["topics"]} == {3}


def test_machines_are_what_eks_would_have_started(lab: ProdLab) -> None:
    """The groups that the program made at EKS, beside the nodes: as many, in their zones, so labelled and tainted."""
    ec2 = lab.aws("ec2")
    wanted = []
    for group in node_groups(lab):
        (subnet,) = ec2.describe_subnets(SubnetIds=group["subnets"])["Subnets"]
        taints = sorted((each["key"], each["value"], EFFECTS[each["effect"]]) for each in group.get("taints", []))
        machine = (subnet["AvailabilityZone"], sorted(group["labels"].items()), taints)
        wanted += [machine] * group["scalingConfig"]["desiredSize"]
    found = []
    for node in objects(lab, "/api/v1/nodes"):
        labels = node["metadata"]["labels"]
        own = sorted((key, value) for key, value in labels.items() if key in (POOL_LABEL, NAMESPACE_LABEL))
        taints = sorted((each["key"], each.get("value", ""), each["effect"]) for each in node["spec"].get("taints", []))
        found.append((zone_of(node), own, taints))
    assert len(wanted) == 9
    assert sorted(found) == sorted(wanted)


def test_pods_are_on_the_machines_of_their_pool(lab: ProdLab) -> None:
    nodes = {node["metadata"]["name"]: node for node in objects(lab, "/api/v1/nodes")}
    placed = Counter(
        (
            pod["metadata"]["labels"]["app.kubernetes.io/name"],
            nodes[pod["spec"]["nodeName"]]["metadata"]["labels"][POOL_LABEL],
        )
        for pod in pods(lab)
    )
    assert placed == {
        ("kafka", "controller"): 3,
        ("kafka", "broker"): 3,
        ("schema-registry", "companions"): 2,
        ("kafka-connect", "companions"): 3,
        ("ksqldb-server", "companions"): 3,
        ("ksqldb-cli", "companions"): 1,
        ("kafka-ui", "companions"): 1,
    }
    for pod in pods(lab):
        assert [each["ready"] for each in pod["status"]["containerStatuses"]] == [
            True for _ in pod["spec"]["containers"]
        ], pod["metadata"]["name"]
        images = {container["image"] for container in pod["spec"]["containers"]}
        assert all("@sha256:" in image for image in images)


def test_volumes_are_ebs_class_and_zone_bound(lab: ProdLab) -> None:
    (made,) = [
        each for each in objects(lab, "/apis/storage.k8s.io/v1/storageclasses") if each["metadata"]["name"] == "gp3"
    ]
    assert made["reclaimPolicy"] == "Retain"
    assert made["parameters"]["kmsKeyId"] == state(lab)["kafka-key"]["outputs"]["arn"]
    claims = objects(lab, "/api/v1/namespaces/kafka/persistentvolumeclaims")
    assert {each["spec"]["storageClassName"] for each in claims} == {"gp3"}
    assert {each["status"]["phase"] for each in claims} == {"Bound"}
    # Six Kafka nodes and three ksqlDB servers.
    assert len(claims) == 9


def test_names_lead_by_way_of_route_53_to_each_listener(lab: ProdLab) -> None:
    aws = lab.platform.aws
    assert aws is not None
    assert aws.route53 is not None
    found = names.records(lab.aws("route53"), aws.route53.zone_id)
    balancers = names.balancers(lab.api)
    domain = aws.route53.domain
    assert found.keys() == {
        *(f"kafka-1{letter}.{domain}" for letter in "abc"),
        f"schema-registry.{domain}",
        f"kafka-connect.{domain}",
    }
    assert set(found.values()) == set(balancers)
    assert len(set(balancers.values())) == 5


def test_clients_outside_write_and_read_by_these_names(lab: ProdLab, written: list[str]) -> None:
    del lab
    assert len(written) == EVENTS


@pytest.fixture(scope="module")
def written(lab: ProdLab, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Ids of events that a service outside wrote, and another one read."""
    clients = tmp_path_factory.mktemp("clients")
    for service in ("workflow-engine", "analytics-service"):
        lab.ops("client", service, "--out", str(clients / service))
    path = f"PYTHONPATH={lab.root / 'clients' / 'pyairtable_events'}"
    command = ("env", path, ".venv/bin/python", "-m", "tests.prod_lab.events", str(clients), str(EVENTS))
    seen = json.loads(lab.run(*command).out)
    assert seen["brokers"] == [
        f"kafka-1{letter}.prod.pyairtable.internal:{32101 + n}" for n, letter in enumerate("abc")
    ]
    assert seen["read"] == seen["written"]
    ids: list[str] = seen["written"]
    return ids


def test_smoke(lab: ProdLab) -> None:
    seen = json.loads(lab.ops("smoke", "--json").out)
    assert seen["records"] == 300
    assert len(seen["plaintext_refused"]) == 3


def test_what_was_written_is_in_the_lake_once(lab: ProdLab, written: list[str]) -> None:
    """By the connector as production declares it: table in Glue, files in S3, credentials from a machine's metadata."""
    wait_for("the rows in the lake", lambda: set(written) <= set(lake(lab)), timeout=240)
    found = lake(lab)
    assert {event: found[event] for event in written} == dict.fromkeys(written, 1)


def test_every_task_answers_the_committer_when_nothing_is_left_to_read(lab: ProdLab, written: list[str]) -> None:
    """One whose client can't join the control topic's group keeps what it read, and commits wait for it in vain."""
    del written

    def answered() -> bool:
        logs = [lab.run("kubectl", "--namespace=kafka", "logs", f"kafka-connect-{worker}").out for worker in range(3)]
        return any("ready, received responses for all" in log for log in logs)

    wait_for("a commit that all tasks answered", answered, timeout=240)


def lake(lab: ProdLab) -> Counter[str]:
    """How often each event is in the lake."""
    glue = lab.aws("glue")
    try:
        table = glue.get_table(DatabaseName="lake", Name="events")["Table"]
    except glue.exceptions.EntityNotFoundException:
        return Counter()
    location = table["Parameters"]["metadata_location"]
    assert urlsplit(location).netloc == "pyairtable-lake-prod"
    key, secret = CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    return event_ids(location, lab.url, "eu-central-1", key=key, secret=secret)


def test_groups_start_from_templates_that_encrypt_and_hide_metadata(lab: ProdLab) -> None:
    ec2 = lab.aws("ec2")
    key = state(lab)["kafka-key"]["outputs"]["arn"]
    types = Counter[str]()
    for group in node_groups(lab):
        assert group["capacityType"] == "ON_DEMAND"
        at = group["launchTemplate"]
        (found,) = ec2.describe_launch_template_versions(LaunchTemplateId=at["id"], Versions=[at["version"]])[
            "LaunchTemplateVersions"
        ]
        data = found["LaunchTemplateData"]
        types[data["InstanceType"]] += 1
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        (disk,) = data["BlockDeviceMappings"]
        assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["KmsKeyId"]) == (True, key)
    assert types == {"m7g.large": 3, "m7g.xlarge": 6}


def test_the_backups_bucket_is_as_production_declares_it(lab: ProdLab) -> None:
    s3, made = lab.aws("s3"), state(lab)
    assert s3.get_bucket_versioning(Bucket=BACKUPS)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BACKUPS)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", made["backup-s3-key"]["outputs"]["arn"])
    block = s3.get_public_access_block(Bucket=BACKUPS)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    denied = {each["Sid"] for each in json.loads(s3.get_bucket_policy(Bucket=BACKUPS)["Policy"])["Statement"]}
    assert "DenyPutsWithAnotherKey" in denied
    ageing, _ = s3.get_bucket_lifecycle_configuration(Bucket=BACKUPS)["Rules"]
    assert ageing["Expiration"] == {"Days": 365}
    lock = s3.get_object_lock_configuration(Bucket=BACKUPS)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 30)
    (copied,) = s3.get_bucket_replication(Bucket=BACKUPS)["ReplicationConfiguration"]["Rules"]
    assert copied["Destination"]["Bucket"] == f"arn:aws:s3:::{COPY}"
    assert s3.get_bucket_location(Bucket=COPY)["LocationConstraint"] == "eu-west-1"


def test_an_object_goes_into_the_backups_and_comes_back(lab: ProdLab) -> None:
    s3 = lab.aws("s3")
    policy = s3.get_bucket_policy(Bucket=BACKUPS)["Policy"]
    # Moto denies what a statement denies under a condition also where the condition isn't met.
    s3.delete_bucket_policy(Bucket=BACKUPS)
    try:
        seen = json.loads(lab.ops("probe", "--json").out)
        visible = s3.list_objects_v2(Bucket=BACKUPS).get("Contents", [])
        listed = s3.list_object_versions(Bucket=BACKUPS)
        heads = [
            s3.head_object(Bucket=BACKUPS, Key=one["Key"], VersionId=one["VersionId"]) for one in listed["Versions"]
        ]
        # The lock would keep the bucket for a month, and with it the stack.
        for one in [*listed["Versions"], *listed["DeleteMarkers"]]:
            s3.delete_object(Bucket=BACKUPS, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=True)
        assert "Versions" not in s3.list_object_versions(Bucket=BACKUPS)
    finally:
        s3.put_bucket_policy(Bucket=BACKUPS, Policy=policy)
    assert seen == {"location": f"s3://{BACKUPS}/kafka", "bytes": 4096}
    assert visible == []
    assert [head["SSEKMSKeyId"] for head in heads] == [state(lab)["backup-s3-key"]["outputs"]["arn"]]


def test_roles_are_trusted_to_whom_they_are_for(lab: ProdLab) -> None:
    iam, made = lab.aws("iam"), state(lab)
    (machines,) = iam.get_role(RoleName=made["kafka-nodes-role"]["id"])["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert machines["Principal"] == {"Service": "ec2.amazonaws.com"}
    (backup,) = iam.get_role(RoleName=made["backup-s3-writer"]["id"])["Role"]["AssumeRolePolicyDocument"]["Statement"]
    aws = lab.platform.aws
    assert aws is not None
    assert backup["Principal"] == {"Federated": aws.cluster.oidc_provider_arn}
    subjects = [value for key, value in backup["Condition"]["StringEquals"].items() if key.endswith(":sub")]
    assert subjects == ["system:serviceaccount:kafka:kafka-backup"]


def test_a_second_update_changes_nothing(lab: ProdLab) -> None:
    done = lab.ops("up", "--json", "--detailed-exitcode", check=False)
    assert done.code == 0, done.text
    assert set(json.loads(done.out)["changes"]) == {"same"}


def test_a_destroy_is_refused_by_the_names_of_what_is_protected(lab: ProdLab) -> None:
    held = [name(each) for each in resources(lab) if each.get("protect")]
    done = lab.ops("destroy", check=False)
    assert done.code == 1
    assert f"error: stack prod has {len(held)} protected resources: {', '.join(held[:20])} and " in done.err
    assert "; nothing was touched; set kafka-platform:protect to false and bring the stack up with it" in done.err
    assert {"kafka-namespace", "pyairtable.auth.events", "kafka-broker-1a-0", "backup-s3"} <= set(held)
    json.loads(lab.ops("status", "--json", "--check").out)


@pytest.mark.timeout(1500)
def test_it_goes_when_protection_is_lifted_and_leaves_nothing(lab: ProdLab) -> None:
    """The steps of docs/operations.md, «The end of a protected stack»."""
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods(lab)}
    lab.set("protect", "false")
    for index, _ in enumerate(lab.platform.kafka.pools):
        lab.set(f"kafka.pools[{index}].storage.retain", "false")
    lab.ops("up")
    assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods(lab)} == uids
    assert [name(each) for each in resources(lab) if each.get("protect") or each.get("retainOnDelete")] == []
    for volume in objects(lab, "/api/v1/persistentvolumes"):
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
        body = {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
        path = f"/api/v1/persistentvolumes/{volume['metadata']['name']}"
        lab.api.request("PATCH", path, body, "application/merge-patch+json")
    lab.ops("destroy")
    assert [name(each) for each in resources(lab) if each["type"] != "pulumi:pulumi:Stack"] == []
    namespaces = {each["metadata"]["name"] for each in objects(lab, "/api/v1/namespaces")}
    assert "kafka" not in namespaces
    wait_for("the end of the volumes", lambda: objects(lab, "/api/v1/persistentvolumes") == [], timeout=60)
    classes = {each["metadata"]["name"] for each in objects(lab, "/apis/storage.k8s.io/v1/storageclasses")}
    assert "gp3" not in classes
    assert left(lab) == before
