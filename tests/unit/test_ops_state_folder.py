"""``.state`` is dev's alone: what another stack may have there, and what of it survives dev's end."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from config.literals import PROJECT
from ops.failure import Failure
from ops.stack_config import RuntimeKeys
from ops.state_folder import (
    backend_folder,
    check_backend,
    check_named,
    check_secrets,
    keepers,
    others,
    remove_own,
    told,
)
from ops.workspace import Workspace, write_private

SALT = "v1:4aD9azvyFCA=:v1:YNFulOHlPL5/8THa:gT/XvKfL4bK/ZwBPwja4++6qfDzhBw=="
"""Made by the engine with the passphrase ``x``."""
UNNAMED = (
    "stack staging needs a state that outlives this machine; set PULUMI_BACKEND_URL, which names no backend; "
    "see docs/operations.md"
)
HERE = (
    "the state of stack staging would lie in .state, which `make down` deletes; name a backend that outlives the "
    "checkout with PULUMI_BACKEND_URL, in a shell that hasn't sourced .state/env; docs/operations.md says how a state "
    "moves away from there"
)
DEVS_PASSPHRASE = (
    "the secrets of stack staging would need the passphrase in .state, which `make down` deletes; set "
    "PULUMI_CONFIG_PASSPHRASE to one of its own or give it a key of KMS, in a shell that hasn't sourced .state/env; "
    "docs/operations.md says how secrets get another key"
)
THING = {"urn": f"urn:pulumi:x::{PROJECT}::t::n", "type": "kafka:index/topic:Topic"}
ROOT_RESOURCE = {"urn": f"urn:pulumi:x::{PROJECT}::s::n", "type": "pulumi:pulumi:Stack"}


@pytest.fixture
def staging(tmp_path: Path) -> Workspace:
    """A checkout with stacks dev and staging, dev's passphrase, and a link into ``.state`` beside it."""
    root = tmp_path / "checkout"
    root.mkdir()
    for stack in ("dev", "staging"):
        (root / f"Pulumi.{stack}.yaml").write_text("config:\n  kafka-platform:a: 1\n")
    workspace = Workspace(root, "staging")
    write_private(workspace.passphrase_file, "x\n")
    workspace.backend.mkdir()
    (tmp_path / "link").symlink_to(workspace.backend)
    return workspace


def put_state(workspace: Workspace, name: str, latest: Any, project: str = PROJECT) -> Path:
    """Write a state as the engine's file backend has it."""
    file = workspace.backend / ".pulumi" / "stacks" / project / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"stack": name, "latest": latest}}))
    return file


def failure(check: Any, *arguments: Any) -> str:
    with pytest.raises(Failure) as caught:
        check(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "file://{root}/.state",
        "file://{root}/.state/pulumi",
        "file://{root}/.state/pulumi?metadata=skip",
        "file://{root}/.state/pulumi?no_tmp_dir=true&metadata=skip",
        "file://{root}/.state/pulumi#x",
        "file://{root}/.state/not/there/yet",
        "file://{root}/config/../.state/pulumi/",
        "file://{root}/../link",
        "file://{root}/../link/below",
        "file:///{root}/.state",
        "file://{root}//.state//pulumi",
        "file://{root}/%2Estate/pulumi",
        "file:{root}/.state/pulumi",
        "FILE://{root}/.state/pulumi",
        "file://./.state/pulumi",
        "file://.state",
        "file://~/{from_home}/.state/pulumi",
        "file://~/{from_home}/../link?metadata=skip",
    ],
)
def test_no_other_stack_s_state_goes_to_where_dev_s_is(url: str, staging: Workspace) -> None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    from_home = os.path.relpath(staging.root, home)
    environment = {"PULUMI_BACKEND_URL": url.format(root=staging.root, from_home=from_home)}
    assert failure(check_backend, staging, environment) == HERE
    check_backend(Workspace(staging.root), environment)


@pytest.mark.parametrize(
    "url",
    [
        "s3://pyairtable-pulumi-state?region=eu-central-1",
        "https://api.pulumi.com",
        "file://{root}/.state-of-staging",
        "file://{root}/../.state/pulumi",
        "file://{root}/.state/../../elsewhere",
        "file://{root}/../states?dir=/.state/pulumi",
        "file://~/.state/pulumi",
        "file://../elsewhere",
    ],
)
def test_other_backends_are_nobody_s_business(url: str, staging: Workspace) -> None:
    check_backend(staging, {"PULUMI_BACKEND_URL": url.format(root=staging.root)})


@pytest.mark.parametrize("environment", [{}, {"PULUMI_BACKEND_URL": ""}])
def test_a_stack_that_isn_t_dev_needs_a_backend(environment: dict[str, str], staging: Workspace) -> None:
    assert failure(check_backend, staging, environment) == UNNAMED
    assert failure(check_named, staging, environment) == UNNAMED
    check_backend(Workspace(staging.root), environment)
    check_named(Workspace(staging.root), environment)


def test_a_state_that_lies_in_dev_s_backend_nevertheless_is_found_there(staging: Workspace) -> None:
    """Reading it, and its end, need no backend to be named; another update does."""
    put_state(staging, "staging.json", {"resources": [THING]})
    check_named(staging, {})
    check_named(staging, {"PULUMI_BACKEND_URL": f"file://{staging.backend}"})
    assert failure(check_backend, staging, {}) == UNNAMED


def test_links_are_followed_after_the_way_back_as_the_engine_does(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    assert backend_folder(f"file://{tmp_path}/near/../x", tmp_path) == tmp_path / "x"
    assert backend_folder("s3://bucket", tmp_path) is None


def test_a_state_folder_that_is_a_link_is_the_folder_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root = tmp_path / "checkout"
    root.mkdir()
    (root / ".state").symlink_to(tmp_path / "disk")
    workspace = Workspace(root, "staging")
    assert failure(check_backend, workspace, {"PULUMI_BACKEND_URL": f"file://{tmp_path}/disk/pulumi"}) == HERE


@pytest.mark.parametrize(
    "environment",
    [
        {"PULUMI_CONFIG_PASSPHRASE_FILE": "{root}/.state/passphrase"},
        {"PULUMI_CONFIG_PASSPHRASE_FILE": ".state/passphrase"},
        {"PULUMI_CONFIG_PASSPHRASE_FILE": "{root}/../link/../passphrase"},
        {"PULUMI_CONFIG_PASSPHRASE_FILE": "{root}/.state/another"},
        {"PULUMI_CONFIG_PASSPHRASE": "x"},
    ],
)
def test_no_other_stack_s_secrets_are_under_dev_s_passphrase(environment: dict[str, str], staging: Workspace) -> None:
    given = {name: value.format(root=staging.root) for name, value in environment.items()}
    assert failure(check_secrets, staging, given) == DEVS_PASSPHRASE
    check_secrets(Workspace(staging.root), given)
    staging.config_file.write_text("secretsprovider: awskms:///x\nencryptedkey: y\n")
    check_secrets(staging, given)


def test_where_none_is_named_the_engine_would_take_dev_s(staging: Workspace) -> None:
    check_secrets(staging, {})
    staging.config_file.write_text(f"encryptionsalt: {SALT}\n")
    assert failure(check_secrets, staging, {}) == DEVS_PASSPHRASE


def test_a_passphrase_of_its_own_is_nobody_s_business(staging: Workspace, tmp_path: Path) -> None:
    staging.config_file.write_text(f"encryptionsalt: {SALT}\n")
    file = tmp_path / "passphrase"
    file.write_text("x")
    check_secrets(staging, {"PULUMI_CONFIG_PASSPHRASE": "y"})
    check_secrets(staging, {"PULUMI_CONFIG_PASSPHRASE": ""})
    check_secrets(staging, {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)})
    staging.passphrase_file.unlink()
    check_secrets(staging, {"PULUMI_CONFIG_PASSPHRASE": "x"})


def test_who_has_a_state_in_dev_s_backend(staging: Workspace) -> None:
    assert others(staging) == ()
    put_state(staging, "dev.json", {"resources": [THING]})
    put_state(staging, "previewed.json", None)
    put_state(staging, "destroyed.json", {"resources": []})
    put_state(staging, "failed.json", {"resources": [ROOT_RESOURCE]})
    put_state(staging, "removed.json.bak", {"resources": [THING]})
    put_state(staging, "staging.json.attrs", {"resources": [THING]})
    assert others(staging) == ()
    put_state(staging, "staging.json", {"resources": [ROOT_RESOURCE, THING]})
    put_state(staging, "killed.json", {"resources": [], "pending_operations": [{"resource": THING}]})
    put_state(staging, "dev.json", {"resources": [THING]}, "another-project")
    assert others(staging) == ("another-project/dev", "killed", "staging")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"checkpoint": {"latest": {"resources": [{}]}}}'])
def test_a_state_that_can_t_be_read_is_somebody_s(content: str, staging: Workspace) -> None:
    put_state(staging, "staging.json.gz", None).write_text(content)
    assert others(staging) == ("staging",)


def test_secrets_that_only_dev_s_passphrase_opens_keep_it(staging: Workspace) -> None:
    """Whatever backend their state is in."""
    staging.config_file.write_text(f"encryptionsalt: {SALT}\n")
    assert keepers(staging) == ("staging",)
    staging.passphrase_file.write_text("y")
    assert keepers(staging) == ()
    staging.passphrase_file.unlink()
    staging.config_file.write_text("config: [\n")
    assert keepers(staging) == ()
    staging.passphrase_file.write_text("x")
    assert keepers(staging) == ("staging",)


def fill(dev: Workspace) -> set[str]:
    """Put everything there that dev's ``up`` leaves; return what there was before, by its place in ``.state``."""
    before = listed(dev)
    dev.store_keys(RuntimeKeys(salt="v2:any", master_secret="c"))
    write_private(dev.cluster_file, "lab 1")
    write_private(dev.kubeconfig_file, "{}")
    for name in ("dev.json", "dev.json.bak", "dev.json.attrs"):
        put_state(dev, name, {"resources": [THING]})
    for place in ("history", "backups", "locks/organization"):
        write_private(dev.backend / ".pulumi" / place / PROJECT / "dev" / "1.json", "{}")
    return before


def listed(workspace: Workspace) -> set[str]:
    return {str(file.relative_to(workspace.state)) for file in workspace.state.rglob("*") if file.is_file()}


def test_with_nobody_else_there_nothing_is_left(staging: Workspace) -> None:
    dev = Workspace(staging.root)
    fill(dev)
    remove_own(dev)
    assert not dev.state.exists()


def test_what_another_stack_needs_is_left_and_dev_s_own_is_not(staging: Workspace) -> None:
    dev = Workspace(staging.root)
    put_state(staging, "staging.json", {"resources": [THING]})
    put_state(staging, "dev.json", {"resources": [THING]}, "another-project")
    write_private(staging.backend / ".pulumi" / "history" / PROJECT / "staging" / "1.json", "{}")
    write_private(staging.cluster_file, "cluster a:1")
    write_private(dev.environment_file, "export A=1\n")
    before = fill(dev)
    remove_own(dev)
    assert listed(dev) == before
    assert {"passphrase", "env", f"pulumi/.pulumi/stacks/{PROJECT}/staging.json"} <= before
    remove_own(dev)
    assert listed(dev) == before


@pytest.mark.parametrize(
    ("stacks", "said"), [(("staging",), "stack staging has"), (("prod", "staging"), "stacks prod, staging have")]
)
def test_who_keeps_something_is_said(stacks: tuple[str, ...], said: str) -> None:
    assert told(stacks) == (
        f"{said} state or secrets in .state: both stay, with the passphrase; docs/operations.md says how they move away"
    )
