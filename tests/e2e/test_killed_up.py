"""``ops up`` that is killed at its work: the next one goes on, with nothing lost, doubled or left over."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drill import DRILL
from tests.e2e.harness import ROOT, Platform, ops, wait_for
from tests.e2e.test_changes import operations

pytestmark = pytest.mark.e2e

TOPICS = tuple(f"pyairtable.killed.{number:02}" for number in range(24))
SERVICE = "killed-service"
STATE = ROOT / ".state"


def declared() -> dict[str, Any]:
    """An overlay with many topics, and a service that writes them all."""
    topic = {
        "partitions": 2,
        "retention": "1d",
        "compression": "lz4",
        "purpose": "made by an update that is killed",
        "bytes_per_second": 10,
    }
    quota = {"producer_bytes_per_second": "1Mi", "consumer_bytes_per_second": "1Mi"}
    service = {"produces": list(TOPICS), "quota": quota}
    return {"topics": dict.fromkeys(TOPICS, topic), "services": {SERVICE: service}}


@pytest.fixture
def grown(platform: Platform, overlay: Path) -> Iterator[Path]:
    """The overlay; afterwards the stack is what it was."""
    overlay.write_text(json.dumps(declared()))
    yield overlay
    overlay.write_text(json.dumps({"allow_data_loss": list(TOPICS)}))
    ops("up", environment={"PLATFORM_OVERLAY": str(overlay)})
    platform.up()


def checkpoint() -> dict[str, Any]:
    """The engine's state as it stands on disk."""
    (file,) = STATE.rglob(".pulumi/stacks/*/dev.json")
    deployment = json.loads(file.read_text())["checkpoint"]["latest"]
    assert isinstance(deployment, dict)
    return deployment


def made(kind: str) -> int:
    return sum(one["type"] == kind and "killed" in one["urn"] for one in checkpoint()["resources"])


def descendants(pid: int) -> list[int]:
    """The processes below one, nearest first."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [(int(child), int(parent)) for child, parent in (line.split() for line in listed.splitlines())]
    found = [pid]
    for one in found:
        found += [child for child, parent in parents if parent == one]
    return found[1:]


def engine_of(pid: int) -> int:
    (engine,) = (one for one in descendants(pid) if Path(f"/proc/{one}/comm").read_text().strip() == "pulumi")
    return engine


def in_kafka(platform: Platform) -> dict[str, int]:
    return {one["name"]: one["partitions"] for one in platform.status()["topics"] if one["name"] in TOPICS}


def everything(pid: int) -> list[int]:
    """The command with all it has started, as when the machine goes down."""
    return [*descendants(pid), pid]


TOPIC, PERMISSION = "kafka:index/topic:Topic", "kafka:index/acl:Acl"
MOMENTS = [pytest.param(everything, PERMISSION, 12, id="everything, 12 permissions")]
DRILLED = [
    pytest.param(lambda pid: [engine_of(pid)], TOPIC, 10, id="engine, 10 topics"),
    *(pytest.param(everything, TOPIC, count, id=f"everything, {count} topics") for count in (1, 4, 8, 16, 20)),
    *(pytest.param(everything, PERMISSION, count, id=f"everything, {count} permissions") for count in (1, 6, 20)),
]


@pytest.mark.parametrize(("victims", "kind", "count"), [*MOMENTS, *(DRILLED if DRILL else ())])
def test_the_next_up_goes_on(
    platform: Platform,
    grown: Path,
    victims: Callable[[int], list[int]],
    kind: str,
    count: int,
    record_property: Callable[[str, object], None],
) -> None:
    environment = {"PLATFORM_OVERLAY": str(grown)}
    killed = subprocess.Popen(
        [sys.executable, "-m", "ops", "up"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(f"{count} of {kind}", lambda: made(kind) >= count)
    for pid in victims(killed.pid):
        os.kill(pid, signal.SIGKILL)
    _, told = killed.communicate(timeout=60)
    assert killed.returncode != 0
    assert "Traceback" not in told
    resources = {one["urn"] for one in checkpoint()["resources"]}
    record_property("update", f"killed with {len(resources)} resources in the state")

    ops("up", environment=environment)
    after = checkpoint()
    assert "pending_operations" not in after or after["pending_operations"] == []
    urns = [one["urn"] for one in after["resources"]]
    assert len(urns) == len(set(urns)), "a resource is in the state twice"
    assert resources <= set(urns), "what the killed update had made was lost"
    assert resources < set(urns), "it was killed too late to show anything"
    assert in_kafka(platform) == dict.fromkeys(TOPICS, 2)
    assert operations(platform.preview(grown)) == {}
    refreshed = platform.pulumi(
        "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive", overlay=grown
    )
    assert refreshed.code == 0
