"""A machine: containerd, kubelet and kube-proxy in a network and a mount namespace of their own.

The mount namespace keeps what these programs mount, and the directories whose paths are built into them, apart from the
host's and from the other machines'. When its last process has ended the kernel takes all of it away.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import yaml

from lab import cgroups, network
from lab.errors import LabError
from lab.paths import Layout, MachineLayout
from lab.pki import Pki, kubelet_file
from lab.plan import CLUSTER_DOMAIN, CONTROL_PLANE, PAUSE_IMAGE, POD_NETWORK, Machine
from lab.process import Daemon, Identity, Processes, kill_all
from lab.steps import Cancel
from lab.tools import environment, run, system, tool

HOLDER: Final = "namespace"
CONTAINERD: Final = "containerd"
KUBELET: Final = "kubelet"
PROXY: Final = "kube-proxy"

KINDS: Final = (HOLDER, CONTAINERD, KUBELET, PROXY)


def process_name(kind: str, machine: Machine) -> str:
    """Return the name of a machine's process."""
    return f"{kind}-{machine.called}"


def containerd_config(files: MachineLayout, cni: Path) -> str:
    """Return containerd's configuration.

    ``restrict_oom_score_adj`` is for machines without CAP_SYS_RESOURCE, where runc could not lower a score.
    """
    cri = "io.containerd.grpc.v1.cri"
    unused = ["aufs", "btrfs", "devmapper", "native", "zfs"]
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
    return f"""\
version = 2
root = "{files.containerd}"
state = "/run/containerd"
disabled_plugins = {json.dumps(disabled)}

[grpc]
address = "{files.socket}"

[plugins."{cri}"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stats_collect_period = 60

[plugins."{cri}".cni]
bin_dir = "{cni}"
conf_dir = "{files.network_config}"
"""


def network_config(machine: Machine) -> dict[str, Any]:
    """Return the pod network's configuration (CNI 0.4.0).

    Each pod has a link of its own to the node, so every packet is routed, also between pods of one node: services work
    without br_netfilter, which is not in every kernel.
    """
    return {
        "cniVersion": "0.4.0",
        "name": f"kafka-lab-{machine.key}",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-addresses",
                    "ranges": [[{"subnet": str(machine.pods)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def kubelet_config(machine: Machine, files: MachineLayout, pki: Pki) -> dict[str, Any]:
    """Return the kubelet's configuration: cgroups of v1 and v2, no eviction for a disk that the host shares."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.certificate("ca"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki.certificate(kubelet_file(machine))),
        "tlsPrivateKeyFile": str(pki.key(kubelet_file(machine))),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": machine.cgroup,
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{files.socket}",
        "registerWithTaints": [asdict(taint) for taint in machine.taints],
        "clusterDNS": [str(CONTROL_PLANE)],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(files.resolver),
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 50,
        "makeIPTablesUtilChains": False,
        "enableProfilingHandler": False,
        "serializeImagePulls": False,
        "nodeLeaseDurationSeconds": 20,
        "nodeStatusUpdateFrequency": "10s",
        "nodeStatusReportFrequency": "5m",
        "volumeStatsAggPeriod": "5m",
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }


def proxy_config(machine: Machine, pki: Pki) -> dict[str, Any]:
    """Return kube-proxy's configuration; limits of connection tracking are left as the kernel has them."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(pki.kubeconfig("kube-proxy"))},
        "hostnameOverride": machine.name,
        "mode": "iptables",
        "clusterCIDR": str(POD_NETWORK),
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "iptables": {"syncPeriod": "5m", "minSyncPeriod": "250ms", "localhostNodePorts": False},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }


def write_configuration(machine: Machine, layout: Layout, pki: Pki) -> None:
    """Write every file the machine's programs read."""
    files = layout.machine(machine)
    for folder in (files.network_config, *files.private().values()):
        folder.mkdir(parents=True, exist_ok=True)
    files.containerd_config.write_text(containerd_config(files, tool("ptp").parent))
    (files.network_config / "10-lab.conflist").write_text(json.dumps(network_config(machine)))
    files.kubelet_config.write_text(yaml.safe_dump(kubelet_config(machine, files, pki)))
    files.proxy_config.write_text(yaml.safe_dump(proxy_config(machine, pki)))
    files.resolver.write_text(f"nameserver {CONTROL_PLANE}\n")


def holder(machine: Machine) -> Daemon:
    """Return the process that keeps the machine's mount namespace while nothing else is in it.

    Mounts of the host still reach it, or a disk unmounted on the host would stay in use; its own don't reach the host.
    """
    return Daemon(
        name=process_name(HOLDER, machine),
        command=[system("unshare"), "--mount", "--propagation=slave", "--", system("sleep"), "infinity"],
        environment=environment(),
    )


def enter(machine: Machine, holder: Identity) -> list[str]:
    """Return what to put before a command to run it on the machine."""
    return [
        system("nsenter"),
        f"--mount=/proc/{holder.pid}/ns/mnt",
        f"--net={network.namespace(machine.key)}",
        "--",
    ]


def isolate(machine: Machine, layout: Layout, holder: Identity, cancel: Cancel) -> None:
    """Mount the machine's own copies of directories over the host's, in its mount namespace only."""
    process, sleep = Path(f"/proc/{holder.pid}"), Path(system("sleep")).resolve()

    def apart() -> bool:
        # Until the holder has left the host's namespace, mounts would be the host's.
        try:
            program = (process / "exe").readlink()
            return program == sleep and (process / "ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
        except FileNotFoundError:
            raise LabError(f"the mount namespace of {machine.called} is gone; see `python -m lab logs`") from None

    cancel.wait_for(f"a mount namespace for {machine.called}", apart, timeout=30, poll=0.01)
    inside = enter(machine, holder)
    files = layout.machine(machine)
    run([*inside, system("mount"), "--make-rshared", "/"])
    run([*inside, system("mount"), "-t", "tmpfs", "-o", "mode=755", "kafka-lab", "/run"])
    for point, source in files.private().items():
        run([*inside, system("mount"), "--bind", str(source), str(point)])
    files.isolated.touch()


def end_all(machine: Machine, processes: Processes) -> None:
    """Kill everything that runs on a machine."""
    names = [process_name(kind, machine) for kind in KINDS]
    kill_all(lambda: processes.owned(*names) | cgroups.processes(machine.cgroup))


def daemon(kind: str, machine: Machine, layout: Layout, pki: Pki, holder: Identity) -> Daemon:
    """Return how the machine's containerd, kubelet or kube-proxy is run."""
    files = layout.machine(machine)
    commands: dict[str, list[str | Path]] = {
        CONTAINERD: [tool("containerd"), f"--config={files.containerd_config}", "--log-level=warn"],
        KUBELET: [
            tool("kubelet"),
            f"--config={files.kubelet_config}",
            f"--kubeconfig={pki.kubeconfig(kubelet_file(machine))}",
            f"--hostname-override={machine.name}",
            f"--node-ip={machine.address}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in machine.labels.items())}",
            "--housekeeping-interval=30s",
            "--v=1",
        ],
        PROXY: [tool("kube-proxy"), f"--config={files.proxy_config}"],
    }
    called = [tool("containerd-shim-runc-v2"), tool("runc")] if kind == CONTAINERD else []
    return Daemon(
        name=process_name(kind, machine),
        command=[*enter(machine, holder), *commands[kind]],
        environment=environment(*called),
    )
