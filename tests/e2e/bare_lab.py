"""A lab with no stack on it: how tests start it, look for what it leaves behind, and talk to pods on it."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import cgroups, network
from lab.images.ensure import KAFKA
from lab.paths import layout
from lab.plan import CGROUP, HOST_LINK, NETWORK_NAMESPACES
from lab.process import identify, marked
from tests.e2e.harness import Finished, run
from toolchain.programs import program

LAB = (sys.executable, "-m", "lab")

ECHO = """\
use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 16, LocalPort => 8000, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
    my $peer = $client->peerhost;
    print $client "$ENV{HOSTNAME} $peer\\n";
    close $client;
}
"""
ASK = """\
use IO::Socket::INET;
my $to = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 10) or die "$@\\n"; print <$to>;
"""


def lab(*arguments: str, check: bool = True) -> Finished:
    return run(*LAB, *arguments, check=check)


def status() -> dict[str, Any]:
    document = json.loads(lab("status", "--json", check=False).out)
    assert isinstance(document, dict)
    return document


def wrong() -> list[str]:
    """What keeps the lab from being healthy; it has to run."""
    now = status()
    assert now["state"] != "stopped"
    phrases: list[str] = now["wrong"]
    return phrases


def remains() -> dict[str, object]:
    """Everything of the lab on this machine; processes the kernel has still to bury don't count."""
    folders = (
        layout().root,
        network.NAMESPACES,
        Path("/var/lib/cni"),
        Path("/var/lib/kubelet"),
        Path("/run/containerd"),
    )
    return {
        "processes": sorted(number for number in set(marked()) | cgroups.processes() if identify(number)),
        "namespaces": [name for name in NETWORK_NAMESPACES if network.namespace(name).exists()],
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": [str(path) for one in cgroups.hierarchies() for path in one.root.glob(f"{CGROUP}*")],
        "links": sorted(name for _, name in socket.if_nameindex()),
        "routes": run("ip", "route").out,
        "folders": [str(folder) for folder in folders if folder.exists()],
        "files": sorted(str(path) for path in Path("/run/containerd").rglob("*")),
    }


@contextmanager
def untouched() -> Iterator[dict[str, object]]:
    """What the machine looks like; afterwards no lab runs and it must look so again."""
    if status()["state"] != "stopped":
        pytest.fail("a lab is running: these tests start and stop it, stop it first with `make down`")
    lab("stop")
    found = remains()
    assert HOST_LINK not in str(found)
    yield found
    lab("stop")
    assert remains() == found


def pod(name: str, zone: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "echo"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"topology.kubernetes.io/zone": zone},
            "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
            "containers": [
                {
                    "name": "echo",
                    "image": KAFKA,
                    "command": ["perl", "-e", ECHO],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        },
    }


def claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


NAMESPACED = "/api/v1/namespaces/default"


def kubectl(*arguments: str, check: bool = True) -> Finished:
    return run(str(program("kubectl")), "--kubeconfig", str(layout().kubeconfig), *arguments, check=check)


def ask(address: str, port: int) -> list[str]:
    """Return the name of the pod that answers the host, and whom it sees."""
    return run("perl", "-e", ASK, address, str(port)).out.split()


def ask_from(pod_name: str, address: str, port: int) -> list[str]:
    return kubectl("exec", pod_name, "--", "perl", "-e", ASK, address, str(port)).out.split()
