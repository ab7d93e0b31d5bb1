"""Gives Services of the type LoadBalancer their address, name and route: ``python -m lab.balancer_controller``.

It runs in the control plane's network namespace, whose routes lead from the balancers' addresses to machines, and
waits for changes: nothing is polled while the API server is there.
"""

import argparse
import json
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from lab.api import Api
from lab.errors import LabError
from lab.load_balancers import Balancer, Objects, balancers, key, route_changes
from lab.plan import BALANCER_NETWORK
from lab.tools import run, system

SOURCES: Final = {
    "services": "/api/v1/services?fieldSelector=spec.type%3DLoadBalancer",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io%2Fservice-name",
    "nodes": "/api/v1/nodes?",
}
"""Where each kind of object is read and watched."""

PAUSE: Final = 1.0
"""Seconds before an API server that is gone is asked again."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that became of objects of one kind."""

    kind: str
    """One of SOURCES."""
    whole: bool = False
    """Whether ``present`` is all there is."""
    present: Objects = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


@dataclass
class Known:
    """What is known of the cluster."""

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Objects of each kind that was listed."""

    @property
    def complete(self) -> bool:
        """Whether every kind was listed."""
        return self.objects.keys() == SOURCES.keys()

    def take(self, change: Change) -> None:
        """Take a change in."""
        known = {} if change.whole else self.objects.get(change.kind, {})
        merged = {**known, **change.present}
        self.objects[change.kind] = {name: item for name, item in merged.items() if name not in change.gone}


def change_of(kind: str, event: dict[str, Any]) -> Change:
    """Return a watch's event as a change."""
    name = key(event["object"])
    if event["type"] == "DELETED":
        return Change(kind=kind, gone=frozenset({name}))
    return Change(kind=kind, present={name: event["object"]})


def follow(api: Api, kind: str, changes: "queue.SimpleQueue[Change]") -> None:
    """Put every change of one kind into the queue, for ever; begin anew when the API server was gone."""
    path = SOURCES[kind]
    while True:
        try:
            listed = api.get(path)
            changes.put(Change(kind=kind, whole=True, present={key(item): item for item in listed["items"]}))
            for event in api.watch(f"{path}&resourceVersion={listed['metadata']['resourceVersion']}"):
                changes.put(change_of(kind, event))
        except LabError as error:
            _log(error)
            time.sleep(PAUSE)


class Controller:
    """Makes routes and Services so."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._routes = present_routes()

    def reconcile(self, known: Known) -> None:
        """Make routes first, so that an address that a Service says leads somewhere."""
        found = balancers(known.objects["services"], known.objects["slices"], known.objects["nodes"], self._routes)
        wanted = {each.address: each.machine for each in found if each.machine is not None}
        if commands := route_changes(self._routes, wanted):
            run([system("ip"), "-batch", "-"], "\n".join(commands) + "\n")
            self._routes = wanted
        for each in found:
            name = f"{each.namespace}/{each.name}"
            if not each.published(known.objects["services"][name]):
                # Other changes may come before this one's echo.
                known.take(Change(kind="services", present={name: self._publish(each)}))

    def _publish(self, balancer: Balancer) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{balancer.namespace}/services/{balancer.name}/status"
        body = {"status": {"loadBalancer": {"ingress": balancer.ingress}}}
        said: dict[str, Any] = self._api.request("PATCH", path, body, "application/merge-patch+json")
        _log(f"{balancer.namespace}/{balancer.name} has {balancer.address}")
        return said


def present_routes() -> dict[IPv4Address, IPv4Address]:
    """Return the balancers' routes of this network namespace."""
    listed = json.loads(run([system("ip"), "-json", "-4", "route", "show", "root", str(BALANCER_NETWORK)]) or "[]")
    return {IPv4Address(route["dst"]): IPv4Address(route["gateway"]) for route in listed}


def serve(api: Api) -> None:
    """Reconcile after every change, for ever."""
    changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
    for kind in SOURCES:
        threading.Thread(target=follow, args=(api, kind, changes), daemon=True).start()
    controller, known = Controller(api), Known()
    while True:
        known.take(changes.get())
        while not changes.empty():
            known.take(changes.get())
        if known.complete:
            try:
                controller.reconcile(known)
            except LabError as error:
                # What failed is seen again with the next change; a Service that is gone needs nothing more.
                _log(error)


def _log(text: object) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m lab.balancer_controller", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    serve(Api(parser.parse_args().kubeconfig))


if __name__ == "__main__":
    main()
