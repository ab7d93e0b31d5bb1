"""Backups at AWS with the real engine, and the stand-in for AWS's plugin against moto's HTTP API. No lab is needed."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from pulumi.automation.errors import CommandError

from lab.aws.schema import version
from ops.progress import EngineProgress
from ops.stack import Engine
from ops.workspace import Workspace
from tests.e2e.harness import run
from tests.moto_eks import extend_moto
from tests.unit.test_backup_config import section
from toolchain.aws_plugin import STAND_IN, real
from toolchain.engine import engine_environment, installed

pytestmark = pytest.mark.aws

ROOT = Path(__file__).parents[2]
ACCOUNT, HOME, AWAY = "111122223333", "eu-central-1", "eu-west-1"
BUCKET, COPY, LOGS = (f"pyairtable-backups{suffix}" for suffix in ("", "-copy", "-logs"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"

BACKUPS = """
import json, pathlib
import pulumi
from components.backup_bucket import BackupBucket, BackupBucketArgs
from config.backup import BackupSpec

settings = json.loads(pathlib.Path("settings.json").read_text())
spec = BackupSpec.model_validate(settings["backup"])
args = BackupBucketArgs(spec=spec, namespace="kafka", stack="dev", protect=settings["protect"])
made = BackupBucket("backup", args)
for name in ("location", "role_arn", "key_arn"):
    pulumi.export(name, getattr(made, name))
"""

ONE_BUCKET = """
import json, pathlib
import pulumi
import pulumi_aws as aws

settings = json.loads(pathlib.Path("settings.json").read_text())
tags = {"pass": pulumi.Output.secret(settings.get("secret", "s3cr3t-value"))}
provider = aws.Provider("home", region="eu-central-1", **settings.get("provider", {}))
bucket = aws.s3.Bucket(
    "one", bucket="pyairtable-one", tags=tags, force_destroy=settings.get("force", False),
    opts=pulumi.ResourceOptions(provider=provider, import_=settings.get("import")),
)
aws.s3.BucketOwnershipControls(
    "controls", bucket=bucket.id, rule=settings.get("rule", {"object_ownership": "BucketOwnerEnforced"}),
    opts=pulumi.ResourceOptions(provider=provider),
)
"""

MACHINES = """
import json, pathlib
import pulumi
import pulumi_aws as aws

settings = json.loads(pathlib.Path("settings.json").read_text())
home = pulumi.ResourceOptions(provider=aws.Provider("home", region="eu-central-1"))
trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}), opts=home)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=home)
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/20", opts=home)
cluster = aws.eks.Cluster("c", role_arn=role.arn, vpc_config={"subnet_ids": [subnet.id]}, opts=home)
aws.eks.Addon("addon", cluster_name=cluster.name, addon_name="vpc-cni", opts=home)
template = aws.ec2.LaunchTemplate("template", instance_type=settings["type"], update_default_version=True, opts=home)
aws.eks.NodeGroup(
    "group", cluster_name=cluster.name, node_role_arn=role.arn, subnet_ids=[subnet.id],
    scaling_config={"min_size": 1, "max_size": 1, "desired_size": 1},
    launch_template={"id": template.id, "version": template.latest_version.apply(str)}, opts=home,
)
pulumi.export("issuer", cluster.identities[0].oidcs[0].issuer)
"""


@dataclass(frozen=True)
class Stack:
    """A program with its settings, an engine, and the server it works against."""

    engine: Engine
    url: str
    warnings: list[str] = field(default_factory=list)

    def settings(self, **settings: Any) -> None:
        (self.engine.workspace.root / "settings.json").write_text(json.dumps(settings))

    def run(self, action: Callable[[Callable[..., None]], None]) -> EngineProgress:
        """Run an operation; a failure carries what was told."""
        progress = EngineProgress()
        try:
            action(lambda event: progress.handle(event, 0.0))
        except CommandError as error:
            raise AssertionError(progress.failure() or str(error)) from None
        self.warnings.extend(progress.warnings)
        return progress

    def up(self) -> EngineProgress:
        return self.run(self.engine.up)

    def fails(self, action: Callable[[Callable[..., None]], None]) -> str:
        """Run an operation that is to fail and return what was told."""
        progress = EngineProgress()
        with pytest.raises(CommandError):
            action(lambda event: progress.handle(event, 0.0))
        return progress.failure()

    @contextmanager
    def client(self, service: str, region: str = HOME) -> Iterator[Any]:
        path_style = Config(s3={"addressing_style": "path"})
        with closing(boto3.client(service, region, endpoint_url=self.url, config=path_style)) as client:
            yield client

    def resources(self) -> dict[str, dict[str, Any]]:
        """What the state has, by Pulumi's name."""
        found = self.engine.deployment().get("resources") or []
        return {each["urn"].rsplit("::", 1)[-1]: each for each in found if each["type"].startswith("aws:")}

    def left(self) -> dict[str, list[str]]:
        """Everything that the server has of what these tests make."""
        left: dict[str, list[str]] = {}
        with self.client("s3") as s3, self.client("iam") as iam:
            left["buckets"] = sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"])
            left["roles"] = [role["RoleName"] for role in iam.list_roles()["Roles"]]
        for region in (HOME, AWAY):
            with self.client("kms", region) as kms:
                keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
                # What AWS makes itself has another manager.
                own = [key for key in keys if key["KeyManager"] == "CUSTOMER"]
                left[f"keys {region}"] = [key["KeyId"] for key in own if key["KeyState"] != "PendingDeletion"]
                aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]
                left[f"aliases {region}"] = [name for name in aliases if not name.startswith("alias/aws/")]
        return {name: each for name, each in left.items() if each}


@contextmanager
def server() -> Iterator[str]:
    """A fresh server of AWS's API on loopback: its URL."""
    extend_moto()
    made = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    made.start()
    try:
        host, port = made.get_host_and_port()
        url = f"http://{host}:{port}"
        with closing(boto3.client("sts", HOME, endpoint_url=url)) as sts:
            assert sts.get_caller_identity()["Account"] == ACCOUNT
        reset()
        yield url
    finally:
        reset()
        made.stop()


def reset() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


@contextmanager
def opened(folder: Path, program: str, url: str) -> Iterator[Stack]:
    """A project with a file backend in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PULUMI_", "AWS_"))]:
            patch.delenv(name)
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "MOTO_ACCOUNT_ID": ACCOUNT,
            "PYTHONPATH": str(ROOT),
        }.items():
            patch.setenv(name, value)
        if real() or installed():
            # These tests are of the stand-in, also where the real plugin would be used.
            patch.setenv("PATH", f"{STAND_IN.parent}{os.pathsep}{os.environ['PATH']}")
        runtime = f"{{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}"
        (folder / "Pulumi.yaml").write_text(f"name: kafka-platform\nruntime: {runtime}\n")
        (folder / "__main__.py").write_text(program)
        workspace = Workspace(folder)
        workspace.make_passphrase(os.environ)
        workspace.backend.mkdir(parents=True, exist_ok=True)
        engine = Engine.of(workspace, engine_environment())
        engine.prepare()
        yield Stack(engine, url)


def backups(**changes: Any) -> dict[str, Any]:
    return section("s3", {"assume_role_arn": ROLE, "tags": {"team": "data"}, **changes})


@dataclass(frozen=True)
class BroughtUp(Stack):
    """The backups' stack, and what was seen on the way."""

    previewed: Mapping[str, int] = field(default_factory=dict)
    left_by_preview: Mapping[str, list[str]] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BroughtUp]:
    with ExitStack() as exits:
        patch = exits.enter_context(pytest.MonkeyPatch.context())
        for name, value in {"MOTO_ACCOUNT_ID": ACCOUNT, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
            patch.setenv(name, value)
        url = exits.enter_context(server())
        opening = exits.enter_context(opened(tmp_path_factory.mktemp("backups"), BACKUPS, url))
        opening.settings(backup=backups(), protect=True)
        previewed = opening.run(opening.engine.preview)
        left = opening.left()
        made = opening.up()
        yield BroughtUp(opening.engine, url, opening.warnings, previewed.changes, left, made.changes)


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A small stack of one bucket; its server has nothing in it."""
    for name, value in {"MOTO_ACCOUNT_ID": ACCOUNT, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(name, value)
    with server() as url, opened(tmp_path, ONE_BUCKET, url) as stack:
        stack.settings()
        yield stack


def changed(progress: EngineProgress) -> list[tuple[str, str]]:
    quiet = ("same", "read", "refresh")
    return [(step.op.value, step.urn.rpartition("::")[2]) for step in progress.steps if step.op.value not in quiet]


def test_a_preview_shows_everything_and_makes_nothing(stack: BroughtUp) -> None:
    assert dict(stack.previewed) == dict(stack.made)
    assert stack.made["create"] == len(stack.resources()) + 8, "5 components, 2 providers, the stack itself"
    assert stack.left_by_preview == {}


def test_the_output_says_what_is_behind_it(stack: BroughtUp) -> None:
    said = f"AWS is stood in for: this checkout's plugin of {version()} works against {stack.url}"
    assert any(said in warning for warning in stack.warnings)


@pytest.mark.parametrize("bucket", [BUCKET, COPY, LOGS])
def test_buckets_are_private_versioned_and_encrypted(stack: BroughtUp, bucket: str) -> None:
    with stack.client("s3") as s3:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        (owner,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        versioning = s3.get_bucket_versioning(Bucket=bucket)["Status"]
        place = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert set(block.values()) == {True}
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    assert versioning == "Enabled"
    assert place == (AWAY if bucket == COPY else HOME)
    assert tags == {"team": "data", "project": "kafka-platform", "stack": "dev", "managed-by": "pulumi"}
    default = rule["ApplyServerSideEncryptionByDefault"]
    assert default["SSEAlgorithm"] == ("AES256" if bucket == LOGS else "aws:kms")
    if bucket != LOGS:
        key = "backup-s3-replica-key" if bucket == COPY else "backup-s3-key"
        assert default["KMSMasterKeyID"] == stack.resources()[key]["outputs"]["arn"]
        assert rule["BucketKeyEnabled"]


def test_policies_name_the_keys_that_were_made(stack: BroughtUp) -> None:
    key = stack.resources()["backup-s3-key"]["outputs"]["arn"]
    with stack.client("s3") as s3:
        statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    denied = {each["Sid"]: each for each in statements}
    condition = denied["DenyPutsWithAnotherKey"]["Condition"]["StringNotEquals"]
    assert condition == {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}


def test_backups_age_are_locked_and_logged(stack: BroughtUp) -> None:
    with stack.client("s3") as s3:
        ageing, markers = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
        lock = s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
        logging = s3.get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"]
    assert ageing["Expiration"] == {"Days": 365}
    assert [(each["Days"], each["StorageClass"]) for each in ageing["Transitions"]] == [
        (30, "STANDARD_IA"),
        (90, "GLACIER"),
    ]
    assert markers["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert lock["ObjectLockEnabled"] == "Enabled"
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 30)
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == (LOGS, f"{BUCKET}/")


def test_backups_are_copied(stack: BroughtUp) -> None:
    resources = stack.resources()
    with stack.client("s3") as s3:
        found = s3.get_bucket_replication(Bucket=BUCKET)["ReplicationConfiguration"]
    (rule,) = found["Rules"]
    assert found["Role"] == resources["backup-s3-replica-role"]["outputs"]["arn"]
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{COPY}"
    copy_key = resources["backup-s3-replica-key"]["outputs"]["arn"]
    assert rule["Destination"]["EncryptionConfiguration"] == {"ReplicaKmsKeyID": copy_key}
    assert f":{AWAY}:" in copy_key


def test_one_service_account_may_write(stack: BroughtUp) -> None:
    resources = stack.resources()
    role, policy = resources["backup-s3-writer"]["id"], resources["backup-s3-writer-policy"]["inputs"]["name"]
    with stack.client("iam") as iam:
        found = iam.get_role(RoleName=role)["Role"]
        allowed = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]
    (trust,) = found["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    subjects = [value for key, value in trust["Condition"]["StringEquals"].items() if key.endswith(":sub")]
    assert subjects == ["system:serviceaccount:kafka:kafka-backup"]
    assert resources["backup-s3-key"]["outputs"]["arn"] in json.dumps(allowed)


def test_keys_rotate_and_have_names(stack: BroughtUp) -> None:
    for region, bucket in ((HOME, BUCKET), (AWAY, COPY)):
        with stack.client("kms", region) as kms:
            key = kms.describe_key(KeyId=f"alias/{bucket}")["KeyMetadata"]
            assert key["Description"] == f"Kafka backups in {bucket}"
            assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]


def test_a_second_up_and_a_refresh_change_nothing(stack: BroughtUp) -> None:
    assert set(stack.up().changes) == {"same"}
    before = stack.resources()
    stack.engine.run("refresh", "--yes", "--skip-preview", "--stack", "dev", "--expect-no-changes")
    after = stack.resources()
    assert {name: each["outputs"] for name, each in after.items()} == {
        name: each["outputs"] for name, each in before.items()
    }


def test_another_lifecycle_is_one_update(stack: BroughtUp) -> None:
    stack.settings(backup=backups(lifecycle={"expiry_days": 400}), protect=True)
    progress = stack.up()
    assert {op: count for op, count in progress.changes.items() if op != "same"} == {"update": 2}
    assert set(changed(progress)) == {("update", "backup-s3-lifecycle"), ("update", "backup-s3-replica-lifecycle")}
    with stack.client("s3") as s3:
        assert s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"][0]["Expiration"] == {"Days": 400}


def test_what_was_changed_by_hand_is_seen_and_set_right(stack: BroughtUp) -> None:
    with stack.client("s3") as s3:
        s3.put_bucket_versioning(Bucket=LOGS, VersioningConfiguration={"Status": "Suspended"})
        s3.delete_bucket_policy(Bucket=COPY)
    stack.engine.run("refresh", "--yes", "--skip-preview", "--stack", "dev")
    progress = stack.up()
    assert set(changed(progress)) == {("update", "backup-s3-logs-versioning"), ("create", "backup-s3-replica-policy")}
    with stack.client("s3") as s3:
        assert s3.get_bucket_versioning(Bucket=LOGS)["Status"] == "Enabled"
        assert s3.get_bucket_policy(Bucket=COPY)["Policy"]


def test_a_destroy_is_refused_until_protection_is_lifted_and_then_leaves_nothing(stack: BroughtUp) -> None:
    protected = {name for name, each in stack.resources().items() if each.get("protect")}
    assert len(protected) == 10
    assert "protected" in stack.fails(stack.engine.destroy)
    assert stack.left()["buckets"] == [BUCKET, COPY, LOGS]
    stack.settings(backup=backups(lifecycle={"expiry_days": 400}), protect=False)
    progress = stack.up()
    # What has no objects may go as it is; a bucket goes with its objects, as the log of accesses has some.
    assert progress.changes["update"] == 3
    stack.run(stack.engine.destroy)
    assert stack.left() == {}
    assert stack.resources() == {}


def test_machines_follow_their_template_in_one_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with server() as url, opened(tmp_path, MACHINES, url) as stack:
        stack.settings(type="m7g.large")
        assert stack.up().changes == {"create": 9}
        assert set(stack.up().changes) == {"same"}
        stack.settings(type="m7g.xlarge")
        expected = [("update", "template"), ("update", "group")]
        assert changed(stack.run(stack.engine.preview)) == expected
        assert changed(stack.up()) == expected
        assert stack.resources()["group"]["outputs"]["launchTemplate"]["version"] == "2"
        stack.run(stack.engine.destroy)
        assert stack.resources() == {}
        assert stack.left() == {}
        with stack.client("eks") as eks, stack.client("ec2") as ec2:
            assert eks.list_clusters()["clusters"] == []
            assert ec2.describe_launch_templates()["LaunchTemplates"] == []
            assert [vpc["CidrBlock"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def test_a_bucket_that_is_there_is_imported(one: Stack) -> None:
    with one.client("s3") as s3:
        s3.create_bucket(Bucket="pyairtable-one", CreateBucketConfiguration={"LocationConstraint": HOME})
        s3.put_bucket_tagging(Bucket="pyairtable-one", Tagging={"TagSet": [{"Key": "pass", "Value": "s3cr3t-value"}]})
    one.settings(**{"import": "pyairtable-one"})
    assert one.up().changes["import"] == 1
    assert one.resources()["one"]["id"] == "pyairtable-one"
    one.settings()
    assert set(one.up().changes) == {"same"}


def test_secrets_are_ciphertext_in_the_state(one: Stack) -> None:
    one.up()
    exported = json.dumps(one.engine.export_state())
    assert "s3cr3t-value" not in exported
    with one.client("s3") as s3:
        (tag,) = s3.get_bucket_tagging(Bucket="pyairtable-one")["TagSet"]
    assert tag["Value"] == "s3cr3t-value"


def test_a_misspelt_property_is_refused_in_the_preview(one: Stack) -> None:
    one.settings(rule={"objectOwnershipp": "BucketOwnerEnforced"})
    told = one.fails(one.engine.preview)
    assert "rule.objectOwnershipp: there is no such property; did you mean objectOwnership?" in told
    assert "rule.objectOwnership: it is missing; add it: text" in told
    one.settings(provider={"allowed_account_ids": [ACCOUNT], "assume_roles": [{"role_arn": ROLE}]})
    assert "assumeRoles[0].role_arn: there is no such property; did you mean roleArn?" in one.fails(one.engine.preview)


def test_another_account_s_credentials_are_refused(one: Stack) -> None:
    one.settings(provider={"allowed_account_ids": ["444455556666"]})
    said = f"the credentials are of AWS account {ACCOUNT}, allowed are 444455556666; use those of an allowed account"
    assert said in one.fails(one.engine.up)
    assert one.left() == {}


def test_a_service_s_own_words_are_told(one: Stack) -> None:
    with one.client("s3") as s3:
        s3.create_bucket(Bucket="pyairtable-one", CreateBucketConfiguration={"LocationConstraint": HOME})
    assert "(BucketAlreadyOwnedByYou) when calling the CreateBucket operation" in one.fails(one.engine.up)


def test_a_bucket_with_objects_stays_unless_it_is_said_to_go(one: Stack) -> None:
    one.up()
    with one.client("s3") as s3:
        s3.put_object(Bucket="pyairtable-one", Key="a", Body=b"a")
    assert "(BucketNotEmpty)" in one.fails(one.engine.destroy)
    one.settings(force=True)
    one.up()
    one.run(one.engine.destroy)
    assert one.left() == {}


PUBLISHED = """
import json, sys
from components.lazy_packages import load_when_asked_for
from lab.aws.schema import packages, published
from lab.aws.types import TYPES

if sys.argv[1] == "lazily":
    load_when_asked_for(packages(TYPES))

def told(fields):
    shapes = {name: [shape.described, shape.fields and told(shape.fields)] for name, shape in fields.shapes.items()}
    return [sorted(fields.required), shapes]

types = {token: published(token) for token in TYPES}
seen = {token: [told(one.inputs), sorted(one.outputs), sorted(one.always)] for token, one in types.items()}
loaded = [name for name in sys.modules if name.startswith("pulumi_aws.")]
print(json.dumps({"types": seen, "loaded": len(loaded)}, sort_keys=True))
"""


def test_the_plugin_loads_the_classes_it_has_use_for_and_sees_in_them_what_the_package_publishes() -> None:
    lazily, wholly = (
        json.loads(run(sys.executable, "-c", PUBLISHED, how, environment={"PYTHONPATH": str(ROOT)}).out)
        for how in ("lazily", "wholly")
    )
    assert len(lazily["types"]) > 30
    assert lazily["types"] == wholly["types"]
    assert lazily["loaded"] < wholly["loaded"] / 2


def test_a_preview_needs_no_server_and_an_update_says_that_it_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "http://127.0.0.1:9"
    with opened(tmp_path, ONE_BUCKET, away) as stack:
        stack.settings(provider={"allowed_account_ids": [ACCOUNT]})
        assert stack.run(stack.engine.preview).changes == {"create": 4}
        said = f"the server of AWS's API at {away} doesn't answer; start it, or correct AWS_ENDPOINT_URL"
        assert stack.fails(stack.engine.up).count(said) == 1
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        assert stack.run(stack.engine.preview).changes == {"create": 2, "same": 2}, "stack and provider are there"
        assert "works only against a server near by: set AWS_ENDPOINT_URL" in stack.fails(stack.engine.up)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.amazonaws.com")
        assert "so that it never reaches a real account" in stack.fails(stack.engine.preview)
