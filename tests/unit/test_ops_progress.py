"""What is told of an engine run, from its events."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from ops.engine_text import plain, resource_name, resource_type
from ops.preview import change, look_up, path_parts
from ops.progress import EngineProgress, summary_of

URN = "urn:pulumi:dev::kafka-platform::kafka-platform:index:KafkaCluster$kubernetes:apps/v1:StatefulSet::kafka-broker-a"


def step(op: str, urn: str = URN, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": urn, "type": "t", "provider": "", **more}


def event(**content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **content})


def test_names_and_types_of_urns() -> None:
    assert resource_name(URN) == "kafka-broker-a"
    assert resource_type(URN) == "kubernetes:apps/v1:StatefulSet"


def test_a_step_is_waited_for_until_it_ends() -> None:
    progress = EngineProgress()
    progress.handle(event(resourcePreEvent={"metadata": step("create")}), 100.0)
    progress.handle(
        event(
            diagnosticEvent={"urn": URN, "severity": "info", "ephemeral": True, "message": "[1/3] Waiting for pods\n"}
        ),
        101.0,
    )
    assert progress.line(112.0) == "0 of 1 resources, waiting 12 s for kafka-broker-a ([1/3] Waiting for pods)"
    progress.handle(event(resOutputsEvent={"metadata": step("create")}), 120.0)
    assert progress.line(121.0) == "1 of 1 resources"


def test_the_longest_wait_is_told() -> None:
    progress = EngineProgress()
    for name, now in (("first", 1.0), ("second", 5.0)):
        progress.handle(event(resourcePreEvent={"metadata": step("create", f"a::b::t::{name}")}), now)
    assert progress.line(7.0) == "0 of 2 resources, waiting 6 s for first"


def test_a_component_is_not_waited_for_but_its_children_are() -> None:
    progress = EngineProgress()
    component = step("create", "a::b::t::whole", new={"urn": "a::b::t::whole", "type": "t"})
    child = step("create", "a::b::t::part", new={"urn": "a::b::t::part", "type": "t", "custom": True})
    progress.handle(event(resourcePreEvent={"metadata": component}), 1.0)
    progress.handle(event(resourcePreEvent={"metadata": child}), 5.0)
    assert progress.line(7.0) == "0 of 2 resources, waiting 2 s for part"


def test_what_stays_the_same_is_not_waited_for() -> None:
    progress = EngineProgress()
    progress.handle(event(resourcePreEvent={"metadata": step("same")}), 1.0)
    assert progress.line(9.0) == "0 of 1 resources"


def test_changes_are_the_engine_s_own_summary() -> None:
    progress = EngineProgress()
    progress.handle(event(summaryEvent={"resourceChanges": {"same": 7, "update": 1}}), 1.0)
    assert dict(progress.changes) == {"same": 7, "update": 1}


def test_errors_are_told_once_and_without_the_engine_s_own_refrain() -> None:
    progress = EngineProgress()
    for message in ("<{%reset%}>the disk is full<{%reset%}>\n", "the disk is full", "update failed"):
        progress.handle(event(diagnosticEvent={"severity": "error", "message": message}), 1.0)
    assert progress.failure() == "the disk is full"


def test_a_traceback_is_reduced_to_its_exception() -> None:
    message = "error: Program failed:\nTraceback (most recent call last):\n  File \"x\", line 1\nKeyError: 'zones'\n"
    assert summary_of(message) == "the program failed: KeyError: 'zones'"


def test_a_namespace_of_another_stack_is_told_as_that() -> None:
    message = (
        'resource "urn:pulumi:dev::p::kubernetes:core/v1:Namespace::kafka" was not successfully created by the '
        "Kubernetes API server: Server-Side Apply field conflict detected. The resource managed by field manager "
        '"pulumi-kubernetes-1" had an apply conflict: Apply failed with 1 conflict: conflict with '
        '"pulumi-kubernetes-2": .metadata.annotations.kafka.pyairtable.dev/owner'
    )
    assert summary_of(message) == (
        "the namespace belongs to another stack, or to this stack brought up from another checkout; nothing in it was "
        "touched: destroy that one first (a lab that is left over goes with `python -m lab stop`), or give this stack "
        "another kubernetes.namespace"
    )
    of_a_config_map = message.replace(".metadata.annotations.kafka.pyairtable.dev/owner", ".data.key")
    assert summary_of(of_a_config_map) == of_a_config_map


def test_markup_is_removed() -> None:
    assert plain("<{%fg 1%}>red<{%reset%}> \x1b[31mtoo\x1b[0m ") == "red too"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("partitions", ["partitions"]),
        ('config["retention.ms"]', ["config", "retention.ms"]),
        ("spec.ports[0].name", ["spec", "ports", 0, "name"]),
        ("data[broker-0]", ["data", "broker-0"]),
    ],
)
def test_property_paths(path: str, parts: list[str | int]) -> None:
    assert path_parts(path) == parts


def test_look_up() -> None:
    properties = {"config": {"retention.ms": "5"}, "ports": [{"name": "a"}]}
    assert look_up(properties, 'config["retention.ms"]') == "5"
    assert look_up(properties, "ports[0].name") == "a"
    assert look_up(properties, "ports[1].name") is None
    assert look_up(properties, "config.missing.deeper") is None


def test_a_change_shows_old_and_new_of_what_differs() -> None:
    metadata = step(
        "update",
        "urn:pulumi:dev::kafka-platform::kafka:index/topic:Topic::events",
        old={"inputs": {"partitions": 6, "name": "events"}},
        new={"inputs": {"partitions": 12, "name": "events"}},
        diffs=["partitions"],
        detailedDiff={"partitions": {"diffKind": "update", "inputDiff": True}},
    )
    progress = EngineProgress()
    progress.handle(event(resourcePreEvent={"metadata": metadata}), 1.0)
    assert change(progress.steps[0]) == {
        "op": "update",
        "type": "kafka:index/topic:Topic",
        "name": "events",
        "urn": "urn:pulumi:dev::kafka-platform::kafka:index/topic:Topic::events",
        "diff": [{"path": "partitions", "kind": "update", "old": 6, "new": 12}],
    }
