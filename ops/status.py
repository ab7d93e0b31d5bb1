"""``ops status``: brokers, zones, topics, health."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.failure import Failure
from ops.kafka import ClusterState, describe
from ops.outputs import Outputs, read_outputs
from ops.registry import RegistryState, describe_registry
from ops.stack import Engine


def document(
    stack: str, outputs: Outputs, state: ClusterState, registry: RegistryState | None = None
) -> dict[str, Any]:
    """Return the status as ``--json`` prints it."""
    return {
        "stack": stack,
        "bootstrap_servers": outputs.bootstrap_servers,
        "brokers": [asdict(broker) for broker in state.brokers],
        "topics": [asdict(topic) for topic in state.topics],
        "under_replicated_partitions": state.under_replicated_partitions,
        "schema_registry": asdict(registry) if registry else None,
    }


def collect(engine: Engine) -> dict[str, Any]:
    """Ask engine and cluster; raises Failure when the stack is not up or Kafka doesn't answer."""
    outputs = read_outputs(engine)
    return document(engine.workspace.stack, outputs, describe(outputs), describe_registry(outputs))


def check(status: dict[str, Any]) -> None:
    """Raise Failure unless brokers are there and every partition has all its replicas in sync."""
    if not status["brokers"]:
        raise Failure(f"stack {status['stack']} has no broker", "see its pods")
    if behind := status["under_replicated_partitions"]:
        raise Failure(
            f"stack {status['stack']} isn't healthy: {behind} partitions have replicas that aren't in sync",
            "wait until they are, or find the broker that is behind",
        )


def show(status: dict[str, Any], console: Console, lab: str | None) -> None:
    """Print the status for people."""
    brokers = Table("broker", "zone", box=None)
    for broker in status["brokers"]:
        brokers.add_row(str(broker["id"]), broker["zone"] or "-")
    topics = Table("topic", "partitions", "replicas", box=None)
    for topic in status["topics"]:
        topics.add_row(topic["name"], str(topic["partitions"]), str(topic["replication_factor"]))
    behind = status["under_replicated_partitions"]
    health = "[green]all replicas in sync[/]" if behind == 0 else f"[red]{behind} partitions under-replicated[/]"
    console.print(f"stack {status['stack']}: {health}", soft_wrap=True)
    console.print(f"bootstrap servers: {status['bootstrap_servers']}", soft_wrap=True)
    if registry := status["schema_registry"]:
        shown = f"{len(registry['subjects'])} subjects, level {registry['level']}"
        console.print(f"schema registry: {registry['url']}, {shown}", soft_wrap=True)
    if lab is not None:
        console.print(f"lab: {lab}", soft_wrap=True)
    console.print(brokers)
    console.print(topics)
