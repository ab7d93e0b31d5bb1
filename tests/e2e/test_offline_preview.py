"""What somebody sees who clones the project, and has no account, no cluster and no secret. No lab is needed."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clone import clone as cloned
from tests.clone import git
from tests.components.test_invariants import program
from toolchain.cache import cache_root

pytestmark = pytest.mark.aws

STACK, PLUGIN = "pulumi:pulumi:Stack", "pulumi:providers:pulumi-python"
"""What the engine has and no program registers: the stack, and the provider of dynamic resources."""


@dataclass(frozen=True)
class Clone:
    """A fresh clone with an empty home, and nothing of this process's environment but where programs are."""

    root: Path
    home: Path
    temporary: Path

    def ops(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / ".venv" / "bin" / "python", "-m", "ops", *arguments],
            cwd=self.root,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "TMPDIR": str(self.temporary),
                "KAFKA_PLATFORM_CACHE": str(cache_root()),
                **environment,
            },
            capture_output=True,
            text=True,
        )

    def changes(self) -> str:
        """What differs from what was cloned."""
        return git("status", "--porcelain", "--ignored", cwd=self.root)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The present sources as a clone would have them."""
    folder = tmp_path_factory.mktemp("clone")
    made = Clone(folder / "checkout", folder / "home", folder / "tmp")
    made.home.mkdir()
    made.temporary.mkdir()
    cloned(made.root)
    yield made


@pytest.fixture(scope="module")
def previewed(clone: Clone) -> dict[str, Any]:
    before = clone.changes()
    done = clone.ops("preview", "--stack", "prod", "--json", PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 2, done.stderr
    assert clone.changes() == before
    assert list(clone.temporary.iterdir()) == []
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_preview_of_prod_shows_every_resource(previewed: dict[str, Any]) -> None:
    shown = Counter(change["type"] for change in previewed["changes"])
    assert shown == Counter(each.type for each in program("prod").all) + Counter((STACK, PLUGIN))
    # The engine's summary doesn't count the provider that it makes itself.
    assert previewed["summary"] == {"create": shown.total() - 1}
    assert {change["op"] for change in previewed["changes"]} == {"create"}


def test_it_says_all_that_it_assumed(previewed: dict[str, Any]) -> None:
    warnings = previewed["warnings"]
    assert [warning.partition(",")[0] for warning in warnings[:3]] == [
        "nothing of this stack is set up here",
        "1 secret is not set",
        "7 image digests are not set",
    ]
    assert any(warning.startswith("kubeconfig ") for warning in warnings)
    assert any(warning.startswith("AWS is stood in for") for warning in warnings)
    assert len(warnings) == 5


@pytest.mark.parametrize(
    ("command", "environment", "said"),
    [
        ("up", {}, "error: stack prod needs a state that outlives this machine; set PULUMI_BACKEND_URL"),
        ("up", {"PULUMI_BACKEND_URL": "file://{tmp}"}, "error: 7 problems in the configuration:\n"),
        ("preview", {"PULUMI_BACKEND_URL": "file://{tmp}"}, "error: 7 problems in the configuration:\n"),
    ],
)
def test_where_something_is_made_or_compared_nothing_is_assumed(
    clone: Clone, command: str, environment: dict[str, str], said: str
) -> None:
    given = {name: value.format(tmp=clone.temporary) for name, value in environment.items()}
    done = clone.ops(command, "--stack", "prod", **given)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert list(clone.temporary.iterdir()) == []
