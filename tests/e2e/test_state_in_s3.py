"""A stack as staging and prod are kept: its state in a bucket, its secrets under a key of KMS. AWS is moto."""

import json
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from config.literals import PROJECT
from tests.e2e.engine_stack import FileStack
from toolchain.engine import engine_environment

pytestmark = pytest.mark.engine

REGION, STACK = "eu-central-1", "staging"
STATE = f".pulumi/stacks/{PROJECT}/{STACK}.json"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": REGION}
CANARY = secrets.token_hex(16)


@dataclass(frozen=True)
class Account:
    """Where state and key are."""

    url: str
    bucket: str
    key_arn: str

    @property
    def provider(self) -> str:
        """What the engine knows the key by."""
        return f"awskms:///{self.key_arn}?region={REGION}"

    def objects(self) -> dict[str, str]:
        """What the bucket has, by key."""
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            one["Key"]: s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read().decode(errors="replace")
            for one in listed
        }

    def client(self, service: str) -> Any:
        return connect(service, self.url)


def connect(service: str, url: str) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.session.Session().client(service, REGION, endpoint_url=url, **keys)


@pytest.fixture
def account() -> Iterator[Account]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        # Moto outlives its server, as far as this process goes.
        bucket = f"pyairtable-state-{secrets.token_hex(4)}"
        connect("s3", url).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Account(url, bucket, connect("kms", url).create_key()["KeyMetadata"]["Arn"])
    finally:
        server.stop()


@pytest.fixture
def checkout(account: Account, tmp_path: Path) -> Iterator[FileStack]:
    """A checkout of a stack that nobody has set up, and an address that accepts connections as its cluster."""
    kubeconfig = tmp_path / "kubeconfig"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kubeconfig.write_text(
            f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{listener.getsockname()[1]}'}}}}]\n"
            "contexts: [{name: named, context: {cluster: c}}]\n"
        )
        environment = {
            **engine_environment(),
            **CREDENTIALS,
            "KUBECONFIG": str(kubeconfig),
            "KUBE_CONTEXT": "named",
            "AWS_ENDPOINT_URL": account.url,
            "PULUMI_BACKEND_URL": f"s3://{account.bucket}?region={REGION}&use_path_style=true",
        }
        made = FileStack.make(tmp_path / "checkout", environment)
        made.environment.update(environment)
        made.workspace.config_file.rename(made.root / f"Pulumi.{STACK}.yaml")
        yield made
        for run in made.started:
            if not run.ended():
                run.kill(whole=True)


@pytest.fixture
def stack(checkout: FileStack, account: Account) -> FileStack:
    """The stack, set up by the commands that docs/operations.md has."""
    pulumi(checkout, "stack", "init", STACK, "--secrets-provider", account.provider)
    pulumi(checkout, "config", "set", "--stack", STACK, "--secret", f"{PROJECT}:master_secret", given=CANARY)
    return checkout


def pulumi(stack: FileStack, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["pulumi", *arguments], cwd=stack.root, env=stack.environment, input=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def another(stack: FileStack, root: Path) -> FileStack:
    """Another checkout of the same stack, as another machine has it."""
    made = FileStack.make(root, {})
    made.environment = stack.environment
    made.workspace.config_file.unlink()
    shutil.copy(stack.root / f"Pulumi.{STACK}.yaml", root)
    return made


def said(done: subprocess.CompletedProcess[str], expected: int) -> str:
    """The last line on standard error."""
    assert done.returncode == expected, f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    return (done.stderr.splitlines() or [""])[-1]


def test_a_checkout_elsewhere_finds_the_stack_and_no_secret_is_readable(
    stack: FileStack, account: Account, tmp_path: Path
) -> None:
    stack.want({"a": {"content": "1"}})
    said(stack.ops("up", "--stack", STACK), 0)
    (state,) = (text for key, text in account.objects().items() if key == STATE)
    assert json.loads(state)["checkpoint"]["latest"]["secrets_providers"]["type"] == "cloud"
    assert list(stack.workspace.backend.rglob("*.json")) == [], "a second state is in the checkout"
    assert [key for key, text in account.objects().items() if CANARY in text or "/locks/" in key] == []
    assert CANARY not in (stack.root / f"Pulumi.{STACK}.yaml").read_text()
    assert pulumi(stack, "config", "get", "--stack", STACK, f"{PROJECT}:master_secret").strip() == CANARY

    other = another(stack, tmp_path / "other")
    other.want({"a": {"content": "1"}, "b": {"content": "1"}})
    changes = json.loads(other.ops("preview", "--stack", STACK, "--json").stdout)["changes"]
    # The provider of this test's program has its checkout's path in it: that of «a» changes.
    assert {each["name"] for each in changes if each["op"] != "update"} == {"b"}
    assert [each["op"] for each in changes if each["name"] == "b"] == ["create"]


def test_a_killed_up_keeps_the_lock_until_it_is_cancelled_and_the_next_goes_on(
    stack: FileStack, account: Account, tmp_path: Path
) -> None:
    stack.want({"a": {"content": "1"}, "b": {"content": "1", "after": ["a"]}})
    stack.hold("b")
    run = stack.start("up", "--stack", STACK)
    stack.wait_begun("b", run)
    other = another(stack, tmp_path / "other")
    other.want({})
    refused = said(other.ops("up", "--stack", STACK), 1)
    assert refused.startswith("error: the stack is locked by ")
    assert refused.endswith("; wait for its end, or run `pulumi cancel` if there is none")

    run.kill(whole=True)
    stack.release("b")
    assert said(stack.ops("up", "--stack", STACK), 1) == refused
    pulumi(stack, "cancel", "--yes", "--stack", STACK)
    assert said(stack.ops("drift", "--stack", STACK), 1).startswith("error: the last update was killed")
    said(stack.ops("up", "--stack", STACK), 0)
    said(stack.ops("drift", "--stack", STACK), 0)
    assert stack.files() == {"a": "1", "b": "1"}
    urns = [one["urn"] for one in json.loads(account.objects()[STATE])["checkpoint"]["latest"]["resources"]]
    assert len(urns) == len(set(urns))
    assert {urn.rsplit("::", 1)[-1] for urn in urns} >= {"a", "b"}


def test_a_state_in_dev_s_folder_is_read_kept_and_moved(checkout: FileStack, account: Account) -> None:
    """By the commands that docs/operations.md has; what dev deletes then is nobody else's."""
    outside = checkout.environment
    dev = checkout.workspace
    dev.config_file.write_text("config: {}\n")
    dev.make_passphrase({})
    dev.backend.mkdir()
    url = f"file://{dev.backend}?metadata=skip"
    sourced = {"PULUMI_BACKEND_URL": url, "PULUMI_CONFIG_PASSPHRASE_FILE": str(dev.passphrase_file)}
    checkout.environment = {**outside, **sourced}
    checkout.want({"a": {"content": "1"}})
    pulumi(checkout, "stack", "init", STACK)
    pulumi(checkout, "config", "set", "--stack", STACK, "--secret", f"{PROJECT}:master_secret", given=CANARY)
    pulumi(checkout, "up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive")

    refused = said(checkout.ops("up", "--stack", STACK), 1)
    assert refused.startswith(f"error: the state of stack {STACK} would lie in .state, which `make down` deletes; ")
    said(checkout.ops("drift", "--stack", STACK), 0)
    (checkout.root / "things" / "a").write_text("changed by hand")
    said(checkout.ops("drift", "--stack", STACK), 3)
    (checkout.root / "things" / "a").write_text("1")
    down = checkout.ops("down")
    said(down, 0)
    assert down.stderr.startswith(f"stack {STACK} has state or secrets in .state: both stay, with the passphrase; ")
    said(checkout.ops("drift", "--stack", STACK), 0)

    exported = checkout.root / "exported.json"
    pulumi(checkout, "stack", "change-secrets-provider", "--stack", STACK, account.provider)
    pulumi(checkout, "stack", "export", "--stack", STACK, "--file", str(exported))
    assert CANARY not in exported.read_text()
    checkout.environment = outside
    pulumi(checkout, "stack", "init", STACK, "--secrets-provider", account.provider)
    pulumi(checkout, "stack", "import", "--stack", STACK, "--file", str(exported))
    said(checkout.ops("preview", "--stack", STACK), 0)
    checkout.environment = {**outside, **sourced}
    pulumi(checkout, "stack", "rm", STACK, "--force", "--yes", "--preserve-config")
    checkout.environment = outside
    said(checkout.ops("down"), 0)
    assert not dev.state.exists()

    assert pulumi(checkout, "config", "get", "--stack", STACK, f"{PROJECT}:master_secret").strip() == CANARY
    said(checkout.ops("up", "--stack", STACK, "--detailed-exitcode"), 0)
    assert checkout.files() == {"a": "1"}
    assert STATE in account.objects()
