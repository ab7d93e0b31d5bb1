"""What the component renders, as moto's S3 and IAM take it through boto3, and read back from there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import s3_backends

from tests.components.recording import Recording, reveal
from tests.components.test_backup_bucket import backup

BUCKET, COPY, LOGS = (f"pyairtable-backups{suffix}" for suffix in ("", "-copy", "-logs"))
PLACES = {"backup-s3": BUCKET, "backup-s3-replica": COPY, "backup-s3-logs": LOGS}
REGIONS = {BUCKET: "eu-central-1", COPY: "eu-west-1", LOGS: "eu-central-1"}
_UPPER = {
    "id": "ID",
    "replicaKmsKeyId": "ReplicaKmsKeyID",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "sseAlgorithm": "SSEAlgorithm",
}


def api(value: Any) -> Any:
    """Inputs of a resource as S3's API names them; AWS's provider does the same."""
    if isinstance(value, Mapping):
        return {_UPPER.get(key, key[:1].upper() + key[1:]): api(item) for key, item in value.items()}
    return [api(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def rendered() -> Recording:
    return backup()


@pytest.fixture(scope="module")
def clients(rendered: Recording) -> Iterator[dict[str, Any]]:
    """A client for each bucket's region; the buckets are there as the component wants them made."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("MOTO_ACCOUNT_ID", "111122223333")
        made = {bucket: boto3.client("s3", region_name=region) for bucket, region in REGIONS.items()}
        for name, bucket in PLACES.items():
            inputs = rendered.one("Bucket", name).inputs
            made[bucket].create_bucket(
                Bucket=inputs["bucket"],
                ObjectLockEnabledForBucket=inputs["objectLockEnabled"],
                CreateBucketConfiguration={"LocationConstraint": REGIONS[bucket]},
            )
            versioning = rendered.one("BucketVersioning", f"{name}-versioning").inputs["versioningConfiguration"]
            made[bucket].put_bucket_versioning(Bucket=bucket, VersioningConfiguration=api(versioning))
        yield made
        for client in made.values():
            client.close()


@pytest.mark.parametrize("name", PLACES)
def test_bucket_policies(name: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    bucket = PLACES[name]
    policy = reveal(rendered.one("BucketPolicy", f"{name}-policy").inputs["policy"])
    clients[bucket].put_bucket_policy(Bucket=bucket, Policy=policy)
    assert json.loads(clients[bucket].get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)


@pytest.mark.parametrize("name", PLACES)
def test_lifecycles(name: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    bucket = PLACES[name]
    rules = api(rendered.one("BucketLifecycleConfiguration", f"{name}-lifecycle").inputs["rules"])
    clients[bucket].put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert clients[bucket].get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules


@pytest.mark.parametrize("name", PLACES)
def test_encryption(name: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    bucket = PLACES[name]
    rules = api(rendered.one("BucketServerSideEncryptionConfiguration", f"{name}-encryption").inputs["rules"])
    clients[bucket].put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    found = clients[bucket].get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert [{"BucketKeyEnabled": False, **rule} for rule in rules] == [
        {"BucketKeyEnabled": False, **rule} for rule in found
    ]


@pytest.mark.parametrize("name", ["backup-s3", "backup-s3-replica"])
def test_object_locks(name: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    bucket = PLACES[name]
    inputs = rendered.one("BucketObjectLockConfiguration", f"{name}-lock").inputs
    wanted = {"ObjectLockEnabled": inputs["objectLockEnabled"], "Rule": api(inputs["rule"])}
    clients[bucket].put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)
    found = clients[bucket].get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    # S3 answers with one of the two; moto with both.
    assert found["Rule"]["DefaultRetention"].pop("Years") == 0
    assert found == wanted


def test_a_locked_backup_stays(rendered: Recording, clients: Mapping[str, Any]) -> None:
    s3 = clients[BUCKET]
    rule = api(rendered.one("BucketObjectLockConfiguration", "backup-s3-lock").inputs["rule"])
    s3.put_object_lock_configuration(
        Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    # Moto takes a denial for one of everything: it reads no conditions.
    s3.delete_bucket_policy(Bucket=BUCKET)
    version = s3.put_object(Bucket=BUCKET, Key="kafka/0", Body=b"a backup")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key="kafka/0", VersionId=version)


def test_replication(rendered: Recording, clients: Mapping[str, Any]) -> None:
    inputs = rendered.one("BucketReplicationConfig", "backup-s3-replica-replication").inputs
    wanted = {"Role": inputs["role"], "Rules": api(inputs["rules"])}
    clients[BUCKET].put_bucket_replication(Bucket=BUCKET, ReplicationConfiguration=wanted)
    found = clients[BUCKET].get_bucket_replication(Bucket=BUCKET)["ReplicationConfiguration"]
    (rule,), (given,) = found["Rules"], wanted["Rules"]
    # Moto keeps encryption, source selection and the fate of delete markers, and answers without them.
    made = s3_backends["111122223333"]["aws"].buckets[BUCKET]
    kept = vars(made)["replication"]["Rule"][0]
    hidden = {key: kept[key] for key in ("DeleteMarkerReplication", "SourceSelectionCriteria", "Destination")}
    assert found["Role"] == wanted["Role"]
    assert {**rule, **hidden} == given


@pytest.mark.parametrize("name", PLACES)
def test_access_blocks(name: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    bucket = PLACES[name]
    block = api(rendered.one("BucketPublicAccessBlock", f"{name}-public-access").inputs)
    del block["Bucket"]
    clients[bucket].put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert clients[bucket].get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block


def test_access_logging(rendered: Recording, clients: Mapping[str, Any]) -> None:
    policy = reveal(rendered.one("BucketPolicy", "backup-s3-logs-policy").inputs["policy"])
    clients[LOGS].put_bucket_policy(Bucket=LOGS, Policy=policy)
    wanted = api(rendered.one("BucketLogging", "backup-s3-logging").inputs)
    del wanted["Bucket"]
    clients[BUCKET].put_bucket_logging(Bucket=BUCKET, BucketLoggingStatus={"LoggingEnabled": wanted})
    assert clients[BUCKET].get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"] == wanted


@pytest.mark.parametrize("role", ["backup-s3-writer", "backup-s3-replica-role"])
def test_roles(role: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    """IAM reads the grammar of policies; S3 doesn't look into a bucket's."""
    assert clients
    iam = boto3.client("iam", region_name="us-east-1")
    trust = reveal(rendered.one("Role", role).inputs["assumeRolePolicy"])
    policy = reveal(rendered.one("RolePolicy", f"{role}-policy").inputs["policy"])
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=role, PolicyName="policy", PolicyDocument=policy)
    assert iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
    assert iam.get_role_policy(RoleName=role, PolicyName="policy")["PolicyDocument"] == json.loads(policy)
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        iam.put_role_policy(RoleName=role, PolicyName="bad", PolicyDocument=policy.replace("Allow", "Perhaps"))
    iam.close()


@pytest.mark.parametrize(("key", "bucket"), [("backup-s3-key", BUCKET), ("backup-s3-replica-key", COPY)])
def test_keys(key: str, bucket: str, rendered: Recording, clients: Mapping[str, Any]) -> None:
    assert clients
    kms = boto3.client("kms", region_name=REGIONS[bucket])
    policy = reveal(rendered.one("Key", key).inputs["policy"])
    made = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=made)
    kms.create_alias(AliasName=rendered.one("Alias", f"{key}-alias").inputs["name"], TargetKeyId=made)
    assert json.loads(kms.get_key_policy(KeyId=made, PolicyName="default")["Policy"]) == json.loads(policy)
    assert kms.describe_key(KeyId=f"alias/{bucket}")["KeyMetadata"]["KeyId"] == made
    kms.close()
