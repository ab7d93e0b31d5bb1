"""The end of a lab: every process, then everything they used. It works on any remains of an earlier one."""

import contextlib
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import cgroups, control_plane, machine, network
from lab.machine_record import recorded
from lab.paths import Layout
from lab.process import Identity, Processes, end, kill_all, signal_all
from lab.steps import Report

GRACE: Final = 15.0
"""Seconds a pod has to end by itself when its data is kept."""


def tear_down(files: Layout, *, keep_data: bool, report: Report) -> None:
    """End every process and remove what the lab made, but with ``keep_data`` the cluster's state and volumes."""
    processes = Processes(files)
    kubelets = [machine.process_name(machine.KUBELET, place) for place in recorded(files)]
    end(_found(processes, [control_plane.CONTROLLER_MANAGER, *kubelets]), 0)
    if keep_data:
        report("ending the pods")
        _end_pods(GRACE)
        end(_found(processes, [control_plane.API_SERVER]), 5)
        end(_found(processes, [control_plane.ETCD]), 10)
    report("ending the processes")
    kill_all(lambda: processes.owned() | cgroups.processes())
    report("removing network, cgroups and files")
    noted = files.mount_points.read_text().split() if files.mount_points.exists() else []
    network.remove(made_folder=str(network.NAMESPACES) in noted)
    cgroups.remove()
    for point in noted:
        with contextlib.suppress(OSError):
            Path(point).rmdir()
    _remove_files(files, keep_data=keep_data)


def _found(processes: Processes, names: Sequence[str]) -> list[Identity]:
    return [identity for name in names if (identity := processes.find(name)) is not None]


def _end_pods(patience: float) -> None:
    signal_all(cgroups.processes(), signal.SIGTERM)
    deadline = time.monotonic() + patience
    while cgroups.processes() and time.monotonic() < deadline:
        time.sleep(0.1)


def _remove_files(files: Layout, *, keep_data: bool) -> None:
    if not files.root.exists():
        return
    kept = files.kept if keep_data else frozenset()
    for entry in files.root.iterdir():
        if entry in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    remove_empty(files.root)


def remove_empty(folder: Path) -> None:
    """Remove a directory unless something is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()
