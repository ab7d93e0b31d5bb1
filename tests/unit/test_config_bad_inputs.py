"""Mistakes in a configuration, and the exact sentences they are answered with."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.build import build_platform, merge
from config.errors import ConfigError

ROOT = Path(__file__).parents[2]
TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_configurations.yaml").read_text())


def dev() -> dict[str, Any]:
    """The dev stack's values as committed, without what tooling adds."""
    document = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    return {
        key.removeprefix("kafka-platform:"): value
        for key, value in document.items()
        if key.startswith("kafka-platform:") and not key.endswith(":master_secret")
    }


def changed(path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(dev())
    *parents, last = path.split(".")
    node: Any = values
    for part in parents:
        node = node[int(part)] if part.isdigit() else node[part]
    node[last] = value
    return values


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['set']}={str(row['to'])[:40]}")
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build_platform("dev", changed(row["set"], row["to"]))
    assert [str(problem) for problem in caught.value.problems] == row["says"]


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 60


def test_the_seeds_topics_are_exactly_these() -> None:
    """The platform document's table: name, partitions, days, compression, purpose."""
    topics = build_platform("dev", dev()).topics
    assert {(t.name, t.partitions, t.retention.days, t.compression.value, t.purpose) for t in topics} == {
        ("pyairtable.auth.events", 6, 7, "snappy", "Authentication events"),
        ("pyairtable.airtable.events", 12, 14, "snappy", "Airtable integration"),
        ("pyairtable.workflows.events", 10, 30, "snappy", "Workflow execution"),
        ("pyairtable.ai.events", 4, 7, "gzip", "AI/LLM events"),
        ("pyairtable.system.events", 6, 90, "snappy", "System events"),
        ("pyairtable.saga.events", 6, 30, "snappy", "SAGA orchestration"),
        ("pyairtable.dlq.events", 3, 30, "snappy", "Dead letter queue"),
        ("pyairtable.analytics.events", 8, 1, "lz4", "Real-time analytics"),
    }


@settings(deadline=None, max_examples=25)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz_", max_size=19).map(lambda start: f"{start}_"))
def test_an_unknown_key_is_refused_wherever_it_is(key: str) -> None:
    for parents in ("", "kafka.", "kafka.pools.0.", "kafka.pools.0.jvm.", "kafka.external.", "kubernetes."):
        with pytest.raises(ConfigError) as caught:
            build_platform("dev", changed(f"{parents}{key}", 1))
        assert [problem.allowed for problem in caught.value.problems] == ["there is no such key"]
        assert caught.value.problems[0].path.endswith(key)


def test_an_overlay_merges_mappings_by_key_and_lists_by_name() -> None:
    base = {"pools": [{"name": "a", "size": 1, "heap": 1}, {"name": "b", "size": 2}], "zones": ["x"], "tls": {"k": 1}}
    over = {"pools": [{"name": "a", "size": 9}], "zones": ["y", "z"], "tls": {"l": 2}}
    assert merge(base, over) == {
        "pools": [{"name": "a", "size": 9, "heap": 1}, {"name": "b", "size": 2}],
        "zones": ["y", "z"],
        "tls": {"k": 1, "l": 2},
    }
