"""Canaries: the stack's real secrets are looked for wherever they must not be."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import ROOT, Platform, ops

pytestmark = pytest.mark.e2e


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def canaries(platform: Platform) -> list[str]:
    """Passwords, the master secret, and a distinctive line of every private key."""
    outputs = json.loads(platform.pulumi("stack", "output", "--json", "--show-secrets").out)
    found = [platform.pulumi("config", "get", "kafka-platform:master_secret").out.strip()]
    for client in outputs["clients"].values():
        found.append(client["password"])
        if client.get("private_key_pem"):
            found.append(client["private_key_pem"].splitlines()[1])
    nodes = json.loads(platform.kubectl("get", "secrets", "-n", "kafka", "-o", "json"))["items"]
    for secret in nodes:
        for value in secret.get("data", {}).values():
            lines = base64.b64decode(value).decode(errors="replace").splitlines()
            for number, line in enumerate(lines):
                if "PRIVATE KEY" in line and "BEGIN" in line:
                    found.append(lines[number + 1])
    assert len(found) > 15
    assert all(len(canary) >= 16 for canary in found)
    return sorted(set(found))


def leaks(text: str, canaries: list[str]) -> int:
    """How many canaries stand in the text; the number, so that a failure prints none of them."""
    return sum(canary in text for canary in canaries)


def test_state_has_none_in_plain(platform: Platform, canaries: list[str]) -> None:
    assert leaks(platform.pulumi("stack", "export").out, canaries) == 0


def test_previews_and_updates_print_none(platform: Platform, canaries: list[str], overlay: Path) -> None:
    overlay.write_text(
        json.dumps(
            {"services": {"ai-service": {"credential_generation": 2}}, "kafka": {"tls": {"leaf_renewal": "90d"}}}
        )
    )
    assert leaks(platform.pulumi("preview", "--diff", overlay=overlay).text, canaries) == 0
    assert leaks(platform.pulumi("preview", "--json", overlay=overlay).text, canaries) == 0
    assert leaks(platform.pulumi("up", "--yes", "--diff", "--non-interactive").text, canaries) == 0


def test_log_and_event_files_have_none(canaries: list[str]) -> None:
    for file in (ROOT / ".state").rglob("*"):
        if file.is_file() and "pulumi" not in file.relative_to(ROOT / ".state").parts[:1]:
            assert leaks(file.read_text(errors="replace"), canaries) == 0, file.name
    for file in (ROOT / ".state" / "pulumi").rglob("*.json*"):
        assert leaks(file.read_text(errors="replace"), canaries) == 0, file.name


def test_an_update_leaves_no_temporary_file(tmp_path: Path) -> None:
    ops("up", "--stack", "dev", environment={"TMPDIR": str(tmp_path)})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_broker_logs_have_none(platform: Platform, canaries: list[str]) -> None:
    for pod in platform.pods():
        log = platform.kubectl("logs", "-n", "kafka", pod["metadata"]["name"], "--all-containers")
        assert "Kafka" in log
        assert leaks(log, canaries) == 0, pod["metadata"]["name"]


def test_no_object_but_secrets_has_them(platform: Platform, canaries: list[str]) -> None:
    kinds = "configmaps,pods,statefulsets,services,events,serviceaccounts,persistentvolumeclaims"
    assert leaks(platform.kubectl("get", kinds, "-n", "kafka", "-o", "json"), canaries) == 0


def test_process_arguments_have_none(canaries: list[str]) -> None:
    lines = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                lines.append((folder / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
    assert any("kafka.Kafka" in line for line in lines)
    assert leaks("\n".join(lines), canaries) == 0


def test_committed_files_have_none(canaries: list[str]) -> None:
    for file in ROOT.glob("Pulumi*.yaml"):
        assert leaks(file.read_text(), canaries) == 0, file.name
