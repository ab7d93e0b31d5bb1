"""What the lab is doing: processes, nodes, links, what it uses."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lab import cgroups, control_plane, machine, network
from lab.api import Api
from lab.errors import LabError
from lab.machine_record import recorded
from lab.nodes import node_ready
from lab.paths import Layout
from lab.plan import Machine, zones
from lab.process import Processes

State = Literal["healthy", "unhealthy", "stopped"]
Link = Literal["up", "down", "none"]

_PATIENCE: Final = 10.0
"""Seconds for an answer of the API server: right after its start, on a busy machine, one takes several."""


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """One long-running process."""

    name: str
    running: bool
    pid: int | None


@dataclass(frozen=True, kw_only=True)
class MachineStatus:
    """One machine."""

    name: str
    zone: str
    ready: bool
    """Whether its node is Ready and takes pods."""
    link: Link


@dataclass(frozen=True, kw_only=True)
class ZoneStatus:
    """One zone."""

    name: str
    ready: bool
    """Whether all of its nodes are Ready and take pods."""
    link: Link
    """Up when those of all of its machines are."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """The lab at one moment."""

    state: State
    wrong: tuple[str, ...]
    """What keeps a running lab from being healthy, one phrase each."""
    api: bool
    """Whether the API server is ready."""
    processes: tuple[ProcessStatus, ...]
    zones: tuple[ZoneStatus, ...]
    machines: tuple[MachineStatus, ...]
    memory_bytes: int
    """Proportional set size of every process, pods included: a page that many share counts once (proc(5))."""
    cpu_cores: float | None
    """Mean use over the time it was measured; None when it wasn't."""


def expected(machines: Iterable[Machine]) -> list[str]:
    """Return the names of all processes of a running lab."""
    return [*control_plane.NAMES, *(machine.process_name(kind, each) for each in machines for kind in machine.KINDS)]


def ready_nodes(api: Api, since: dict[str, str] | None = None) -> set[str]:
    """Return the names of the nodes that take pods; ``since`` demands younger heartbeats of some."""
    nodes = api.get("/api/v1/nodes")["items"]
    after = since or {}
    return {node["metadata"]["name"] for node in nodes if node_ready(node, after.get(node["metadata"]["name"], ""))}


def collect(layout: Layout, sample: float = 0.0) -> Status:
    """Return the lab's status; measure its use of processors for ``sample`` seconds."""
    processes = Processes(layout)
    planned = recorded(layout)
    found = {name: processes.find(name) for name in expected(planned)}
    api, nodes = False, set[str]()
    if found[control_plane.API_SERVER] is not None:
        try:
            client = Api(layout.kubeconfig, timeout=_PATIENCE)
            api = client.ready()
            nodes = ready_nodes(client) if api else nodes
        except (LabError, OSError):
            api = False
    running = any(found.values())
    machines = tuple(
        MachineStatus(name=each.name, zone=each.zone, ready=each.name in nodes, link=_link(running, each))
        for each in planned
    )
    members = processes.owned() | cgroups.processes() if running else set()
    states = tuple(
        ProcessStatus(name=name, running=identity is not None, pid=identity.pid if identity else None)
        for name, identity in found.items()
    )
    wrong = _wrong(api, states, machines) if running else ()
    return Status(
        state="unhealthy" if wrong else "healthy" if running else "stopped",
        wrong=wrong,
        api=api,
        processes=states,
        zones=tuple(_zone(name, [each for each in machines if each.zone == name]) for name in zones(planned)),
        machines=machines,
        memory_bytes=sum(map(_memory, members)),
        cpu_cores=_cores(members, sample) if sample > 0 else None,
    )


def _wrong(api: bool, processes: Iterable[ProcessStatus], machines: Iterable[MachineStatus]) -> tuple[str, ...]:
    links = {"down": "is down", "none": "is missing"}
    return (
        *(f"{each.name} doesn't run" for each in processes if not each.running),
        *(f"the link of {each.name} {links[each.link]}" for each in machines if each.link != "up"),
        *([] if api else ["the API server isn't ready"]),
        *(f"{each.name} takes no pods" for each in machines if api and not each.ready),
    )


def _zone(name: str, machines: Sequence[MachineStatus]) -> ZoneStatus:
    links = {each.link for each in machines}
    link: Link = "none" if "none" in links else "down" if "down" in links else "up"
    return ZoneStatus(name=name, ready=all(each.ready for each in machines), link=link)


def _link(running: bool, place: Machine) -> Link:
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
