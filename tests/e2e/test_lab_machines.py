"""A lab with machines as a cloud has them: pools, zones of its names, load balancers."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.api import Api
from lab.paths import layout
from tests.e2e.bare_lab import ASK, NAMESPACED, ask, ask_from, claim, kubectl, lab, pod, status, untouched, wrong
from tests.e2e.harness import run, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.e2e_lifecycle]

POOL = "kafka.pyairtable.dev/pool"
ZONE = "topology.kubernetes.io/zone"
ZONES = {"az-a": "eu-central-1a", "az-b": "eu-central-1b", "az-c": "eu-central-1c"}
MACHINES: list[dict[str, Any]] = [
    {
        "name": f"{pool}-1{zone[-1]}",
        "zone": zone,
        "labels": {POOL: pool},
        "taints": [] if pool == "companions" else [{"key": POOL, "value": pool, "effect": "NoSchedule"}],
    }
    for pool in ("controller", "broker", "companions")
    for zone in ZONES
]
HOST = "198.18.0.254"
EBS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "gp3"},
    "provisioner": "ebs.csi.aws.com",
    "parameters": {"type": "gp3", "encrypted": "true"},
    "volumeBindingMode": "WaitForFirstConsumer",
}


@pytest.fixture(scope="module")
def machines(lab_claim: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab with nine machines, and the file that names them."""
    del lab_claim
    file = tmp_path_factory.mktemp("machines") / "machines.json"
    file.write_text(json.dumps({"zones": ZONES, "machines": MACHINES}))
    with untouched():
        lab("start", "--machines", str(file))
        yield file


@pytest.fixture(scope="module")
def pods(machines: Path) -> dict[str, str]:
    """The pods of these tests with the machines that they came to: two of a pool, one that may go anywhere."""
    del machines
    create("/apis/storage.k8s.io/v1/storageclasses", EBS)
    wait_for("the default service account", lambda: "default" in kubectl("get", "serviceaccounts").out)
    wanted = {
        "broker-b": of_pool("broker-b", "broker", ZONES["az-b"]),
        "broker-c": of_pool("broker-c", "broker", ZONES["az-c"]),
        "plain": pod("plain", ZONES["az-c"]),
    }
    for name, document in wanted.items():
        storage = claim(name)
        storage["spec"]["storageClassName"] = "gp3"
        create(f"{NAMESPACED}/persistentvolumeclaims", storage)
        create(f"{NAMESPACED}/pods", document)

    def listed() -> dict[str, str]:
        found = json.loads(kubectl("get", "pods", "--output=json").out)["items"]
        return {
            each["metadata"]["name"]: each["spec"]["nodeName"] for each in found if each["status"]["phase"] == "Running"
        }

    wait_for("all pods", lambda: listed().keys() == wanted.keys())
    return listed()


def create(path: str, document: dict[str, Any]) -> None:
    Api(layout().kubeconfig).request("POST", path, document)


def of_pool(name: str, pool: str, zone: str) -> dict[str, Any]:
    """Return a pod that selects the machines of a pool and tolerates their taint."""
    document = pod(name, zone)
    document["metadata"]["labels"] = {"app": pool, "name": name}
    document["spec"]["nodeSelector"][POOL] = pool
    document["spec"]["tolerations"] = [{"key": POOL, "operator": "Equal", "value": pool, "effect": "NoSchedule"}]
    return document


def balancer(name: str, selector: dict[str, str], policy: str = "Cluster") -> str:
    """Make a Service of the type LoadBalancer; return the address it says once it leads to a pod."""
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": policy,
            "selector": selector,
            "ports": [{"port": 9094, "targetPort": 8000}],
        },
    }
    create(f"{NAMESPACED}/services", document)

    def ingress() -> list[dict[str, str]]:
        said = Api(layout().kubeconfig).get(f"{NAMESPACED}/services/{name}")["status"]["loadBalancer"]
        return list(said.get("ingress", []))

    wait_for(f"the balancer of {name}", lambda: ingress() != [])
    (found,) = ingress()
    assert found["hostname"] == f"{name}.default.elb.lab"
    wait_for(f"an answer by way of {name}", partial(answers, found["ip"]))
    return found["ip"]


def answers(address: str) -> bool:
    return run("perl", "-e", ASK, address, "9094", check=False).code == 0


def test_machines_are_nodes_with_their_labels_taints_and_zones(machines: Path) -> None:
    nodes = {node["metadata"]["name"]: node for node in Api(layout().kubeconfig).get("/api/v1/nodes")["items"]}
    assert nodes.keys() == {machine["name"] for machine in MACHINES}
    addresses = set()
    for machine in MACHINES:
        node = nodes[machine["name"]]
        labels = {key: node["metadata"]["labels"][key] for key in (POOL, ZONE)}
        assert labels == {POOL: machine["labels"][POOL], ZONE: ZONES[machine["zone"]]}
        assert node["spec"].get("taints", []) == machine["taints"]
        addresses |= {each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"}
    assert len(addresses) == len(MACHINES)
    now = status()
    assert (now["state"], now["wrong"]) == ("healthy", [])
    assert [(each["name"], each["zone"]) for each in now["machines"]] == [(m["name"], m["zone"]) for m in MACHINES]
    assert "the lab is running" in lab("start").out
    assert "the lab is running" in lab("start", "--machines", str(machines)).out


def test_a_running_lab_gets_no_other_machines(machines: Path, tmp_path: Path) -> None:
    del machines
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps({"machines": MACHINES[:3]}))
    refused = lab("start", "--machines", str(other), check=False)
    assert refused.code == 1
    assert refused.err.startswith("the lab has other machines: controller-1a, controller-1b, controller-1c, broker-1a,")
    assert wrong() == []


def test_pods_go_where_labels_and_taints_send_them(pods: dict[str, str]) -> None:
    assert pods == {"broker-b": "broker-1b", "broker-c": "broker-1c", "plain": "companions-1c"}


def test_volumes_are_in_the_clouds_zone_for_all_of_its_machines(pods: dict[str, str]) -> None:
    del pods
    volumes = json.loads(kubectl("get", "persistentvolumes", "--output=json").out)["items"]
    found = {each["spec"]["claimRef"]["name"]: each["spec"]["nodeAffinity"]["required"] for each in volumes}
    assert found == {
        name: {"nodeSelectorTerms": [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]}
        for name, zone in (("broker-b", ZONES["az-b"]), ("broker-c", ZONES["az-c"]), ("plain", ZONES["az-c"]))
    }


def test_a_balancer_leads_host_and_pods_to_every_pod_of_its_service(pods: dict[str, str]) -> None:
    del pods
    address = balancer("brokers", {"app": "broker"})
    assert {ask(address, 9094)[0] for _ in range(24)} == {"broker-b", "broker-c"}
    assert {ask_from("plain", address, 9094)[0] for _ in range(12)} == {"broker-b", "broker-c"}
    kubectl("delete", "service", "brokers")
    wait_for("the end of the balancer", lambda: not answers(address))


def test_a_balancer_with_the_local_policy_shows_pods_who_connects(pods: dict[str, str]) -> None:
    del pods
    address = balancer("local", {"name": "broker-c"}, "Local")
    assert ask(address, 9094) == ["broker-c", HOST]
    kubectl("delete", "service", "local")


def test_balancers_go_on_when_the_api_server_or_their_controller_was_killed(pods: dict[str, str]) -> None:
    del pods
    address = balancer("one", {"name": "broker-b"})
    kill("kube-apiserver")
    assert ask(address, 9094)[0] == "broker-b"
    lab("start")
    assert balancer("two", {"name": "broker-c"}) != address
    kubectl("delete", "service", "two")
    wait_for("the end of one balancer", lambda: balanced() == {address})
    kill("lab-balancers")
    kubectl("delete", "service", "one")
    assert balanced() == {address}
    lab("start")
    wait_for("the end of the other", lambda: balanced() == set())


def kill(name: str) -> None:
    (pid,) = (each["pid"] for each in status()["processes"] if each["name"] == name)
    os.kill(pid, signal.SIGKILL)
    wait_for(f"the end of {name}", lambda: status()["state"] == "unhealthy")


def balanced() -> set[str]:
    """Return the addresses that lead to a machine."""
    listed = json.loads(run("ip", "-netns", "lab", "-json", "route", "show", "root", "198.18.80.0/24").out)
    return {route["dst"] for route in listed}


def test_a_zone_is_cut_off_with_all_of_its_machines(machines: Path) -> None:
    del machines
    lab("cut-zone", "az-b")
    links = {each["name"]: each["link"] for each in status()["machines"]}
    assert {name for name, link in links.items() if link == "down"} == {"controller-1b", "broker-1b", "companions-1b"}
    assert [zone["link"] for zone in status()["zones"]] == ["up", "down", "up"]
    lab("heal-zone", "eu-central-1b")
    wait_for("the return of the zone", lambda: status()["state"] == "healthy")
