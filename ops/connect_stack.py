"""The dev stack with Kafka Connect and a topic of its own, for the time of a bench; afterwards it is what it was."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from config.target import resolve_target
from manifests.connect_topics import CONFIGS, CONTROL, HEARTBEATS, OFFSETS, STATUS
from manifests.credential import CONNECT_SECRET, derive_password
from ops.failure import Failure, InterruptedFailure
from ops.operation import observed
from ops.outputs import Outputs, read_outputs
from ops.progress import EngineProgress, Reporter
from ops.spec import platform_of
from ops.stack import Engine
from ops.stack_config import MASTER_SECRET_KEY
from ops.workspace import write_private
from resources.connect_rest import ConnectRest

AGGREGATE: Final = "bench"
TOPIC: Final = f"pyairtable.{AGGREGATE}.events"
PARTITIONS: Final = 6

_BASE: Final = Path(__file__).parents[1] / "config" / "overlays" / "event-platform.yaml"


@dataclass(frozen=True, kw_only=True)
class ConnectStack:
    """The stack while Kafka Connect is on it."""

    outputs: Outputs
    rest: ConnectRest


def overlay(connectors: Sequence[Mapping[str, Any]], egress: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is laid over the stack: a worker with these connectors, their secrets derived, and the topic."""
    document: dict[str, Any] = yaml.safe_load(_BASE.read_text())
    names = {name for one in connectors for name in one.get("secrets", {}).values()}
    document["connect"] |= {
        "connectors": list(connectors),
        "derived_secrets": sorted(names),
        "egress": list(egress),
    }
    topic = {
        "partitions": PARTITIONS,
        "retention": "1h",
        "compression": "producer",
        "purpose": "A bench's records",
        "bytes_per_second": 1000,
        "retention_bytes": "64Mi",
    }
    return {**document, "topics": {TOPIC: topic}}


def check(engine: Engine) -> None:
    """Raise Failure where a bench can't have Kafka Connect on the stack."""
    if os.environ.get("PLATFORM_OVERLAY"):
        raise Failure(
            "PLATFORM_OVERLAY is set, and the bench lays its own over the stack", "unset it, and run `make up`"
        )
    platform = platform_of(engine.workspace)
    if not resolve_target(platform.kubernetes).is_lab:
        raise Failure("the databases of this bench are on this machine, where only the lab's pods reach them")
    if platform.connect is not None:
        raise Failure(f"stack {engine.workspace.stack} has a Kafka Connect of its own", "take out its connect section")


def secret(engine: Engine, name: str) -> str:
    """Return the value of a connector's derived secret."""
    master = engine.run("config", "get", MASTER_SECRET_KEY, "--stack", engine.workspace.stack).strip()
    return derive_password(master, name, 1, CONNECT_SECRET)


@contextmanager
def connected(engine: Engine, reporter: Reporter, document: Mapping[str, Any]) -> Iterator[ConnectStack]:
    """Bring the stack up with an overlay for a block; the caller holds the workspace's lock.

    Raises Failure with the program's own words, and takes Kafka Connect out again then, too.
    """
    try:
        _update(engine, reporter, document, "the stack with Kafka Connect")
        stack = engine.workspace.stack
        found = json.loads(engine.run("stack", "output", "--json", "--show-secrets", "--stack", stack))["connect"]
        outputs = read_outputs(engine)
        rest = ConnectRest(endpoints=found["endpoints"], ca_pem=outputs.ca_pem, **found["credentials"])
        yield ConnectStack(outputs=outputs, rest=rest)
    finally:
        lost = [CONFIGS, OFFSETS, STATUS, HEARTBEATS, CONTROL, TOPIC]
        _update(engine, reporter, {"allow_data_loss": lost}, "the stack without it")
        _update(engine, reporter, {}, "the stack as it was")


def _update(engine: Engine, reporter: Reporter, document: Mapping[str, Any], title: str) -> None:
    file = engine.workspace.state / "bench-overlay.json"
    write_private(file, json.dumps(document))
    laid = replace(engine, settings={**engine.settings, "PLATFORM_OVERLAY": str(file)})
    try:
        with observed(laid, reporter, title, _stopped) as (_, on_event):
            laid.up(on_event)
    finally:
        file.unlink()


def _stopped(_progress: EngineProgress) -> InterruptedFailure:
    return InterruptedFailure("interrupted", "`make up` says what is left of the bench, and how it goes")
