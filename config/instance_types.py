"""Types of EC2 instances: what their names say of processor, memory and disks.

Sizes: docs.aws.amazon.com/ec2/latest/instancetypes, general purpose, compute, memory and storage optimized.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RESERVED_VCPUS: Final = 0.25
"""Cores of each machine that kubelet, system and daemon sets take."""
_MIB: Final = 2**20


class Architecture(StrEnum):
    """Instruction set of a machine, as Kubernetes' label kubernetes.io/arch has it."""

    ARM64 = "arm64"
    """Graviton."""
    AMD64 = "amd64"
    """Intel and AMD."""


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """What a type's name says."""

    architecture: Architecture
    vcpus: int
    memory: int
    """Bytes."""
    nvme: bool
    """True: it has disks of its own, which go with it."""

    @property
    def allocatable_vcpus(self) -> float:
        """Cores that are left for pods."""
        return self.vcpus - RESERVED_VCPUS

    @property
    def allocatable_memory(self) -> int:
        """Bytes that are left for pods.

        The AMI reserves 255 MiB and 11 MiB for each pod there may be (github.com/awslabs/amazon-eks-ami, nodeadm's
        kubelet configuration), kubelet evicts at the last 100 MiB; a fortieth goes to the kernel, and the daemon sets
        of EKS take 300 MiB.
        """
        reserved = (255 + 11 * _MAX_PODS.get(self.vcpus, 234) + 100 + 300) * _MIB
        return self.memory - self.memory // 40 - reserved


_MAX_PODS: Final[Mapping[int, int]] = {1: 8, 2: 29, 4: 58, 8: 58}
"""vCPUs to the pods that a machine's addresses are enough for (eni-max-pods.txt of the AMI); above: 234."""
_VCPUS: Final[Mapping[str, int]] = {
    "medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64,
}  # fmt: skip
_GIB_PER_VCPU: Final[Mapping[str, int]] = {"c": 2, "m": 4, "r": 8, "i": 8, "im": 4}
_GRAVITON, _INTEL, _AMD = ("6g", "7g", "8g", "6gd", "7gd", "8gd"), ("6i", "7i", "8i", "6id"), ("6a", "7a")
_FAMILIES: Final[Mapping[str, tuple[str, Architecture]]] = {
    **{f"{kind}{rest}": (kind, Architecture.ARM64) for kind in "cmr" for rest in _GRAVITON},
    **{f"{kind}{rest}": (kind, Architecture.AMD64) for kind in "cmr" for rest in (*_INTEL, *_AMD)},
    "i4g": ("i", Architecture.ARM64),
    "i8g": ("i", Architecture.ARM64),
    "im4gn": ("im", Architecture.ARM64),
    "i4i": ("i", Architecture.AMD64),
    "i7i": ("i", Architecture.AMD64),
}
"""Family to its kind and architecture: machines whose processor isn't shared (no t), for no accelerator."""


def families(architecture: Architecture) -> tuple[str, ...]:
    """Return the families of an architecture, sorted."""
    return tuple(sorted(family for family, (_, its) in _FAMILIES.items() if its is architecture))


def instance_type(name: str) -> InstanceType | None:
    """Return what a type's name says; None for one that isn't known here."""
    family, _, size = name.partition(".")
    if family not in _FAMILIES or size not in _VCPUS:
        return None
    kind, architecture = _FAMILIES[family]
    if size == "medium" and (architecture is Architecture.AMD64 or kind.startswith("i")):
        return None
    return InstanceType(
        architecture=architecture,
        vcpus=_VCPUS[size],
        memory=_VCPUS[size] * _GIB_PER_VCPU[kind] * 2**30,
        nvme=kind.startswith("i") or family.endswith("d"),
    )
