import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab import cgroups, template
from lab.__main__ import main
from lab.cgroups import Hierarchy, controlled, parse_mounts
from lab.errors import LabError
from lab.nodes import node_ready
from lab.plan import MACHINES
from lab.status import expected

V1 = """\
30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
V2 = "33 30 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def test_hybrid_machine_has_its_controllers_in_v1() -> None:
    found = parse_mounts(V1)
    assert found == [
        Hierarchy(Path("/sys/fs/cgroup/cpu"), False),
        Hierarchy(Path("/sys/fs/cgroup/memory"), False),
        Hierarchy(Path("/sys/fs/cgroup/unified"), True),
    ]
    assert controlled(found) == found[:2]


def test_unified_machine_has_one_hierarchy() -> None:
    found = parse_mounts(V2)
    assert controlled(found) == found == [Hierarchy(Path("/sys/fs/cgroup"), True)]


def test_machine_without_cgroups_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_mountinfo: str) -> list[Hierarchy]:
        return []

    monkeypatch.setattr(cgroups, "parse_mounts", nothing)
    with pytest.raises(LabError, match=r"^no cgroups are mounted: mount them, or name another cluster"):
        cgroups.hierarchies()


def node(ready: str = "True", heartbeat: str = "2026-01-01T00:00:10Z", taint: str | None = None) -> dict[str, Any]:
    return {
        "spec": {"taints": [{"key": taint}] if taint else []},
        "status": {"conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat}]},
    }


def test_node_takes_pods_when_ready_and_untainted() -> None:
    assert node_ready(node())
    assert not node_ready(node(ready="Unknown"))
    assert not node_ready(node(taint="node.kubernetes.io/not-ready"))
    assert not node_ready({"spec": {}, "status": {}})


def test_word_of_a_former_run_is_not_believed() -> None:
    assert node_ready(node(), since="2026-01-01T00:00:10Z")
    assert not node_ready(node(), since="2026-01-01T00:00:11Z")


def test_a_running_lab_has_seven_processes_and_four_for_each_machine() -> None:
    assert len(set(expected(MACHINES))) == 7 + 4 * 3


def archive(path: Path, index: str) -> Path:
    source = path.with_suffix(".json")
    source.write_text(index)
    with tarfile.open(path, "w") as tar:
        tar.add(source, "index.json")
    return path


def test_image_is_known_by_its_manifest(tmp_path: Path) -> None:
    manifest = {"digest": "sha256:abc", "annotations": {"io.containerd.image.name": "lab.local/one:1"}}
    good = archive(tmp_path / "good.tar", json.dumps({"manifests": [manifest]}))
    assert (template.image_name(good), template.image_digest(good)) == ("lab.local/one:1", "sha256:abc")


@pytest.mark.parametrize("index", ["", "{}", '{"manifests": []}'])
def test_broken_archive_is_named(tmp_path: Path, index: str) -> None:
    bad = archive(tmp_path / "bad.tar", index)
    with pytest.raises(LabError, match=r"bad\.tar is no OCI archive .*; remove it and start again$"):
        template.image_digest(bad)


def test_template_changes_with_images_and_containerd() -> None:
    base = template.key(["sha256:a", "sha256:b"], "containerd 1")
    assert template.key(["sha256:b", "sha256:a"], "containerd 1") == base
    assert template.key(["sha256:a", "sha256:c"], "containerd 1") != base
    assert template.key(["sha256:a", "sha256:b"], "containerd 2") != base


def test_clone_shares_layers_and_owns_databases(tmp_path: Path) -> None:
    source = tmp_path / "template"
    (source / "snapshots/1/fs").mkdir(parents=True)
    (source / "snapshots/1/fs/java").write_text("layer")
    (source / "snapshots/1/fs/link").symlink_to("java")
    (source / "meta.db").write_text("database")
    target = tmp_path / "zone/containerd"
    template.clone(source, target)
    (target / "meta.db").write_text("changed")
    assert (target / "snapshots/1/fs/java").samefile(source / "snapshots/1/fs/java")
    assert (target / "snapshots/1/fs/link").is_symlink()
    assert (source / "meta.db").read_text() == "database"
    assert {path.name for path in target.iterdir()} == {"snapshots", "meta.db"}


def test_commands_on_a_machine_without_a_lab(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_PLATFORM_LAB", "/nonexistent/lab")
    assert main(["status"]) == 3
    assert "The lab is not running" in capsys.readouterr().out
    assert main(["status", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["api"], document["memory_bytes"]) == ("stopped", False, 0)
    assert main(["logs"]) == 3
    assert main(["logs", "etcd"]) == 1
    assert "there is no log of 'etcd'" in capsys.readouterr().err
    assert main(["kill-broker", "kafka-broker-a-0"]) == 1
    assert "the lab is not running: start it with `make up`" in capsys.readouterr().err
