"""Starts and stops of the lab itself, with no stack on it: nothing leaks, whatever happens."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial

import pytest

from lab import cgroups, network
from lab.api import Api
from lab.images.ensure import PAUSE, ensure_images
from lab.paths import layout
from lab.plan import MACHINES, ZONES
from lab.process import Processes
from lab.template import image_digest
from tests.e2e.bare_lab import ASK, LAB, NAMESPACED, ask, ask_from, claim, kubectl, lab, pod, remains, status, wrong
from tests.e2e.harness import ROOT, run, wait_for
from toolchain.programs import program

pytestmark = [pytest.mark.e2e, pytest.mark.e2e_lifecycle]


def pid(name: str) -> int:
    (found,) = (process["pid"] for process in status()["processes"] if process["name"] == name)
    assert isinstance(found, int)
    return found


def start_and(act: Callable[["subprocess.Popen[str]"], None], said: str) -> tuple[int, str]:
    """Begin a start, and act on it once it said something."""
    with subprocess.Popen(
        [*LAB, "start"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as begun:
        assert begun.stdout is not None
        assert begun.stderr is not None
        for line in begun.stdout:
            if said in line:
                break
        act(begun)
        begun.stdout.read()
        errors = begun.stderr.read()
    return begun.returncode, errors


def test_started_twice_and_stopped_twice(before: dict[str, object]) -> None:
    assert "node-c is ready" in lab("start").out
    assert "the lab is running" in lab("start").out
    now = status()
    assert (now["state"], now["wrong"]) == ("healthy", [])
    assert [(zone["name"], zone["ready"], zone["link"]) for zone in now["zones"]] == [
        (zone, True, "up") for zone in ZONES
    ]
    assert lab("status").code == 0
    lab("stop")
    assert remains() == before
    lab("stop")
    assert lab("status", check=False).code == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_start_cleans_up(before: dict[str, object], number: signal.Signals) -> None:
    code, errors = start_and(lambda begun: begun.send_signal(number), "the API server answers")
    assert (code, errors) == (130, "the start of the lab was interrupted\n")
    assert remains() == before


@pytest.mark.parametrize("delay", [0.3, 0.6, 1.0, 2.0])
def test_killed_start_is_completed_by_the_next(before: dict[str, object], delay: float) -> None:
    del before
    with subprocess.Popen([*LAB, "start"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as begun:
        time.sleep(delay)
        begun.kill()
    lab("start")
    assert wrong() == []


def test_killed_start_is_removed_by_a_stop(before: dict[str, object]) -> None:
    start_and(lambda begun: begun.kill(), "the API server answers")
    lab("stop")
    assert remains() == before


def test_two_starts_at_once_make_one_lab(before: dict[str, object]) -> None:
    del before
    both = [subprocess.Popen([*LAB, "start"], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("the lab is running" in text for text in said) == [False, True]
    assert sorted("waiting for it to end" in text for text in said) == [False, True]


def test_a_running_lab_gets_the_images_it_lacks(before: dict[str, object]) -> None:
    """As after a pull that needs another image: here one is taken away from one machine."""
    del before
    lab("start")
    machine = layout().machine(MACHINES[1])

    def images() -> str:
        return run(str(program("ctr")), "--address", str(machine.socket), "-n", "k8s.io", "images", "list", "-q").out

    assert PAUSE in images()
    (reference,) = (line for line in images().split() if line.endswith(PAUSE))
    run(str(program("ctr")), "--address", str(machine.socket), "-n", "k8s.io", "images", "remove", reference)
    known = machine.images.read_text().split()
    assert PAUSE not in images()
    digests = {image_digest(archive) for archive in ensure_images(print) if "pause" in str(archive)}
    machine.images.write_text("".join(f"{one}\n" for one in known if one not in digests))
    lab("start")
    assert PAUSE in images()
    assert set(machine.images.read_text().split()) == set(known)


def test_dead_parts_are_started_again(before: dict[str, object]) -> None:
    del before
    lab("start")
    api = pid("kube-apiserver")
    for name in ("kube-scheduler", "kubelet-az-a", "namespace-az-b", "etcd"):
        os.kill(pid(name), signal.SIGKILL)
        wait_for(f"the end of {name}", lambda: status()["state"] == "unhealthy")
        assert f"{name} doesn't run" in wrong()
        lab("start")
        assert wrong() == []
    assert pid("kube-apiserver") == api


def test_a_part_that_a_killed_start_did_not_record_is_taken_up(before: dict[str, object]) -> None:
    """It runs on with its socket, which nothing would make anew."""
    del before
    lab("start")
    containerd = pid("containerd-az-b")
    (layout().processes / "containerd-az-b.json").unlink()
    assert status()["state"] == "unhealthy"
    lab("start")
    assert wrong() == []
    assert pid("containerd-az-b") == containerd


def test_cut_zone_is_lost_and_found(before: dict[str, object]) -> None:
    del before
    lab("start")
    for _ in range(2):
        lab("cut-zone", "az-b")
    assert [zone["link"] for zone in status()["zones"]] == ["up", "down", "up"]
    wait_for("the loss of node-b", lambda: [zone["ready"] for zone in status()["zones"]] == [True, False, True])
    assert wrong() == ["the link of node-b is down", "node-b takes no pods"]
    for _ in range(2):
        lab("heal-zone", "az-b")
    wait_for("the return of node-b", lambda: status()["state"] == "healthy")


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "echo"},
    "spec": {
        "type": "NodePort",
        "selector": {"app": "echo"},
        "ports": [{"port": 80, "targetPort": 8000, "nodePort": 32000}],
    },
}


def answers(address: str) -> bool:
    return run("perl", "-e", ASK, address, "8000", check=False).code == 0


def kept(pod_name: str) -> bool:
    return kubectl("exec", pod_name, "--", "cat", "/data/kept", check=False).out == "kept"


def test_pods_volumes_and_names_and_a_restart_with_all_of_it(before: dict[str, object]) -> None:
    lab("start")
    api = Api(layout().kubeconfig)
    wait_for("the default service account", lambda: "default" in str(api.get(f"{NAMESPACED}/serviceaccounts")))
    names = {f"echo-{machine.zone}": machine for machine in MACHINES}
    api.request("POST", f"{NAMESPACED}/services", SERVICE)
    for name, machine in names.items():
        api.request("POST", f"{NAMESPACED}/persistentvolumeclaims", claim(name))
        api.request("POST", f"{NAMESPACED}/pods", pod(name, machine.zone))

    def addresses() -> dict[str, str]:
        client = Api(layout().kubeconfig)
        found = {name: client.get(f"{NAMESPACED}/pods/{name}")["status"] for name in names}
        return {name: state.get("podIP", "") for name, state in found.items() if state["phase"] == "Running"}

    wait_for("three pods", lambda: len(addresses()) == 3)
    for name, address in addresses().items():
        assert address.startswith(f"198.18.{names[name].index}.")
        wait_for(f"an answer of {name}", partial(answers, address))
        assert ask(address, 8000) == [name, "198.18.0.254"]
        for other, source in addresses().items():
            assert ask_from(other, address, 8000) == [name, source]
    for machine in MACHINES:
        assert ask(str(machine.address), 32000)[0] in names
    for name in names:
        assert {ask_from(name, "echo.default.svc.cluster.local", 80)[0] for _ in range(12)} <= set(names)
        assert kubectl("exec", name, "--", "getent", "hosts", "registry.example.org", check=False).code == 2
        kubectl("exec", name, "--", "perl", "-e", 'open(F, ">", "/data/kept"); print F "kept"')

    lab("stop", "--keep-data")
    assert remains()["processes"] == before["processes"]
    assert status()["state"] == "stopped"
    lab("start")
    for name in names:
        wait_for(
            f"{name} with its volume",
            partial(kept, name),
        )
        kubectl("delete", "pod", name, "--wait=false")


def test_crash_of_the_machine_is_survived(before: dict[str, object]) -> None:
    del before
    lab("start")
    api = Api(layout().kubeconfig)
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})
    processes = Processes(layout())
    for number in processes.owned() | cgroups.processes():
        os.kill(number, signal.SIGKILL)
    wait_for("the end of all processes", lambda: not [one for one in processes.names() if processes.find(one)])
    network.remove(made_folder=False)
    network.namespace("az-a").touch()
    lab("start")
    assert wrong() == []
    assert Api(layout().kubeconfig).get("/api/v1/namespaces/kept")["status"]["phase"] == "Active"
