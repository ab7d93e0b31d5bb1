"""Where the lab keeps its data."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.plan import Machine

LONGEST_ROOT = 60
"""Bytes a data directory's path may have: a socket's path in it must fit the kernel's 108 (unix(7))."""


@dataclass(frozen=True)
class Layout:
    """Files of one lab below its data directory."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the lab's administrator."""
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Certificates, keys and the kubeconfig files of the lab's own components."""
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        """State of the cluster."""
        return self.root / "etcd"

    @property
    def volumes(self) -> Path:
        """Persistent volumes, a directory per node and volume."""
        return self.root / "volumes"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.root / "log"

    @property
    def processes(self) -> Path:
        """One identity file per process."""
        return self.root / "run"

    @property
    def completed(self) -> Path:
        """Made when a start has succeeded; holds the boot id of the machine. Data without it is not worth keeping."""
        return self.root / "completed"

    @property
    def mount_points(self) -> Path:
        """Names directories of the host that were made to mount on, one a line."""
        return self.root / "mount-points"

    @property
    def machines(self) -> Path:
        """The machines, where they aren't MACHINES."""
        return self.root / "machines.json"

    def machine(self, machine: Machine) -> "MachineLayout":
        """Return the files of one machine."""
        return MachineLayout(self.root / "zones" / machine.key)

    @property
    def kept(self) -> frozenset[Path]:
        """What ``stop --keep-data`` leaves."""
        return frozenset({self.kubeconfig, self.pki, self.etcd, self.volumes, self.machines, self.completed})


@dataclass(frozen=True)
class MachineLayout:
    """Files of one machine. They live as long as it runs."""

    root: Path

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.root / "containerd"

    @property
    def images(self) -> Path:
        """Digests of the images that containerd has, one a line."""
        return self.root / "images"

    @property
    def socket(self) -> Path:
        """Where containerd is asked."""
        return self.root / "containerd.sock"

    @property
    def containerd_config(self) -> Path:
        """Configuration of containerd."""
        return self.root / "containerd.toml"

    @property
    def network_config(self) -> Path:
        """Directory with the configuration of the pod network."""
        return self.root / "net.d"

    @property
    def kubelet_config(self) -> Path:
        """Configuration of the kubelet."""
        return self.root / "kubelet.yaml"

    @property
    def proxy_config(self) -> Path:
        """Configuration of kube-proxy."""
        return self.root / "kube-proxy.yaml"

    @property
    def resolver(self) -> Path:
        """What the kubelet starts from when it writes a pod's resolv.conf."""
        return self.root / "resolv.conf"

    @property
    def isolated(self) -> Path:
        """Made when the machine's mount namespace is complete."""
        return self.root / "isolated"

    def private(self) -> dict[Path, Path]:
        """Return the host's directories that the machine sees its own copy of, with where that copy is."""
        return {
            Path("/var/lib/kubelet"): self.root / "kubelet",
            Path("/var/lib/cni"): self.root / "cni",
            Path("/var/log"): self.root / "log",
        }


def layout(environment: Mapping[str, str] = os.environ) -> Layout:
    """Return the lab's files; raises LabError when KAFKA_PLATFORM_LAB names no usable directory."""
    value = environment.get("KAFKA_PLATFORM_LAB") or "/var/lib/kafka-platform/lab"
    root = Path(value)
    if not root.is_absolute() or len(os.fsencode(value)) > LONGEST_ROOT:
        raise LabError(
            f"KAFKA_PLATFORM_LAB={value} must be an absolute path of at most {LONGEST_ROOT} bytes; "
            "unset it for /var/lib/kafka-platform/lab"
        )
    return Layout(root)
