"""Faults on demand: a zone without a network, a broker killed or stalled."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import cgroups, network
from lab.api import Api
from lab.errors import LabError
from lab.machine_record import recorded
from lab.paths import layout
from lab.plan import Machine, zones

NAMESPACE = "kafka"


def machines_of_zone(name: str, machines: Sequence[Machine]) -> list[Machine]:
    """Return the machines of a zone, by its name or its label; raises LabError naming the zones there are."""
    found = [machine for machine in machines if name in (machine.zone, machine.zone_label)]
    if not found:
        raise LabError(f"zone {name!r} is unknown: it must be one of {', '.join(zones(machines))}")
    return found


def cut_zone(name: str) -> None:
    """Take a zone's links down; its pods run on, and only their machine reaches them. A zone already cut stays cut."""
    _set_link(name, up=False)


def heal_zone(name: str) -> None:
    """Bring a zone's links up again. A zone that isn't cut stays as it is."""
    _set_link(name, up=True)


def _set_link(name: str, *, up: bool) -> None:
    machines = machines_of_zone(name, recorded(layout()))
    if any(network.link_up(machine) is None for machine in machines):
        raise LabError("the lab is not running: start it with `make up`")
    network.set_links(machines, up)


def kill_broker(pod: str, namespace: str = NAMESPACE) -> int:
    """Kill a pod's Java process without warning (SIGKILL) and return its number; raises LabError if there is none."""
    with _java(pod, namespace) as (handle, pid), suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    return pid


@contextmanager
def stalled_broker(pod: str, namespace: str = NAMESPACE) -> Iterator[None]:
    """Stop a pod's Java process (SIGSTOP), as a starved machine would, and let it go on at the end; raises LabError."""
    with _java(pod, namespace) as (handle, _):
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGCONT)


@contextmanager
def _java(pod: str, namespace: str) -> Iterator[tuple[int, int]]:
    """Give the handle and the number of a pod's Java process. The handle stands for it, whoever gets its number."""
    files = layout()
    if not files.kubeconfig.exists():
        raise LabError("the lab is not running: start it with `make up`")
    uid = Api(files.kubeconfig).get(f"/api/v1/namespaces/{namespace}/pods/{pod}")["metadata"]["uid"]
    for pid in sorted(_processes(uid)):
        handle = _open(pid, uid)
        if handle is not None:
            try:
                yield handle, pid
            finally:
                os.close(handle)
            return
    raise LabError(f"pod {pod} in namespace {namespace} runs no Java process: see `python -m ops status`")


def _processes(uid: str) -> set[int]:
    return {pid for folder in cgroups.pod_folders(uid) for pid in cgroups.members(folder)}


def _open(pid: int, uid: str) -> int | None:
    """Return a handle of the process if it is Java and of the pod."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if Path(f"/proc/{pid}/exe").readlink().name == "java" and pid in _processes(uid):
            return handle
    except FileNotFoundError:
        pass
    os.close(handle)
    return None
