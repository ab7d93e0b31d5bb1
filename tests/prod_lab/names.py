"""Names as clients outside Kubernetes find them: CNAMEs from Route 53's records, addresses from load balancers.

A resolver for a mount namespace of its own, RFC 1035 over UDP and no more of it than resolvers of libc and Go ask for.
"""

import math
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from lab.api import Api

A, CNAME = 1, 5
_ANSWER: Final = 0x8580
"""A response, authoritative, to what wanted recursion."""
_NO_SUCH_NAME: Final = 3
_TTL: Final = 1
_KEPT_SECONDS: Final = 30

Lookup = Callable[[], tuple[Mapping[str, str], Mapping[str, str]]]
"""Returns names that stand for others, and addresses by name; no name ends with a dot."""


def question(packet: bytes) -> tuple[str, int, bytes]:
    """Return name and type that a query asks for, and the question as it stands in it."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    (kind,) = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels), kind, packet[12 : at + 5]


def chain(name: str, names: Mapping[str, str], addresses: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Follow a name to its address: each step's name, type and value; empty for a name that isn't there."""
    found: list[tuple[str, int, str]] = []
    while name in names and len(found) < 8:
        found.append((name, CNAME, names[name]))
        name = names[name]
    return [*found, (name, A, addresses[name])] if name in addresses else found


def answer(packet: bytes, names: Mapping[str, str], addresses: Mapping[str, str]) -> bytes:
    """Return the response to a query."""
    name, kind, asked = question(packet)
    found = chain(name, names, addresses)
    fitting = [step for step in found if step[1] in (CNAME, kind)]
    header = struct.pack("!HHHHHH", *struct.unpack_from("!H", packet), _flags(found), 1, len(fitting), 0, 0)
    return header + asked + b"".join(map(_record, fitting))


def _flags(found: Sequence[object]) -> int:
    return _ANSWER | (0 if found else _NO_SUCH_NAME)


def _record(step: tuple[str, int, str]) -> bytes:
    name, kind, value = step
    data = IPv4Address(value).packed if kind == A else _encoded(value)
    return _encoded(name) + struct.pack("!HHIH", kind, 1, _TTL, len(data)) + data


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


def records(route53: Any, zone_id: str) -> dict[str, str]:
    """Return the CNAMEs of a hosted zone."""
    found = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    return {
        each["Name"].rstrip("."): each["ResourceRecords"][0]["Value"].rstrip(".")
        for each in found
        if each["Type"] == "CNAME"
    }


def balancers(api: Api) -> dict[str, str]:
    """Return the addresses of load balancers by the names that AWS would resolve them by."""
    services = api.get("/api/v1/services")["items"]
    ingress = [
        point for service in services for point in service["status"].get("loadBalancer", {}).get("ingress") or []
    ]
    return {point["hostname"]: point["ip"] for point in ingress}


class Kept:
    """A lookup whose last answer serves for half a minute, as resolvers have it; a name it lacks is looked for at once.

    What is asked may take longer than a resolver's clients wait, where the machine is busy.
    """

    def __init__(self, lookup: Lookup, clock: Callable[[], float] = time.monotonic) -> None:
        self._lookup = lookup
        self._clock = clock
        self._until = -math.inf
        self._known: tuple[Mapping[str, str], Mapping[str, str]] = {}, {}

    def of(self, name: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return what is known, with this name where it is there."""
        if self._clock() > self._until or not _leads(chain(name, *self._known)):
            self._known = self._lookup()
            self._until = self._clock() + _KEPT_SECONDS
        return self._known


def _leads(steps: Sequence[tuple[str, int, str]]) -> bool:
    return bool(steps) and steps[-1][1] == A


@contextmanager
def resolver(address: str, lookup: Lookup, configuration: Path) -> Iterator[None]:
    """Answer on port 53 of an address, and write what ``/etc/resolv.conf`` has to be for it."""

    kept = Kept(lookup)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, socket = self.request
            socket.sendto(answer(packet, *kept.of(question(packet)[0])), self.client_address)

    configuration.write_text(f"nameserver {address}\noptions timeout:2 attempts:3\n")
    with socketserver.ThreadingUDPServer((address, 53), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def outside(configuration: Path, *command: str) -> list[str]:
    """Return a command that runs where names are asked of the resolver: in a mount namespace of its own."""
    mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", mount, str(configuration), *command]
