"""Kafka Connect in a configuration: mistakes, and the exact sentences they are answered with."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.build import build_platform, merge
from config.errors import ConfigError
from tests.unit.test_config_bad_inputs import dev

ROOT = Path(__file__).parents[2]
OVERLAY: Mapping[str, Any] = yaml.safe_load((ROOT / "config" / "overlays" / "event-platform.yaml").read_text())
TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_connectors.yaml").read_text())
CONNECTORS: list[dict[str, Any]] = [
    {
        "name": "outbox",
        "plugin": "debezium-postgres",
        "value_format": "bytes",
        "dead_letters": "pyairtable.dlq.events",
        "outbox": {
            "host": "db.example.org",
            "database": "app",
            "user": "reader",
            "sslmode": "disable",
            "aggregates": ["auth"],
        },
        "secrets": {"database.password": "outbox"},
    },
    {
        "name": "lake",
        "plugin": "iceberg-sink",
        "reads": ["pyairtable.workflows.events"],
        "value_format": "avro",
        "dead_letters": "pyairtable.dlq.events",
        "tolerate_errors": True,
        "iceberg": {
            "catalog": "jdbc",
            "uri": "jdbc:postgresql://db.example.org/catalog",
            "user": "lake",
            "warehouse": "s3://lake/warehouse",
            "table": "lake.events",
        },
        "secrets": {"iceberg.catalog.jdbc.password": "lake"},
    },
]


def changed(part: str, change: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = copy.deepcopy(merge(dev(), OVERLAY))
    outbox, lake = copy.deepcopy(CONNECTORS)
    values["connect"] |= {"connectors": [outbox, lake], "derived_secrets": ["outbox", "lake"]}
    parts = {
        "connect": values["connect"],
        "outbox": outbox,
        "outbox.outbox": outbox["outbox"],
        "lake": lake,
        "lake.iceberg": lake["iceberg"],
    }
    parts[part].update(change)
    return values


def test_what_the_table_changes_is_right() -> None:
    connect = build_platform("dev", changed("connect", {})).connect
    assert connect is not None
    assert [one.name for one in connect.connectors] == ["outbox", "lake"]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['of']}: {str(row['change'])[:50]}")
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build_platform("dev", changed(row["of"], row["change"]))
    assert [str(problem) for problem in caught.value.problems] == row["says"]
