"""What the lab is doing: processes, nodes, links, what it uses."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab import cgroups, control_plane, network, zone
from lab.api import Api
from lab.errors import LabError
from lab.paths import Layout
from lab.plan import ZONES, Zone
from lab.process import Processes

State = Literal["healthy", "unhealthy", "stopped"]


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """One long-running process."""

    name: str
    running: bool
    pid: int | None


@dataclass(frozen=True, kw_only=True)
class ZoneStatus:
    """One zone."""

    name: str
    node: str
    ready: bool
    """Whether its node is Ready and takes pods."""
    link: Literal["up", "down", "none"]


@dataclass(frozen=True, kw_only=True)
class Status:
    """The lab at one moment."""

    state: State
    api: bool
    """Whether the API server is ready."""
    processes: tuple[ProcessStatus, ...]
    zones: tuple[ZoneStatus, ...]
    memory_bytes: int
    """Proportional set size of every process, pods included: a page that many share counts once (proc(5))."""
    cpu_cores: float | None
    """Mean use over the time it was measured; None when it wasn't."""


def expected() -> list[str]:
    """Return the names of all processes of a running lab."""
    return [*control_plane.NAMES, *(zone.process_name(kind, place) for place in ZONES for kind in zone.KINDS)]


def node_ready(node: dict[str, Any], since: str = "") -> bool:
    """Tell whether a node takes pods, by a heartbeat not older than ``since`` (RFC 3339, UTC).

    What a former run left in etcd may still say Ready.
    """
    conditions = {condition["type"]: condition for condition in node["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    tainted = any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints", []))
    return ready.get("status") == "True" and ready.get("lastHeartbeatTime", "") >= since and not tainted


def ready_nodes(api: Api, since: dict[str, str] | None = None) -> set[str]:
    """Return the names of the nodes that take pods; ``since`` demands younger heartbeats of some."""
    nodes = api.get("/api/v1/nodes")["items"]
    after = since or {}
    return {node["metadata"]["name"] for node in nodes if node_ready(node, after.get(node["metadata"]["name"], ""))}


def collect(layout: Layout, sample: float = 0.0) -> Status:
    """Return the lab's status; measure its use of processors for ``sample`` seconds."""
    processes = Processes(layout)
    found = {name: processes.find(name) for name in expected()}
    api, nodes = False, set[str]()
    if found[control_plane.API_SERVER] is not None:
        try:
            client = Api(layout.kubeconfig, timeout=2)
            api = client.ready()
            nodes = ready_nodes(client) if api else nodes
        except (LabError, OSError):
            api = False
    running = any(found.values())
    zones = tuple(
        ZoneStatus(name=place.name, node=place.node, ready=place.node in nodes, link=_link(running, place))
        for place in ZONES
    )
    members = processes.owned() | cgroups.processes() if running else set()
    complete = api and all(found.values()) and all(one.ready and one.link == "up" for one in zones)
    return Status(
        state="healthy" if complete else "unhealthy" if running else "stopped",
        api=api,
        processes=tuple(
            ProcessStatus(name=name, running=identity is not None, pid=identity.pid if identity else None)
            for name, identity in found.items()
        ),
        zones=zones,
        memory_bytes=sum(map(_memory, members)),
        cpu_cores=_cores(members, sample) if sample > 0 else None,
    )


def _link(running: bool, place: Zone) -> Literal["up", "down", "none"]:
    up = network.link_up(place) if running else None
    return "none" if up is None else "up" if up else "down"


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _ticks(pids: set[int]) -> dict[int, int]:
    used: dict[int, int] = {}
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used[pid] = int(fields[11]) + int(fields[12])
    return used


def _cores(pids: set[int], sample: float) -> float:
    before, start = _ticks(pids), time.monotonic()
    time.sleep(sample)
    after, elapsed = _ticks(pids), time.monotonic() - start
    ticks = sum(after[pid] - before[pid] for pid in before.keys() & after.keys())
    return round(ticks / os.sysconf("SC_CLK_TCK") / elapsed, 3)
