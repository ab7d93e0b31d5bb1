"""Network of the lab: a namespace per machine and one for the control plane, joined by a bridge; a link to the host.

Nothing of the host's own configuration changes but one interface and the routes over it. No packet filter of the host
is touched; sysctls are set inside the lab's namespaces only.
"""

import contextlib
import json
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.plan import (
    BALANCER_NETWORK,
    BRIDGE,
    CONTROL_NETNS,
    CONTROL_PLANE,
    HOST,
    HOST_LINK,
    HOST_PEER,
    LAB_NETWORK,
    MACHINE_LINK,
    NETWORK_NAMESPACES,
    NODE_NETWORK,
    Machine,
)
from lab.tools import run, system

NAMESPACES: Final = Path("/run/netns")


def mounted(mountinfo: str) -> set[str]:
    """Return the named network namespaces that are alive, from /proc/self/mountinfo.

    A file without a mount is what a crash leaves; ``ip netns`` can neither use nor replace it.
    """
    return {point.name for point in _mount_points(mountinfo) if point.parent == NAMESPACES}


def alive() -> set[str]:
    """Return the lab's network namespaces that exist."""
    return mounted(Path("/proc/self/mountinfo").read_text()) & set(NETWORK_NAMESPACES)


def namespace(name: str) -> Path:
    """Return the file that stands for a named network namespace."""
    return NAMESPACES / name


def enter(name: str) -> list[str]:
    """Return what to put before a command to run it in a namespace.

    ``ip netns exec`` would remount /sys and hide the cgroups.
    """
    return [system("nsenter"), f"--net={namespace(name)}", "--"]


def control_batch(machines: Iterable[Machine], existing: set[str]) -> list[str]:
    """Return ``ip`` commands for the control plane's namespace, given the interfaces it has."""
    commands = ["link set lo up"]
    if BRIDGE not in existing:
        commands.append(f"link add {BRIDGE} type bridge")
    commands += [f"addr replace {CONTROL_PLANE}/{NODE_NETWORK.prefixlen} dev {BRIDGE}", f"link set {BRIDGE} up"]
    for machine in machines:
        if machine.key not in existing:
            commands.append(f"link add {machine.key} type veth peer name {MACHINE_LINK} netns {machine.key}")
        commands += [
            f"link set {machine.key} master {BRIDGE} up",
            f"route replace {machine.pods} via {machine.address}",
        ]
    return commands


def machine_batch(machine: Machine, machines: Iterable[Machine]) -> list[str]:
    """Return ``ip`` commands for a machine's namespace. Pods of the others are reached without a detour."""
    return [
        "link set lo up",
        # What reaches a balancer's address before kube-proxy knows it would go round, and its connection be remembered
        # as one that is not forwarded; so it is lost, and the next attempt succeeds.
        f"route replace blackhole {BALANCER_NETWORK}",
        f"addr replace {machine.address}/{NODE_NETWORK.prefixlen} dev {MACHINE_LINK}",
        f"link set {MACHINE_LINK} up",
        f"route replace default via {CONTROL_PLANE}",
        *(f"route replace {other.pods} via {other.address}" for other in machines if other != machine),
    ]


def host_batch(machines: Iterable[Machine]) -> list[str]:
    """Return ``ip`` commands for the host."""
    return [
        f"addr replace {HOST}/{NODE_NETWORK.prefixlen} dev {HOST_LINK}",
        f"link set {HOST_LINK} up",
        *(f"route replace {machine.pods} via {machine.address} dev {HOST_LINK}" for machine in machines),
        f"route replace {BALANCER_NETWORK} via {CONTROL_PLANE} dev {HOST_LINK}",
    ]


def conflict(routes: list[dict[str, object]]) -> str | None:
    """Return a destination among the host's routes (``ip -json route``) that overlaps the lab and isn't the lab's."""
    from ipaddress import ip_network

    for route in routes:
        destination = str(route.get("dst", "default"))
        if destination == "default" or route.get("dev") == HOST_LINK:
            continue
        if ip_network(destination, strict=False).overlaps(LAB_NETWORK):
            return f"{destination} dev {route.get('dev')}"
    return None


def check_free() -> None:
    """Raise LabError when the host uses the lab's addresses for something else."""
    routes = json.loads(run([system("ip"), "-json", "-4", "route", "show"]) or "[]")
    found = conflict(routes)
    if found is not None:
        raise LabError(
            f"the host has a route to {found}, inside {LAB_NETWORK} that the lab needs: remove it, "
            "or name another cluster with KUBE_CONTEXT"
        )


def ensure(machines: Sequence[Machine]) -> None:
    """Make what of the network is missing; links that were taken down come up again."""
    ip = system("ip")
    living = alive()
    for name in (CONTROL_NETNS, *(machine.key for machine in machines)):
        if name not in living:
            with contextlib.suppress(FileNotFoundError):
                namespace(name).unlink()
            run([ip, "netns", "add", name])
    _batch(control_batch(machines, _interfaces(CONTROL_NETNS)), CONTROL_NETNS)
    for machine in machines:
        _batch(machine_batch(machine, machines), machine.key)
        _sysctl(machine.key, "net/ipv4/ip_forward", "1")
    if not linked():
        run([ip, "link", "add", HOST_LINK, "type", "veth", "peer", "name", HOST_PEER, "netns", CONTROL_NETNS])
    _batch([f"link set {HOST_PEER} master {BRIDGE} up"], CONTROL_NETNS)
    _sysctl(CONTROL_NETNS, "net/ipv4/ip_forward", "1")
    for interface in ("all", BRIDGE):
        # The host would keep being redirected to a machine that a load balancer has left.
        _sysctl(CONTROL_NETNS, f"net/ipv4/conf/{interface}/send_redirects", "0")
    _batch(host_batch(machines))


def remove(made_folder: bool) -> None:
    """Remove the lab's namespaces and the host's link with its routes.

    ``made_folder`` says that the lab was the first to use /run/netns; it goes too unless others have namespaces in it.
    """
    ip = system("ip")
    if linked():
        run([ip, "link", "delete", HOST_LINK])
    living = alive()
    for name in NETWORK_NAMESPACES:
        if name in living:
            run([ip, "netns", "delete", name])
        with contextlib.suppress(FileNotFoundError):
            namespace(name).unlink()
    if made_folder and NAMESPACES.is_dir() and not any(NAMESPACES.iterdir()):
        # `ip netns add` mounts the directory on itself, which Path.is_mount can't see.
        if any(point == NAMESPACES for point in _mount_points(Path("/proc/self/mountinfo").read_text())):
            run([system("umount"), str(NAMESPACES)])
        with contextlib.suppress(OSError):
            NAMESPACES.rmdir()


def linked() -> bool:
    """Tell whether the host has its link to the lab. In a container /sys may show another namespace's links."""
    return HOST_LINK in {name for _, name in socket.if_nameindex()}


def link_up(machine: Machine) -> bool | None:
    """Tell whether the machine's link to the others is up; None when there is no such link."""
    try:
        links = json.loads(run([system("ip"), "-netns", CONTROL_NETNS, "-json", "link", "show", "dev", machine.key]))
    except LabError:
        return None
    return "UP" in links[0]["flags"]


def set_links(machines: Iterable[Machine], up: bool) -> None:
    """Take the bridge's ends of the machines' links up or down. Machines keep their addresses and routes."""
    _batch([f"link set {machine.key} {'up' if up else 'down'}" for machine in machines], CONTROL_NETNS)


def _mount_points(mountinfo: str) -> list[Path]:
    return [Path(line.split()[4]) for line in mountinfo.splitlines()]


def _batch(commands: list[str], netns: str | None = None) -> None:
    scope = ["-netns", netns] if netns else []
    run([system("ip"), *scope, "-batch", "-"], "\n".join(commands) + "\n")


def _interfaces(netns: str) -> set[str]:
    links = json.loads(run([system("ip"), "-netns", netns, "-json", "link", "show"]) or "[]")
    return {link["ifname"] for link in links}


def _sysctl(netns: str, name: str, value: str) -> None:
    run([*enter(netns), system("tee"), f"/proc/sys/{name}"], value)
