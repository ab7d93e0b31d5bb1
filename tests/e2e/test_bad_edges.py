"""Mistakes around the program: one clear message, and nothing is touched."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, Platform, ops, run

pytestmark = pytest.mark.e2e


def untouched(platform: Platform) -> str:
    """What the stack's last update was."""
    history = json.loads(platform.pulumi("stack", "history", "--json", "--page-size", "1").out)
    return str(history[0]["version"])


def test_wrong_passphrase(platform: Platform, tmp_path: Path) -> None:
    before = untouched(platform)
    wrong = tmp_path / "passphrase"
    wrong.write_text("not the passphrase")
    environment = {**platform.environment(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(wrong)}
    done = run("pulumi", "up", "--yes", "--stack", "dev", "--non-interactive", environment=environment, check=False)
    assert done.code != 0
    assert "incorrect passphrase" in done.text
    assert "Traceback" not in done.text
    assert untouched(platform) == before


def test_missing_passphrase_file(platform: Platform) -> None:
    passphrase = ROOT / ".state" / "passphrase"
    kept = ROOT / ".state" / "kept"
    shutil.move(passphrase, kept)
    try:
        done = ops("up", "--stack", "dev", check=False)
    finally:
        shutil.move(kept, passphrase)
    assert done.code == 1
    assert "passphrase" in done.err
    assert "Traceback" not in done.text
    assert platform.status()["under_replicated_partitions"] == 0


def test_missing_master_secret(platform: Platform) -> None:
    before = untouched(platform)
    file = ROOT / "Pulumi.dev.yaml"
    kept = file.read_text()
    platform.pulumi("config", "rm", "kafka-platform:master_secret")
    try:
        done = platform.pulumi("preview", "--non-interactive", check=False)
    finally:
        file.write_text(kept)
    assert done.code != 0
    assert "kafka-platform:master_secret" in done.text
    assert "pulumi config set --secret kafka-platform:master_secret" in done.text
    assert "Traceback" not in done.text
    assert untouched(platform) == before


def test_unreachable_cluster(platform: Platform, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:9'}}]\n"
        "contexts: [{name: gone, context: {cluster: gone}}]\n"
    )
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "KUBE_CONTEXT": "gone"}
    done = ops("up", "--stack", "dev", environment=environment, check=False)
    assert done.code == 1
    assert (
        "the Kubernetes API of context 'gone' at 127.0.0.1:9 does not answer (Connection refused)"
        in done.err.replace("\n", " ")
    )
    assert "Traceback" not in done.text
    assert platform.status()["under_replicated_partitions"] == 0


def test_every_mistake_in_the_configuration_is_told_at_once(platform: Platform, overlay: Path) -> None:
    before = untouched(platform)
    overlay.write_text(
        json.dumps(
            {
                "kafka": {"replication_factor": 4, "min_insync_replicaz": 2},
                "services": {"ai-service": {"consumes": ["pyairtable.missing.events"]}},
            }
        )
    )
    done = platform.pulumi("up", "--yes", "--skip-preview", "--non-interactive", overlay=overlay, check=False)
    assert done.code != 0
    for part in ("kafka.replication_factor", "kafka.min_insync_replicaz", "pyairtable.missing.events"):
        assert part in done.text
    assert "Traceback" not in done.text
    assert untouched(platform) == before
