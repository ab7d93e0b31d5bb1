"""Faults on demand: a zone without a network, a broker killed."""

import os
import signal
from pathlib import Path

from lab import cgroups, network
from lab.api import Api
from lab.errors import LabError
from lab.paths import layout
from lab.plan import ZONES, Zone

NAMESPACE = "kafka"


def zone_named(name: str) -> Zone:
    """Return the zone; raises LabError naming the zones there are."""
    for zone in ZONES:
        if zone.name == name:
            return zone
    raise LabError(f"zone {name!r} is unknown: it must be one of {', '.join(zone.name for zone in ZONES)}")


def cut_zone(name: str) -> None:
    """Take a zone's link down; its pods run on, and nothing reaches them. A zone already cut stays cut."""
    _set_link(name, up=False)


def heal_zone(name: str) -> None:
    """Bring a zone's link up again. A zone that isn't cut stays as it is."""
    _set_link(name, up=True)


def _set_link(name: str, *, up: bool) -> None:
    zone = zone_named(name)
    if network.link_up(zone) is None:
        raise LabError("the lab is not running: start it with `make up`")
    network.set_link(zone, up)


def kill_broker(pod: str, namespace: str = NAMESPACE) -> int:
    """Kill a pod's Java process without warning (SIGKILL) and return its number; raises LabError if there is none."""
    files = layout()
    if not files.kubeconfig.exists():
        raise LabError("the lab is not running: start it with `make up`")
    uid = Api(files.kubeconfig).get(f"/api/v1/namespaces/{namespace}/pods/{pod}")["metadata"]["uid"]
    for pid in sorted(_processes(uid)):
        if _kill(pid, uid):
            return pid
    raise LabError(f"pod {pod} in namespace {namespace} runs no Java process: see `python -m ops status`")


def _processes(uid: str) -> set[int]:
    return {pid for folder in cgroups.pod_folders(uid) for pid in cgroups.members(folder)}


def _kill(pid: int, uid: str) -> bool:
    """Kill the process if it is Java and of the pod. The handle stands for it, whoever is given its number later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if Path(f"/proc/{pid}/exe").readlink().name != "java" or pid not in _processes(uid):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    finally:
        os.close(handle)
    return True
