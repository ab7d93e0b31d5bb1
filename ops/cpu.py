"""Where processor time goes: the machine's processes by what they are."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KINDS: Final = ("brokers", "load", "kubernetes", "rest")

_KUBERNETES: Final = frozenset(
    {
        *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "etcd", "coredns"),
        *("containerd", "containerd-shim-runc-v2", "lab-provisioner"),
    }
)


def kind_of(arguments: list[str], ours: bool, marker: str = "") -> str:
    """Tell what a process is by its command line; ``ours``: it is this one, or one of its children.

    Brokers without ``marker`` in their command line are those of another cluster, and so the rest.
    """
    if "kafka.Kafka" in arguments:
        return "brokers" if any(marker in argument for argument in arguments) else "rest"
    if ours:
        return "load"
    return "kubernetes" if arguments and Path(arguments[0]).name in _KUBERNETES else "rest"


def sample(marker: str = "") -> dict[int, tuple[str, int]]:
    """Return kind and clock ticks, of user and system together, of every process; ``marker`` as in ``kind_of``."""
    family = {os.getpid()}
    found: dict[int, tuple[str, int]] = {}
    for folder in sorted((path for path in Path("/proc").iterdir() if path.name.isdigit()), key=lambda p: int(p.name)):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        pid, parent = int(folder.name), int(fields[1])
        if parent in family:
            family.add(pid)
        # Children that have ended count for the parent that waited for them.
        ticks = sum(map(int, fields[11:15])) if pid == os.getpid() else int(fields[11]) + int(fields[12])
        found[pid] = (kind_of(arguments, pid in family, marker), ticks)
    return found


def split(before: dict[int, tuple[str, int]], after: dict[int, tuple[str, int]], seconds: float) -> dict[str, float]:
    """Return the mean number of processors each kind used between two samples."""
    used: Counter[str] = Counter()
    for pid, (kind, ticks) in after.items():
        used[kind] += max(0, ticks - before.get(pid, (kind, 0))[1])
    return {kind: round(used[kind] / os.sysconf("SC_CLK_TCK") / seconds, 2) for kind in KINDS}


@contextmanager
def measured(into: dict[str, float], marker: str = "") -> Iterator[None]:
    """Fill in the split of a block's time; ``marker`` as in ``kind_of``."""
    before, begin = sample(marker), time.monotonic()
    yield
    into.update(split(before, sample(marker), time.monotonic() - begin))
