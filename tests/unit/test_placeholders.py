"""What stands in where nobody has set a stack up, and where nothing does."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.build import build_platform
from config.connect import ConnectSpec
from config.errors import ConfigError
from config.literals import PROJECT
from ops.placeholders import DIGEST, Placeholders, completed, missing_connect_secrets, with_digests
from ops.spec import platform_of, values_of
from ops.throwaway_stack import configuration, is_unset, placeholders_of
from ops.workspace import Workspace

ROOT = Path(__file__).parents[2]
PROTECTED = sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml") if file.name.split(".")[1] != "dev")
SALT = "encryptionsalt: v1:a:v1:b:c\n"
SECRET = f"config:\n  {PROJECT}:master_secret:\n    secure: v1:x:y\n"


@pytest.mark.parametrize("stack", PROTECTED)
def test_a_protected_stack_is_completed_by_what_up_refuses_to_be_without(stack: str) -> None:
    values, _ = values_of(Workspace(ROOT, stack), {})
    with pytest.raises(ConfigError) as refused:
        build_platform(stack, values)
    platform, digests = completed(stack, values)
    assert set(digests) == {problem.path for problem in refused.value.problems}
    assert platform.kafka.image == f"apache/kafka:{platform.kafka.version}@{DIGEST}"


@pytest.mark.parametrize("stack", PROTECTED)
def test_the_throwaway_file_is_complete_and_otherwise_the_stack_s(stack: str, tmp_path: Path) -> None:
    found = placeholders_of(Workspace(ROOT, stack), {})
    text = Workspace(ROOT, stack).config_text()
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(configuration(text, found))
    made = platform_of(Workspace(tmp_path, stack), {})
    assert made == completed(stack, values_of(Workspace(ROOT, stack), {})[0])[0]
    assert yaml.safe_load(configuration(text, Placeholders())) == yaml.safe_load(text)


def test_a_digest_that_is_wrong_is_not_put_right() -> None:
    values, _ = values_of(Workspace(ROOT, "prod"), {})
    with pytest.raises(ConfigError, match=re.escape("image_digest: 'sha256:short' is refused: a digest is sha256: ")):
        completed("prod", {**values, "image_digest": "sha256:short"})


def test_other_problems_are_told_alone() -> None:
    values, _ = values_of(Workspace(ROOT, "prod"), {})
    with pytest.raises(ConfigError) as caught:
        completed("prod", {**values, "protect": "perhaps"})
    said = (
        "1 problem in the configuration:\n  protect: 'perhaps' is refused: it must be true or false; correct the value"
    )
    assert str(caught.value) == said


def test_digests_that_are_there_stay() -> None:
    mine = f"sha256:{'a' * 64}"
    values = with_digests({"ksqldb": {"image": {"name": "k", "digest": mine}}}, ["image_digest", "consoles.ui.digest"])
    assert values == {
        "ksqldb": {"image": {"name": "k", "digest": mine}},
        "image_digest": DIGEST,
        "consoles": {"ui": {"digest": DIGEST}},
    }


@pytest.mark.parametrize(
    ("text", "environment", "state", "unset"),
    [
        ("config: {}\n", {}, False, True),
        ("config: {}\n", {"PULUMI_BACKEND_URL": ""}, False, True),
        ("config: {}\n", {"PULUMI_BACKEND_URL": "s3://state"}, False, False),
        ("config: {}\n", {}, True, False),
        (SALT, {}, False, False),
        (SECRET, {}, False, False),
        (SALT + SECRET, {}, False, False),
    ],
)
def test_a_stack_is_unset_without_secrets_and_state_only(
    tmp_path: Path, text: str, environment: Mapping[str, str], state: bool, unset: bool
) -> None:
    workspace = Workspace(tmp_path, "prod")
    workspace.config_file.write_text(text)
    if state:
        folder = workspace.backend / ".pulumi" / "stacks" / PROJECT
        folder.mkdir(parents=True)
        (folder / "prod.json").write_text("{}")
    assert is_unset(workspace, environment) is unset


def test_dev_is_never_unset(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "dev")
    workspace.config_file.write_text("config: {}\n")
    assert not is_unset(workspace, {})


@pytest.mark.parametrize(
    ("there", "missing"), [((), ("database", "lake")), (("lake",), ("database",)), (("database", "lake", "more"), ())]
)
def test_secrets_of_connectors_that_are_missing(there: tuple[str, ...], missing: tuple[str, ...]) -> None:
    connector: dict[str, Any] = {"plugin": "iceberg-sink", "reads": ["t"]}
    connect = ConnectSpec.model_validate(
        {
            "image": {"name": "connect:1"},
            "resources": {"cpu": "1", "memory": "2Gi"},
            "jvm": {"heap": "1Gi"},
            "connectors": [
                {"name": "one", "secrets": {"password": "lake", "token": "derived"}, **connector},
                {"name": "two", "secrets": {"password": "database"}, **connector},
            ],
            "derived_secrets": ["derived"],
        }
    )
    assert missing_connect_secrets(connect, there) == missing


def test_every_assumption_is_told() -> None:
    told = Placeholders(digests=("image_digest", "ksqldb.image.digest"), connect_secrets=("lake",)).told()
    assert told[0].startswith("nothing of this stack is set up here, and PULUMI_BACKEND_URL names no state: ")
    assert told[1:] == [
        "2 secrets are not set, random text stands in, `up` refuses: kafka-platform:master_secret, "
        "kafka-platform:connect_secrets.lake",
        "2 image digests are not set, sha256:00000000… stands in, `up` refuses: image_digest, ksqldb.image.digest",
    ]
    assert len(Placeholders().told()) == 2
