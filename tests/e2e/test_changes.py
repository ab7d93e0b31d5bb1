"""Day-two changes: the preview shows exactly what changes, the update is in place, a refresh finds nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from manifests.labels import OWNER_ANNOTATION
from ops.progress import summary_of
from tests.e2e.harness import Platform, deliver, ops, run
from toolchain.programs import program

pytestmark = pytest.mark.e2e


def changed(step: dict[str, Any]) -> set[str]:
    return set(step.get("detailedDiff") or {})


def operations(steps: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {
        name: step["op"] for name, step in steps.items() if not step["urn"].split("::")[-2].endswith("pulumi:Stack")
    }


def apply(platform: Platform, overlay: Path) -> None:
    platform.up(overlay)
    refreshed = platform.pulumi(
        "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive", overlay=overlay
    )
    assert refreshed.code == 0
    assert operations(platform.preview(overlay)) == {}


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    document = json.loads(ops("up", "--stack", "dev", "--json").out)
    assert set(document["changes"]) <= {"same"}
    assert platform.pulumi("preview", "--expect-no-changes", "--non-interactive").code == 0


def test_more_partitions_another_retention_a_higher_quota_a_new_service(platform: Platform, overlay: Path) -> None:
    try:
        make_changes(platform, overlay)
    finally:
        # Back to the catalogue: only with the loss allowed by name is the topic made anew with fewer partitions.
        overlay.write_text(json.dumps({"allow_data_loss": ["pyairtable.ai.events"]}))
        platform.up(overlay)
        platform.up()
    sizes = {topic["name"]: topic["partitions"] for topic in platform.status()["topics"]}
    assert sizes["pyairtable.ai.events"] == 4


def make_changes(platform: Platform, overlay: Path) -> None:
    overlay.write_text(json.dumps({"topics": {"pyairtable.ai.events": {"partitions": 5}}}))
    steps = platform.preview(overlay)
    assert operations(steps) == {"pyairtable.ai.events": "update"} | guard(steps)
    assert changed(steps["pyairtable.ai.events"]) == {"partitions"}
    apply(platform, overlay)
    sizes = {topic["name"]: topic["partitions"] for topic in platform.status()["topics"]}
    assert sizes["pyairtable.ai.events"] == 5

    merged: dict[str, Any] = json.loads(overlay.read_text())
    merged["topics"]["pyairtable.ai.events"]["retention"] = "6d"
    overlay.write_text(json.dumps(merged))
    steps = platform.preview(overlay)
    assert operations(steps) == {"pyairtable.ai.events": "update"}
    assert changed(steps["pyairtable.ai.events"]) == {'config["retention.ms"]'}
    apply(platform, overlay)

    merged["services"] = {"ai-service": {"quota": {"producer_bytes_per_second": "20Mi"}}}
    overlay.write_text(json.dumps(merged))
    steps = platform.preview(overlay)
    assert list(operations(steps).values()) == ["update"]
    assert {key for step in steps.values() for key in changed(step)} == {"config.producer_byte_rate"}
    apply(platform, overlay)

    merged["services"]["billing-service"] = {
        "produces": ["pyairtable.system.events"],
        "quota": {"producer_bytes_per_second": "1Mi", "consumer_bytes_per_second": "1Mi"},
    }
    overlay.write_text(json.dumps(merged))
    steps = platform.preview(overlay)
    # The registry's proxies learn of the new client: one after the other, while the other answers.
    registry = {name: op for name, op in operations(steps).items() if name.startswith("schema-registry")}
    assert set(registry.values()) == {"update"}
    made = {name: op for name, op in operations(steps).items() if name not in registry}
    assert set(made.values()) == {"create"}
    assert all("billing-service" in name for name in made)
    apply(platform, overlay)
    assert deliver(platform.librdkafka("billing-service"), "pyairtable.system.events", [b"invoice"]) == []


def guard(steps: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The guard against data loss records the new partition count."""
    return {name: step["op"] for name, step in steps.items() if "guard" in name and step["op"] == "update"}


def test_fewer_partitions_are_refused_in_the_preview(platform: Platform, overlay: Path) -> None:
    overlay.write_text(json.dumps({"topics": {"pyairtable.auth.events": {"partitions": 5}}}))
    done = platform.pulumi("preview", "--non-interactive", overlay=overlay, check=False)
    assert done.code != 0
    assert "pyairtable.auth.events" in done.text
    assert "partitions" in done.text
    sizes = {topic["name"]: topic["partitions"] for topic in platform.status()["topics"]}
    assert sizes["pyairtable.auth.events"] == 6


def test_another_stack_is_refused_at_the_namespace(platform: Platform, tmp_path: Path) -> None:
    """As a second checkout's update begins: it applies the namespace with an owner of its own."""
    file = tmp_path / "namespace.json"
    owned = {"name": "kafka", "annotations": {OWNER_ANNOTATION: "another-stack"}}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": owned}))
    kubectl = (str(program("kubectl")), "--kubeconfig", platform.environment()["KUBECONFIG"])
    done = run(*kubectl, "apply", "--server-side", "--field-manager", "another", "-f", str(file), check=False)
    assert done.code != 0
    assert f".metadata.annotations.{OWNER_ANNOTATION}" in done.text
    assert summary_of(done.text).startswith("the namespace belongs to another stack")
