"""Where backups go, as the engine receives it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

import tests.components.test_invariants as invariants
from components.backup_bucket import BackupBucket, BackupBucketArgs
from config.backup import BackupSpec, LifecycleSpec, LockMode, ObjectLockSpec
from manifests import backup_policy as policies
from manifests import backup_storage as storage
from tests.components.aws_types import misfits
from tests.components.recording import UNKNOWN, Recording, Resource, recorded, reveal
from tests.unit.test_backup_config import SECTIONS, section

ROOT = Path(__file__).parents[2]
HOME = "arn:aws:s3:::pyairtable-backups"
COPY = "arn:aws:s3:::pyairtable-backups-copy"
KEYS = {
    HOME: "arn:aws:kms:eu-central-1:111122223333:key/backup-s3-key",
    COPY: "arn:aws:kms:eu-central-1:111122223333:key/backup-s3-replica-key",
}


def backup(kind: str = "s3", *, protect: bool = True, preview: bool = False, **changes: Any) -> Recording:
    spec = BackupSpec.model_validate(section(kind, changes))
    with recorded(preview=preview) as recording:
        made = BackupBucket("backup", BackupBucketArgs(spec=spec, namespace="kafka", stack="prod", protect=protect))
        pulumi.export("backup", {"location": made.location, "role_arn": made.role_arn, "key_arn": made.key_arn})
    return recording


@pytest.fixture(scope="module")
def whole() -> Recording:
    return backup()


def document(resource: Resource, key: str = "policy") -> Any:
    return json.loads(reveal(resource.inputs[key]))


def names(recording: Recording) -> set[str]:
    """Type and name of everything that a provider makes."""
    return {f"{each.type.rpartition(':')[2]} {each.name}" for each in recording.all if each.custom}


def test_everything_there_is(whole: Recording) -> None:
    guards = "BucketOwnershipControls ownership,BucketPolicy policy,BucketPublicAccessBlock public-access"
    guards += ",BucketServerSideEncryptionConfiguration encryption,BucketVersioning versioning"
    guards += ",BucketLifecycleConfiguration lifecycle"
    expected = {"aws backup-s3-home", "aws backup-s3-away"}
    for bucket, locked in (("backup-s3", True), ("backup-s3-replica", True), ("backup-s3-logs", False)):
        expected |= {f"Bucket {bucket}", *(each.replace(" ", f" {bucket}-") for each in guards.split(","))}
        expected |= {f"BucketObjectLockConfiguration {bucket}-lock"} if locked else set()
    expected |= {"Key backup-s3-key", "Key backup-s3-replica-key"}
    expected |= {"Alias backup-s3-key-alias", "Alias backup-s3-replica-key-alias"}
    expected |= {"Role backup-s3-writer", "RolePolicy backup-s3-writer-policy", "BucketLogging backup-s3-logging"}
    expected |= {"Role backup-s3-replica-role", "RolePolicy backup-s3-replica-role-policy"}
    expected |= {"BucketReplicationConfig backup-s3-replica-replication"}
    assert names(whole) == expected


def test_what_is_left_out_isnt_there() -> None:
    plain = backup(replica=None, object_lock=None, access_log={"bucket": "logs-of-all"})
    parts = {part for each in names(plain) for part in each.split("-")}
    assert not parts & {"replica", "lock", "logs", "away"}
    assert plain.one("Bucket", "backup-s3").inputs["objectLockEnabled"] is False
    assert plain.one("BucketLogging", "backup-s3-logging").inputs["targetBucket"] == "logs-of-all"


@pytest.mark.parametrize("kind", ["endpoint", "directory"])
def test_other_kinds_make_nothing(kind: str) -> None:
    recording = backup(kind)
    assert [each.type for each in recording.all] == ["kafka-platform:index:BackupBucket"]
    location = {
        "endpoint": "https://minio.example.org:9000/backups/kafka",
        "directory": "file:///var/backups/kafka/kafka",
    }
    assert recording.exports["backup"] == {"location": location[kind], "role_arn": "", "key_arn": ""}


def test_outputs_are_what_a_backup_needs(whole: Recording) -> None:
    expected = {
        "location": "s3://pyairtable-backups/kafka",
        "role_arn": "arn:aws:iam::111122223333:role/backup-s3-writer",
        "key_arn": KEYS[HOME],
    }
    assert whole.exports["backup"] == expected
    assert whole.outputs(whole.one("BackupBucket", "backup").urn) == expected


def test_a_preview_knows_all_but_what_aws_makes() -> None:
    recording = backup(preview=True)
    assert names(recording) == names(backup())
    assert recording.one("Bucket", "backup-s3").inputs["bucket"] == "pyairtable-backups"
    assert recording.one("BucketPolicy", "backup-s3-policy").inputs["policy"] is UNKNOWN
    assert document(recording.one("Role", "backup-s3-writer"), "assumeRolePolicy")["Statement"]


def test_providers_are_explicit_and_of_one_account(whole: Recording) -> None:
    home = whole.one("pulumi:providers:aws", "backup-s3-home")
    away = whole.one("pulumi:providers:aws", "backup-s3-away")
    assert (home.inputs["region"], away.inputs["region"]) == ("eu-central-1", "eu-west-1")
    for provider in (home, away):
        assert json.loads(provider.inputs["allowedAccountIds"]) == ["111122223333"]
        assert json.loads(provider.inputs["defaultTags"]) == {
            "tags": {"managed-by": "pulumi", "project": "kafka-platform", "stack": "prod"}
        }
        assert json.loads(provider.inputs["assumeRoles"]) == []
        assert not {"accessKey", "secretKey", "token"} & provider.inputs.keys()
    for resource in whole.all:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            there = "replica" in resource.name and resource.type.split(":")[1].split("/")[0] != "iam"
            there &= "BucketReplicationConfig" not in resource.type
            assert resource.provider == (away if there else home).urn, resource.name


def test_roles_and_tags_are_taken_from_the_stack() -> None:
    role = "arn:aws:iam::111122223333:role/deployer"
    replica = {**SECTIONS["s3"]["s3"]["replica"], "assume_role_arn": role.replace("deployer", "far")}
    recording = backup(assume_role_arn=role, replica=replica, tags={"cost-center": "7"})
    home = recording.one("pulumi:providers:aws", "backup-s3-home")
    away = recording.one("pulumi:providers:aws", "backup-s3-away")
    assert json.loads(home.inputs["assumeRoles"]) == [{"roleArn": role, "sessionName": "kafka-platform"}]
    assert json.loads(away.inputs["assumeRoles"])[0]["roleArn"].endswith("/far")
    assert json.loads(home.inputs["defaultTags"])["tags"]["cost-center"] == "7"


def test_everything_hangs_together(whole: Recording) -> None:
    (top,) = whole.by_type("BackupBucket")
    for resource in whole.all:
        assert resource is top or whole.by_urn(resource.parent).type.startswith("kafka-platform:index:")
        if not resource.custom:
            assert whole.outputs(resource.urn)
            assert not resource.inputs


@pytest.mark.parametrize("protect", [True, False])
def test_what_holds_backups_is_protected_where_the_stack_is(protect: bool) -> None:
    recording = backup(protect=protect)
    guarded = {each.name for each in recording.all if each.protect}
    buckets = ("backup-s3", "backup-s3-replica", "backup-s3-logs")
    expected = {*buckets, *(f"{bucket}-versioning" for bucket in buckets), "backup-s3-key", "backup-s3-replica-key"}
    expected |= {"backup-s3-lock", "backup-s3-replica-lock"}
    assert guarded == (expected if protect else set())
    assert [each.inputs["forceDestroy"] for each in recording.by_type("Bucket")] == [not protect] * 3


def test_buckets_are_private_versioned_and_encrypted_by_their_own_key(whole: Recording) -> None:
    for bucket in ("backup-s3", "backup-s3-replica", "backup-s3-logs"):
        block = dict(whole.one("BucketPublicAccessBlock", f"{bucket}-public-access").inputs)
        assert block.pop("bucket") == whole.one("Bucket", bucket).inputs["bucket"]
        assert block == dict.fromkeys(
            ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
        )
        ownership = whole.one("BucketOwnershipControls", f"{bucket}-ownership").inputs
        assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
        versioning = whole.one("BucketVersioning", f"{bucket}-versioning").inputs
        assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    for bucket, arn in (("backup-s3", HOME), ("backup-s3-replica", COPY)):
        (rule,) = whole.one("BucketServerSideEncryptionConfiguration", f"{bucket}-encryption").inputs["rules"]
        assert rule == {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEYS[arn]},
            "bucketKeyEnabled": True,
        }
        assert document(whole.one("BucketPolicy", f"{bucket}-policy")) == policies.bucket_policy(arn, KEYS[arn])
    (rule,) = whole.one("BucketServerSideEncryptionConfiguration", "backup-s3-logs-encryption").inputs["rules"]
    # Log delivery can't use a key of ours.
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}


def test_keys_turn_and_can_be_had_back(whole: Recording) -> None:
    for key, region in (("backup-s3-key", "eu-central-1"), ("backup-s3-replica-key", "eu-west-1")):
        inputs = whole.one("Key", key).inputs
        assert inputs["enableKeyRotation"] is True
        assert inputs["deletionWindowInDays"] == 30
        assert document(whole.one("Key", key)) == policies.key_policy("111122223333", region)
    assert {each.inputs["name"] for each in whole.by_type("Alias")} == {
        "alias/pyairtable-backups",
        "alias/pyairtable-backups-copy",
    }


def test_the_writers_role_is_for_the_namespaces_service_account(whole: Recording) -> None:
    trust = document(whole.one("Role", "backup-s3-writer"), "assumeRolePolicy")
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
    provider = f"arn:aws:iam::111122223333:oidc-provider/{issuer}"
    assert trust == policies.service_account_trust(provider, issuer, "kafka", "kafka-backup")
    policy = document(whole.one("RolePolicy", "backup-s3-writer-policy"))
    assert policy == policies.writer_policy(HOME, KEYS[HOME], "eu-central-1", "kafka")


def test_copies_begin_when_both_buckets_are_versioned(whole: Recording) -> None:
    replication = whole.one("BucketReplicationConfig", "backup-s3-replica-replication")
    needed = {
        whole.one("BucketVersioning", f"{bucket}-versioning").urn for bucket in ("backup-s3", "backup-s3-replica")
    }
    needed |= {
        whole.one("RolePolicy", "backup-s3-replica-role-policy").urn,
        whole.one("Role", "backup-s3-replica-role").urn,
    }
    assert needed <= set(replication.dependencies)
    (rule,) = replication.inputs["rules"]
    assert rule["destination"] == {"bucket": COPY, "encryptionConfiguration": {"replicaKmsKeyId": KEYS[COPY]}}
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}
    role = whole.one("Role", "backup-s3-replica-role")
    assert document(role, "assumeRolePolicy") == policies.replication_trust(HOME, "111122223333")
    assert document(whole.one("RolePolicy", "backup-s3-replica-role-policy")) == policies.replication_policy(
        policies.Encrypted(bucket=HOME, key=KEYS[HOME], region="eu-central-1"),
        policies.Encrypted(bucket=COPY, key=KEYS[COPY], region="eu-west-1"),
    )


def test_access_is_logged_into_a_bucket_of_its_own(whole: Recording) -> None:
    logging = whole.one("BucketLogging", "backup-s3-logging").inputs
    assert (logging["bucket"], logging["targetBucket"]) == ("pyairtable-backups", "pyairtable-backups-logs")
    policy = document(whole.one("BucketPolicy", "backup-s3-logs-policy"))
    assert policy == policies.log_bucket_policy(f"{HOME}-logs", HOME, "111122223333")


def test_locks_and_ageing_follow_the_stack() -> None:
    recording = backup(
        object_lock={"mode": "COMPLIANCE", "days": 7},
        lifecycle={
            "infrequent_access_days": None,
            "archive_days": 10,
            "archive_class": "DEEP_ARCHIVE",
            "expiry_days": 99,
        },
    )
    for bucket in ("backup-s3", "backup-s3-replica"):
        assert recording.one("Bucket", bucket).inputs["objectLockEnabled"] is True
        lock = recording.one("BucketObjectLockConfiguration", f"{bucket}-lock").inputs
        assert lock["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "days": 7}}
        ageing, markers = recording.one("BucketLifecycleConfiguration", f"{bucket}-lifecycle").inputs["rules"]
        assert ageing["transitions"] == [{"days": 10, "storageClass": "DEEP_ARCHIVE"}]
        assert ageing["expiration"] == {"days": 99}
        assert markers["expiration"] == {"expiredObjectDeleteMarker": True}
    assert recording.one("Bucket", "backup-s3-logs").inputs["objectLockEnabled"] is False


def test_nested_arguments_are_ones_that_the_package_takes() -> None:
    cases: list[tuple[str, Mapping[str, Any]]] = [
        *(("BucketLifecycleConfigurationRule", rule) for rule in storage.lifecycle_rules(LifecycleSpec())),
        *(("BucketLifecycleConfigurationRule", rule) for rule in storage.log_lifecycle_rules(90)),
        *(("BucketServerSideEncryptionConfigurationRule", rule) for rule in storage.encryption_rules("key")),
        *(("BucketServerSideEncryptionConfigurationRule", rule) for rule in storage.encryption_rules(None)),
        *(("BucketReplicationConfigRule", rule) for rule in storage.replication_rules(COPY, "key")),
        (
            "BucketObjectLockConfigurationRule",
            storage.retention(ObjectLockSpec(mode=LockMode.GOVERNANCE, days=1)),
        ),
        ("BucketVersioningVersioningConfiguration", {"status": "Enabled"}),
        ("BucketOwnershipControlsRule", {"object_ownership": "BucketOwnerEnforced"}),
    ]
    for name, value in cases:
        assert list(misfits(name, value)) == []
    wrong = {"id": "x", "transitions": [{"day": 1}], "filter": []}
    assert sorted(misfits("BucketLifecycleConfigurationRule", wrong)) == [
        "status is missing",
        "transitions.day is unknown",
        "transitions.storage_class is missing",
    ]


def test_awss_package_is_imported_for_the_kind_s3_only() -> None:
    script = "import sys, components.companions, config.load; print('pulumi_aws' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_whole_program_keeps_its_invariants_with_backups(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"backup": section("s3", {})}))
    recording = invariants.program("prod", overlay)
    assert reveal(recording.exports["backup"])["location"] == "s3://pyairtable-backups/kafka"
    invariants.test_everything_hangs_below_a_component(recording)
    invariants.test_urns_and_places_in_kubernetes_are_unique(recording)
    invariants.test_components_have_our_token_and_register_their_outputs(recording)
    invariants.test_no_resource_takes_a_default_provider(recording)
    invariants.test_no_secret_is_in_plain_anywhere(recording)
