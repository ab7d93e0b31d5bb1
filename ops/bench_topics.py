"""``ops bench topics``: many topics by ``pulumi up`` as ``ops up`` runs it, beside ``terraform apply``."""

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from components.access import PROTOCOL_VERSION, PROVIDER_MECHANISM, REQUEST_TIMEOUT
from config.literals import ScramMechanism
from manifests import paths
from ops import terraform
from ops.bench_runs import Run, comparison, timed, update
from ops.cpu import sample, split
from ops.failure import Failure
from ops.kafka import TIMEOUT, refusals, scram_settings
from ops.outputs import Outputs
from ops.progress import Reporter
from ops.stack import Engine
from ops.workspace import write_private
from toolchain.display import display
from toolchain.ensure import Plan as ToolchainPlan
from toolchain.ensure import ensure
from toolchain.programs import program

PARTITIONS: Final = 6
CONFIG: Final = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    # Replicas' files go when the topic goes, not a minute later in the middle of the next run.
    "file.delete.delay.ms": "0",
    "max.message.bytes": "1048588",
    "min.insync.replicas": "2",
    "retention.ms": "604800000",
}
PREFIX: Final = "bench-topics-"
SIDES: Final = ("pulumi", "terraform")

_PROGRAM: Final = Path(__file__).parents[1] / "assets" / "bench_topics"
_QUIET_CORES: Final = 0.3
_QUIET_TIMEOUT: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared."""

    topics: int = 250
    parallel: tuple[int, ...] = (16, 64)
    """Operations at a time, each its own comparison."""
    runs: int = 3


def topics(count: int, replicas: int, marker: str) -> list[dict[str, Any]]:
    """Return the topics both sides make."""
    return [
        {
            "name": f"{PREFIX}{marker}-{number:04d}",
            "partitions": PARTITIONS,
            "replication_factor": replicas,
            "config": CONFIG | {"min.insync.replicas": str(min(2, max(1, replicas - 1)))},
        }
        for number in range(count)
    ]


def access(outputs: Outputs) -> dict[str, Any]:
    """Return the provider's settings, for both sides alike and as the platform's own provider has them; secret."""
    admin = outputs.admin
    return {
        "bootstrap_servers": outputs.bootstrap_servers.split(","),
        "ca_cert": outputs.ca_pem,
        "kafka_version": PROTOCOL_VERSION,
        "sasl_mechanism": PROVIDER_MECHANISM[ScramMechanism(admin.mechanism)],
        "sasl_username": admin.username,
        "sasl_password": admin.password,
        "timeout": REQUEST_TIMEOUT,
    }


def run(engine: Engine, outputs: Outputs, plan: Plan, reporter: Reporter) -> dict[str, Any]:
    """Compare; both sides take turns at the same cluster, each run with new topics, which are removed after it."""
    _ensure_terraform(reporter)
    admin = AdminClient(scram_settings(outputs, outputs.admin))
    replicas = min(3, len(outputs.bootstrap_servers.split(",")))
    seen: dict[int, dict[str, list[Run]]] = {parallel: {side: [] for side in SIDES} for parallel in plan.parallel}
    with engine.workspace.locked("bench topics"):
        _remove_topics(admin, outputs.bootstrap_servers)
        for parallel in plan.parallel:
            for number in range(plan.runs):
                # Each goes first in turn: what one leaves behind in the brokers meets the other.
                for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                    title = f"{plan.topics} topics, {parallel} at a time, {side}, run {number + 1} of {plan.runs}"
                    wanted = topics(plan.topics, replicas, uuid.uuid4().hex[:6])
                    try:
                        with _folder(side, access(outputs), wanted) as folder:
                            act = (
                                update(folder, "bench-topics", parallel, reporter, title)
                                if side == "pulumi"
                                else _terraform(folder, parallel, reporter, title)
                            )
                            one = timed(act)
                        _check(admin, wanted, outputs.bootstrap_servers)
                    finally:
                        _remove_topics(admin, outputs.bootstrap_servers)
                    seen[parallel][side].append(one)
                    reporter.say(f"{title}: {one.seconds:.1f} s, {one.cpu_seconds:.1f} s of processor time")
    return {
        "topics": plan.topics,
        "partitions": PARTITIONS,
        "replication_factor": replicas,
        "runs": plan.runs,
        "comparisons": [{"parallel": parallel, **comparison(sides)} for parallel, sides in seen.items()],
    }


@contextmanager
def _folder(side: str, secrets: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> Iterator[Path]:
    """Make the project of one run, state and all; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as name:
        folder = Path(name)
        shutil.copy(_PROGRAM / ("__main__.py" if side == "pulumi" else "main.tf"), folder)
        write_private(folder / "access.json", json.dumps(secrets))
        write_private(folder / "topics.json", json.dumps(wanted))
        yield folder


def _terraform(folder: Path, parallel: int, reporter: Reporter, title: str) -> Callable[[], None]:
    command, provider = program("terraform"), program("terraform-provider-kafka")

    def act() -> None:
        with reporter.live(title):
            terraform.apply(command, provider.parent, folder, parallel)

    return act


def _ensure_terraform(reporter: Reporter) -> None:
    if ToolchainPlan.of(["bench"]).builds:
        with display(reporter.console) as report:
            ensure(["bench"], report)


def _names(admin: AdminClient, servers: str) -> set[str]:
    with refusals(servers):
        return {name for name in admin.list_topics(timeout=TIMEOUT).topics if name.startswith(PREFIX)}


def _check(admin: AdminClient, wanted: Sequence[Mapping[str, Any]], servers: str) -> None:
    missing = {topic["name"] for topic in wanted} - _names(admin, servers)
    if missing:
        raise Failure(f"{len(missing)} of {len(wanted)} topics were not made", "see `make status`")


def _remove_topics(admin: AdminClient, servers: str) -> None:
    """Delete the topics of this run, or of one that was killed, and wait until the brokers are at rest again."""
    if there := _names(admin, servers):
        with refusals(servers):
            for future in admin.delete_topics(list(there), operation_timeout=60, request_timeout=90).values():
                future.result()
    deadline = time.monotonic() + _QUIET_TIMEOUT
    while time.monotonic() < deadline:
        before = sample(paths.CONFIG)
        time.sleep(1)
        if split(before, sample(paths.CONFIG), 1.0)["brokers"] < _QUIET_CORES:
            return


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    table = Table(
        f"{document['topics']} topics of {document['partitions']} partitions, RF {document['replication_factor']}",
        *(f"{side} up" if side == "pulumi" else f"{side} apply" for side in SIDES),
        "ratio",
        *(f"processor time, {side}" for side in SIDES),
        box=None,
    )
    for one in document["comparisons"]:
        table.add_row(
            f"{one['parallel']} at a time",
            *("{} s ({} to {})".format(one[side]["seconds"], *one[side]["seconds_range"]) for side in SIDES),
            f"{one['ratio']:.2f}",
            *(f"{one[side]['cpu_seconds']} s" for side in SIDES),
        )
    console.print(table)
    console.print(f"medians of {document['runs']} runs, in brackets the least and the most", soft_wrap=True)
