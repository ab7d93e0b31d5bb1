"""Where backups go, in a configuration: mistakes, and the exact sentences they are answered with."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.backup import BackupKind
from config.build import build_platform, merge
from config.errors import ConfigError
from tests.unit.test_config_bad_inputs import dev
from tests.unit.test_connect_config import CONNECTORS
from tests.unit.test_connect_config import OVERLAY as CONNECT

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_backups.yaml").read_text())
S3: Mapping[str, Any] = {
    "bucket": "pyairtable-backups",
    "region": "eu-central-1",
    "account": "111122223333",
    "oidc_provider_arn": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE",
    "object_lock": {"mode": "GOVERNANCE", "days": 30},
    "replica": {"bucket": "pyairtable-backups-copy", "region": "eu-west-1"},
}
SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"kind": "s3", "s3": S3},
    "endpoint": {"kind": "endpoint", "endpoint": {"url": "https://minio.example.org:9000", "bucket": "backups"}},
    "directory": {"kind": "directory", "directory": {"path": "/var/backups/kafka"}},
}


def section(of: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """A section of the kind that ``of`` begins with, and a change at the path behind it; ``backup``: to the whole."""
    kind, _, rest = of.partition(".")
    found: dict[str, Any] = copy.deepcopy(dict(SECTIONS[kind]))
    node: Any = found if rest == "backup" else found[kind]
    for part in rest.split(".") if rest and rest != "backup" else ():
        node = node.setdefault(part, {})
    node.update(change)
    return found


def values(backup: Mapping[str, Any], *, lake: bool = False, protect: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = merge(dev(), CONNECT) if lake else copy.deepcopy(dev())
    if lake:
        found["connect"] |= {"connectors": copy.deepcopy(CONNECTORS), "derived_secrets": ["outbox", "lake"]}
    if protect:
        # What else a protected stack needs isn't what these tests are about.
        found = merge(found, {"protect": True, "image_digest": "sha256:" + "0" * 64})
    return {**found, "backup": backup}


def problems(stack_values: Mapping[str, Any]) -> list[str]:
    """Sentences about the backup section."""
    try:
        build_platform("dev", stack_values)
    except ConfigError as error:
        return [str(problem) for problem in error.problems if problem.path.startswith("backup")]
    return []


@pytest.mark.parametrize("kind", SECTIONS)
def test_what_the_table_changes_is_right(kind: str) -> None:
    backup = build_platform("dev", values(SECTIONS[kind])).backup
    assert backup is not None
    assert backup.kind is BackupKind(kind)
    assert problems(values(SECTIONS[kind], protect=True)) == []


def test_locations_are_urls() -> None:
    def location(kind: str, **change: Any) -> str:
        backup = build_platform("dev", values(section(kind, change))).backup
        return backup.location if backup else ""

    assert location("s3") == "s3://pyairtable-backups/kafka"
    assert location("endpoint", url="https://minio.example.org/") == "https://minio.example.org/backups/kafka"
    assert location("directory") == "file:///var/backups/kafka/kafka"


def test_no_stack_needs_backups() -> None:
    assert build_platform("dev", dev()).backup is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['of']}: {str(row['change'])[:60]}")
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    given = values(section(row["of"], row["change"]), lake=row.get("lake", False), protect=row.get("protected", False))
    assert problems(given) == row["says"]


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 45


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("s3.lifecycle", {"infrequent_access_days": None, "archive_days": 1, "expiry_days": 31}),
        ("s3.lifecycle", {"infrequent_access_days": None, "archive_days": None, "expiry_days": 31}),
        ("s3.lifecycle", {"infrequent_access_days": 30, "archive_days": 60, "expiry_days": 61}),
        ("s3.object_lock", {"mode": "GOVERNANCE", "days": 364}),
        ("s3", {"replica": None, "object_lock": None}),
        ("s3", {"bucket": "a" * 63, "access_log": {"bucket": "logs-of-all"}}),
        ("s3", {"tags": {"cost-center": "Straße 7 + 8"}}),
        ("s3", {"region": "us-gov-west-1"}),
        ("endpoint", {"url": "http://127.0.0.1:9000"}),
        ("endpoint", {"url": "https://store.example.org/"}),
        ("endpoint.backup", {"prefix": "platform/kafka-1"}),
    ],
)
def test_what_is_just_right_is_accepted(part: str, change: dict[str, Any]) -> None:
    assert problems(values(section(part, change))) == []


def test_what_can_wait_for_ever_may_in_a_protected_stack() -> None:
    locked = section("s3.object_lock", {"mode": "COMPLIANCE"})
    assert problems(values(locked, protect=True)) == []
