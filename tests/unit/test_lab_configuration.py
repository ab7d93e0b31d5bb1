import tomllib
from dataclasses import replace
from pathlib import Path

from lab import control_plane, machine, objects
from lab.paths import Layout
from lab.pki import Pki, leaves
from lab.plan import MACHINES, Taint
from lab.process import Identity

FILES = Layout(Path("/lab"))
KEYS = Pki(FILES)
PLACE = MACHINES[1]


def flags(rendered: list[str]) -> dict[str, str]:
    pairs = [flag.removeprefix("--").partition("=") for flag in rendered]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}


def test_etcd_is_reached_from_its_namespace_only() -> None:
    rendered = flags(control_plane.etcd_flags(FILES))
    assert {rendered[name] for name in rendered if "client-urls" in name} == {"http://127.0.0.1:2379"}
    assert {rendered[name] for name in rendered if "peer-urls" in name} == {"http://127.0.0.1:2380"}
    assert int(rendered["election-timeout"]) >= 5 * int(rendered["heartbeat-interval"])


def test_api_server_authorizes_nodes_and_roles_and_nobody_unknown() -> None:
    rendered = flags(control_plane.api_server_flags(KEYS))
    assert rendered["authorization-mode"] == "Node,RBAC"
    assert rendered["anonymous-auth"] == "false"
    assert rendered["enable-admission-plugins"] == "NodeRestriction"
    assert rendered["kubelet-certificate-authority"] == "/lab/pki/ca.crt"
    assert rendered["service-cluster-ip-range"] == "198.18.64.0/20"


def test_secrets_are_files_never_arguments() -> None:
    commands = [
        *control_plane.api_server_flags(KEYS),
        *control_plane.controller_manager_flags(KEYS),
        *control_plane.scheduler_flags(KEYS),
    ]
    named = [flag.split("=") for flag in commands if {"key", "token"} & set(flag.partition("=")[0].split("-"))]
    assert len(named) == 6
    assert all(value.startswith("/lab/pki/") for _, value in named)


def test_lost_node_is_noticed_after_several_missed_leases() -> None:
    rendered = flags(control_plane.controller_manager_flags(KEYS))
    grace = int(rendered["node-monitor-grace-period"].removesuffix("s"))
    lease = machine.kubelet_config(PLACE, FILES.machine(PLACE), KEYS)["nodeLeaseDurationSeconds"]
    # A kubelet renews its lease four times within its duration.
    assert grace >= 3 * lease / 4


def test_controllers_that_the_platform_needs_run() -> None:
    needed = {"statefulset", "disruption", "persistentvolume-binder", "persistentvolume-expander", "node-lifecycle"}
    assert not needed & {name.removesuffix("-controller") for name in control_plane.UNUSED_CONTROLLERS}


def test_dns_serves_the_root_and_asks_nobody() -> None:
    corefile = control_plane.corefile(KEYS)
    assert "kubernetes cluster.local . {" in corefile
    assert "forward" not in corefile


def test_containerd_works_below_the_machines_directory() -> None:
    files = FILES.machine(PLACE)
    document = tomllib.loads(machine.containerd_config(files, Path("/cache/cni")))
    cri = document["plugins"]["io.containerd.grpc.v1.cri"]
    assert document["root"] == "/lab/zones/az-b/containerd"
    assert document["grpc"]["address"] == "/lab/zones/az-b/containerd.sock"
    assert cri["sandbox_image"] == "lab.local/pause:1"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["cni"] == {"bin_dir": "/cache/cni", "conf_dir": "/lab/zones/az-b/net.d"}


def test_pods_get_addresses_of_their_machine() -> None:
    plugin = machine.network_config(PLACE)["plugins"][0]
    assert plugin["ipam"]["ranges"] == [[{"subnet": "198.18.3.0/24"}]]
    assert plugin["ipMasq"] is False


def test_kubelet_has_a_cgroup_a_certificate_and_no_anonymous_caller() -> None:
    config = machine.kubelet_config(PLACE, FILES.machine(PLACE), KEYS)
    assert config["cgroupRoot"] == "/kafka-lab/az-b"
    assert config["tlsCertFile"] == "/lab/pki/kubelet-node-b.crt"
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["clusterDNS"] == ["198.18.0.1"]


def test_kubelet_registers_with_the_machines_labels_and_taints() -> None:
    place = replace(
        PLACE,
        name="broker-1b",
        labels={**PLACE.labels, "pool": "broker"},
        taints=(Taint(key="pool", value="broker", effect="NoSchedule"),),
    )
    config = machine.kubelet_config(place, FILES.machine(place), KEYS)
    assert config["registerWithTaints"] == [{"key": "pool", "value": "broker", "effect": "NoSchedule"}]
    command = [str(part) for part in machine.daemon("kubelet", place, FILES, KEYS, Identity(1, 1, "boot")).command]
    assert "--hostname-override=broker-1b" in command
    zone, region = "topology.kubernetes.io/zone=az-b", "topology.kubernetes.io/region=lab"
    assert f"--node-labels={zone},{region},pool=broker" in command


def test_kube_proxy_leaves_the_kernels_limits_alone() -> None:
    config = machine.proxy_config(PLACE, KEYS)
    assert (config["conntrack"]["maxPerCore"], config["conntrack"]["min"]) == (0, 0)
    assert config["clusterCIDR"] == "198.18.0.0/18"


def test_bound_users_are_those_of_certificates() -> None:
    users = {leaf.user for leaf in leaves()}
    bound = {
        subject["name"]
        for _, document in objects.objects()
        if document["kind"] == "ClusterRoleBinding"
        for subject in document["subjects"]
    }
    assert bound <= users


def test_storage_class_is_the_default_and_waits_for_the_zone() -> None:
    (document,) = (document for _, document in objects.objects() if document["kind"] == "StorageClass")
    assert document["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert document["volumeBindingMode"] == "WaitForFirstConsumer"
    assert document["allowVolumeExpansion"] is True
