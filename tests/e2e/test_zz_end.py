"""The end of the stack: what has no way back, the destroy that empties the cluster, the `down` that leaves nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, Platform, ops, run
from tests.e2e.test_changes import operations

pytestmark = pytest.mark.e2e

OURS = ("kafka-platform", "198.18.", "az-a", "az-b", "az-c", "lab-")


def lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def traces() -> dict[str, list[str]]:
    """Everything on this machine that bears the lab's names or addresses."""
    found = {
        "network namespaces": lines("ip", "netns", "list"),
        "links": lines("ip", "-o", "link"),
        "routes": lines("ip", "route"),
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("*/*") if path.is_dir()],
    }
    processes = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                processes.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    programs = (
        "kube-apiserver",
        "kubelet",
        "kube-proxy",
        "containerd",
        "etcd",
        "coredns",
        "lab-provisioner",
        "kafka.Kafka",
    )
    ours = {
        kind: [entry for entry in entries if any(name in entry for name in OURS)] for kind, entries in found.items()
    }
    ours["processes"] = [
        line
        for line in processes
        if (line and Path(line.split(" ")[0]).name.startswith(programs))
        or any(name in line for name in ("kafka.Kafka", "lab.balancer_controller"))
    ]
    return ours


def test_storage_grows_in_place(platform: Platform, overlay: Path) -> None:
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in platform.pods()}
    overlay.write_text(json.dumps({"kafka": {"pools": [{"name": "broker", "storage": {"size": "3Gi"}}]}}))
    steps = platform.preview(overlay)
    assert set(operations(steps).values()) == {"update"}
    assert {step["urn"].split("::")[-2].split("$")[-1] for step in steps.values()} == {
        "kubernetes:core/v1:PersistentVolumeClaim"
    }
    platform.up(overlay)
    claims = json.loads(platform.kubectl("get", "pvc", "-n", "kafka", "-o", "json"))["items"]
    assert {claim["status"]["capacity"]["storage"] for claim in claims} == {"3Gi"}
    assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in platform.pods()} == before


def test_destroy_empties_the_cluster_in_one_go(platform: Platform) -> None:
    kinds = (
        "pods,statefulsets,services,configmaps,secrets,persistentvolumeclaims,networkpolicies,"
        "poddisruptionbudgets,serviceaccounts,roles,rolebindings"
    )
    assert "kafka-broker-a-0" in platform.kubectl("get", kinds, "-n", "kafka", "-o", "name")
    assert platform.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive").code == 0
    assert platform.kubectl("get", kinds, "-n", "kafka", "-o", "name", "--ignore-not-found") == ""
    assert platform.kubectl("get", "namespace", "kafka", "--ignore-not-found") == ""
    assert platform.kubectl("get", "persistentvolumes", "-o", "name") == ""
    deployment = json.loads(platform.pulumi("stack", "export").out)["deployment"]
    assert [entry["urn"] for entry in deployment.get("resources") or [] if "pulumi:Stack" not in entry["urn"]] == []


@pytest.mark.usefixtures("platform")
def test_down_leaves_nothing() -> None:
    assert traces()["network namespaces"] != []
    ops("down", "--stack", "dev")
    assert traces() == {kind: [] for kind in traces()}
    assert not (ROOT / ".state").exists()
    assert run("git", "status", "--porcelain", "--", "Pulumi.dev.yaml").out == ""
