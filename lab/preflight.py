"""What the lab needs of a machine, checked before anything is touched."""

import os
import sys
from pathlib import Path
from typing import Final

from lab import control_plane, network
from lab.errors import LabError
from lab.paths import Layout
from lab.process import roots
from lab.tools import run, system, tool

WAY_OUT: Final = "name another cluster with KUBE_CONTEXT to do without the lab"

_CAPABILITIES: Final = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Bits in CapEff (linux/capability.h)."""

_INOTIFY_OF_MACHINE: Final = 8
"""Instances that were counted: six of a kubelet, one each of containerd and kube-proxy."""
_INOTIFY_SPARE: Final = 16
"""For the API server, which has three, and for whatever else runs as root."""

_TOOLS: Final = (
    *control_plane.PROGRAMS,
    "containerd",
    "containerd-shim-runc-v2",
    "runc",
    "ctr",
    "ptp",
    "host-local",
    "loopback",
    "kubelet",
    "kube-proxy",
)
_SYSTEM: Final = ("ip", "iptables", "nsenter", "unshare", "mount", "umount", "sleep", "tee", "cp")


def check_platform(platform: str = sys.platform, user: int | None = None) -> None:
    """Raise LabError unless this is Linux and the caller is root."""
    if platform != "linux":
        raise LabError(f"the lab runs on Linux, this is {platform}: {WAY_OUT}")
    if (os.geteuid() if user is None else user) != 0:
        raise LabError(f"the lab needs root for its network namespaces: run as root, or {WAY_OUT}")


def check_capabilities(status: str) -> None:
    """Raise LabError when /proc/self/status shows that root may not make namespaces."""
    effective = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    lacking = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if lacking:
        raise LabError(
            f"root lacks {' and '.join(lacking)} here, so no network namespace can be made: "
            f"run in a privileged container or on the machine itself, or {WAY_OUT}"
        )


def check_inotify(machines: int, limit: int) -> None:
    """Raise LabError when the kernel lets root watch too few files for so many machines."""
    needed = _INOTIFY_SPARE + _INOTIFY_OF_MACHINE * machines
    if needed > limit:
        raise LabError(
            f"{machines} machines need {needed} inotify instances, and {limit} are allowed: name fewer machines, "
            f"or run `sysctl -w fs.inotify.max_user_instances={needed}`"
        )


def check_alone(layout: Layout, running: set[str]) -> None:
    """Raise LabError when a lab with another data directory runs: names and addresses are the machine's."""
    for other in sorted(running - {str(layout.root)}):
        raise LabError(
            f"a lab with its data in {other} is running: stop it with `KAFKA_PLATFORM_LAB={other} python -m lab stop`"
        )


def check(layout: Layout, machines: int) -> None:
    """Raise LabError with the way out when the lab can't run here."""
    check_platform()
    check_capabilities(Path("/proc/self/status").read_text())
    check_inotify(machines, int(Path("/proc/sys/fs/inotify/max_user_instances").read_text()))
    for name in _SYSTEM:
        system(name)
    for name in _TOOLS:
        tool(name)
    try:
        run([system("unshare"), "--net", "--mount", "--", "true"])
    except LabError as error:
        raise LabError(f"no network namespace can be made here ({error}): {WAY_OUT}") from None
    check_alone(layout, roots())
    network.check_free()
