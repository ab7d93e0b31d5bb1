"""What the workflows call exists, with these options; what they may do is little; what they use is pinned."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.__main__ import parser as contracts_parser
from ops.command_line import parser as ops_parser
from toolchain.ensure import GROUPS

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob(".github/workflows/*.yaml"), *ROOT.glob(".github/actions/*/action.yaml")])
WORKFLOWS = [file for file in FILES if file.parent.name == "workflows"]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PYTHON = ".venv/bin/python"


def read(file: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for a boolean.
    document = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506
    assert isinstance(document, dict)
    return document


def steps(file: Path) -> Iterator[dict[str, Any]]:
    document = read(file)
    for job in document.get("jobs", {"action": document.get("runs", {})}).values():
        yield from job["steps"]


def commands(file: Path) -> list[list[str]]:
    found = [shlex.split(step["run"]) for step in steps(file) if "run" in step]
    assert found
    return [without_sudo(command) for command in found]


def without_sudo(command: list[str]) -> list[str]:
    if command[0] != "sudo":
        return command
    return [word for word in command[1:] if "=" not in word]


def check(command: list[str]) -> None:
    """Raise unless the command is one of the project's own, spelled as it takes it."""
    # Numbers and paths are variables in a workflow.
    words = ["1" if word == "$NUMBER" else word for word in command]
    match words:
        case ["make", *rest]:
            targets = [word for word in rest if "=" not in word]
            variables = [word.partition("=")[0] for word in rest if "=" in word]
            assert targets
            assert set(targets) <= TARGETS
            assert all(f"$({name})" in MAKEFILE for name in variables)
        case [python, "-m", "ops", *rest] if python == PYTHON:
            ops_parser().parse_args(rest)
        case [python, "-m", "contracts", *rest] if python == PYTHON:
            contracts_parser().parse_args(rest)
        case [python, "-m", "toolchain", "ensure", *groups] if python == PYTHON:
            assert groups
            assert set(groups) <= set(GROUPS)
        case ["aws", "eks", "update-kubeconfig", "--name", _, "--alias", _]:
            pass
        case _:
            raise AssertionError(f"not a command of this project: {shlex.join(command)}")


def test_there_are_workflows_for_pull_requests_deployments_drift_and_the_restore_drill() -> None:
    assert [file.stem for file in WORKFLOWS] == ["deploy", "drift", "pull-request", "restore-drill"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_command_is_the_project_s_own_and_takes_its_options(file: Path) -> None:
    for command in commands(file):
        check(command)


@pytest.mark.parametrize(
    "command",
    [
        "make no-such-target",
        "make report STAK=prod",
        f"{PYTHON} -m ops drift --stak prod",
        f"{PYTHON} -m ops destroy",
        f"{PYTHON} -m toolchain ensure everything",
        "curl https://example.org",
    ],
)
def test_a_command_that_is_none_is_found(command: str) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(shlex.split(command))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_actions_are_pinned_by_commit_and_say_which_release_that_is(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    assert used
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    for step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_job_has_what_it_needs_and_no_more(file: Path) -> None:
    document = read(file)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        writes = {what for what, level in job["permissions"].items() if level == "write"}
        assert writes <= {"id-token", "pull-requests"}, name
        assert "timeout-minutes" in job, name
        # A role of AWS and secrets come from an environment alone, which says which branches may use it.
        if "id-token" in writes or "secrets." in str(job):
            assert job["environment"], name


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_nothing_a_stranger_writes_is_put_into_a_command(file: Path) -> None:
    assert "pull_request_target" not in file.read_text()
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


def test_deployments_go_one_after_the_other_through_their_gates() -> None:
    document = read(ROOT / ".github/workflows/deploy.yaml")
    drift = read(ROOT / ".github/workflows/drift.yaml")
    drill = read(ROOT / ".github/workflows/restore-drill.yaml")
    assert drill["concurrency"] == drift["concurrency"]
    assert document["concurrency"] == drift["concurrency"] == {"group": "deploy", "cancel-in-progress": "false"}
    jobs = document["jobs"]
    assert jobs["staging"]["needs"] == "dev"
    assert (jobs["prod"]["needs"], jobs["prod"]["environment"]) == ("staging", "prod")
    ops = [shlex.split(step["run"])[3] for step in jobs["prod"]["steps"] if "-m ops" in step.get("run", "")]
    assert ops == ["drift", "status", "up", "status", "smoke"]


def test_a_pull_request_previews_every_stack() -> None:
    document = read(ROOT / ".github/workflows/pull-request.yaml")
    stacks = {file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml")}
    assert set(document["jobs"]["preview"]["strategy"]["matrix"]["stack"]) == stacks
    assert "head.repo.full_name == github.repository" in document["jobs"]["preview"]["if"]
