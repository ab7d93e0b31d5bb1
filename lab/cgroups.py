"""The cgroups that hold the lab's pods: one parent per machine, made before its kubelet starts."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.plan import CGROUP, Machine

WEIGHT: Final = 8192
"""cpu.shares of all pods together. In cgroup v1 each thread outside a group weighs 1024: with the default of 1024 for
the group, three brokers would get no more time than one busy thread of a client on the host."""


@dataclass(frozen=True)
class Hierarchy:
    """A mounted tree of cgroups."""

    root: Path
    unified: bool
    """True for cgroup v2."""

    @property
    def lab(self) -> Path:
        """The lab's part of it."""
        return self.root / CGROUP


def parse_mounts(mountinfo: str) -> list[Hierarchy]:
    """Return the hierarchies in /proc/self/mountinfo."""
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split()[0]
        if kind in ("cgroup", "cgroup2"):
            point = left.split()[4]
            found[point] = Hierarchy(Path(point), kind == "cgroup2")
    return list(found.values())


def controlled(found: list[Hierarchy]) -> list[Hierarchy]:
    """Return the hierarchies that have controllers: on a hybrid machine those of v1."""
    return [hierarchy for hierarchy in found if not hierarchy.unified] or found


def hierarchies() -> list[Hierarchy]:
    """Return this machine's hierarchies; raises LabError when no cgroups are mounted."""
    found = parse_mounts(Path("/proc/self/mountinfo").read_text())
    if not found:
        raise LabError("no cgroups are mounted: mount them, or name another cluster with KUBE_CONTEXT")
    return found


def prepare(machines: Iterable[Machine]) -> None:
    """Make the machines' cgroups in every hierarchy."""
    for hierarchy in controlled(hierarchies()):
        for folder in (hierarchy.lab, *(hierarchy.lab / machine.key for machine in machines)):
            if hierarchy.unified:
                _delegate(folder.parent)
            folder.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # v1 starts a cpuset empty, and no process can enter an empty one.
                setting = folder / name
                if setting.exists() and not hierarchy.unified:
                    setting.write_text((folder.parent / name).read_text())
            shares = folder / "cpu.shares"
            if shares.exists():
                shares.write_text(str(WEIGHT))
            weight = folder / "cpu.weight"
            if weight.exists():
                weight.write_text("1000")


def _delegate(folder: Path) -> None:
    """Let children of a v2 cgroup use its controllers."""
    controllers = (folder / "cgroup.controllers").read_text().split()
    for controller in controllers:
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def processes(cgroup: str = f"/{CGROUP}") -> set[int]:
    """Return every process in a cgroup and below; in all of the lab's pods if none is named."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy.root / cgroup.lstrip("/")):
            found.update(members(Path(folder)))
    return found


def members(folder: Path) -> set[int]:
    """Return the processes directly in one cgroup; none when it is gone."""
    with contextlib.suppress(OSError):
        return {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    return set()


def pod_folders(uid: str) -> Iterator[Path]:
    """Yield the cgroups of a pod and of its containers, by the pod's uid."""
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy.lab):
            if f"pod{uid}" in Path(folder).parts:
                yield Path(folder)


def exist() -> bool:
    """Tell whether any cgroup of the lab is there."""
    return any(hierarchy.lab.exists() for hierarchy in hierarchies())


def remove(patience: float = 10) -> None:
    """Remove the lab's cgroups; raises LabError when one stays in use for ``patience`` seconds.

    A killed process leaves its cgroup a little later than it vanishes from /proc.
    """
    deadline = time.monotonic() + patience
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy.lab, topdown=False):
            while True:
                try:
                    Path(folder).rmdir()
                except FileNotFoundError:
                    break
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise LabError(
                            f"cgroup {folder} stays in use ({error.strerror}); see its cgroup.procs"
                        ) from None
                    time.sleep(0.02)
                else:
                    break
