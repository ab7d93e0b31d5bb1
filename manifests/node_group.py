"""Managed node groups, as arguments of AWS's provider."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from config.aws import TaintEffect
from config.instance_types import Architecture
from config.literals import COMPANIONS
from manifests.zone_groups import ZoneGroup

_AMI: Final[Mapping[Architecture, str]] = {
    Architecture.ARM64: "AL2023_ARM_64_STANDARD",
    Architecture.AMD64: "AL2023_x86_64_STANDARD",
}
_EFFECTS: Final[Mapping[TaintEffect, str]] = {
    TaintEffect.NO_SCHEDULE: "NO_SCHEDULE",
    TaintEffect.PREFER_NO_SCHEDULE: "PREFER_NO_SCHEDULE",
    TaintEffect.NO_EXECUTE: "NO_EXECUTE",
}
_ROOT_DEVICE: Final = "/dev/xvda"
"""Of Amazon Linux 2023."""


def launch_template(group: ZoneGroup, key_arn: Any, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a launch template; ``key_arn`` may be an Output.

    Credentials of a machine's role are to be had by IMDSv2 only, and by no pod: one hop doesn't reach them.
    """
    data = user_data(group)
    named = {**tags, "Name": group.name}
    return {
        "description": f"{group.group.name} in {group.zone}",
        # Here and not in the group, which it would replace: a new version rolls machine after machine.
        "instance_type": group.group.instance_type,
        "update_default_version": True,
        "block_device_mappings": [
            {
                "device_name": _ROOT_DEVICE,
                "ebs": {
                    "volume_type": "gp3",
                    "volume_size": -(-group.group.root_volume // 2**30),
                    # EC2's API, which the provider hands it on to, has it as text.
                    "encrypted": "true",
                    "kms_key_id": key_arn,
                    "delete_on_termination": "true",
                },
            }
        ],
        "metadata_options": {"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        # The provider's default tags reach the template, not what is started by it.
        "tag_specifications": [{"resource_type": kind, "tags": named} for kind in ("instance", "volume")],
        **({} if data is None else {"user_data": base64.b64encode(data.encode()).decode()}),
    }


def user_data(group: ZoneGroup) -> str | None:
    """Return what Amazon Linux' nodeadm does with a machine's own disks, as MIME; None: nothing.

    awslabs.github.io/amazon-eks-ami/nodeadm/doc/api: ``Mount`` mounts each below /mnt/k8s-disks for a local volume
    provisioner, ``RAID0`` puts kubelet's and containerd's files on all of them.
    """
    if group.group.instance_store is None:
        return None
    strategy = "RAID0" if group.group.name == COMPANIONS else "Mount"
    return "\n".join(
        [
            "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="BOUNDARY"',
            "",
            "--BOUNDARY",
            "Content-Type: application/node.eks.aws",
            "",
            "apiVersion: node.eks.aws/v1alpha1",
            "kind: NodeConfig",
            "spec:",
            "  instance:",
            "    localStorage:",
            f"      strategy: {strategy}",
            "",
            "--BOUNDARY--",
            "",
        ]
    )


def node_group(group: ZoneGroup, architecture: Architecture) -> dict[str, Any]:
    """Return the arguments of a managed node group but for its cluster, role, subnet and template."""
    return {
        "ami_type": _AMI[architecture],
        # Spot machines go at two minutes' notice, and with them leaders, and replicas that have to be fetched again.
        "capacity_type": "ON_DEMAND",
        "scaling_config": {"min_size": group.desired, "desired_size": group.desired, "max_size": group.most},
        # DEFAULT: the new machine is there, and warm, before pods are moved off the old one.
        "update_config": {"max_unavailable": group.group.max_unavailable, "update_strategy": "DEFAULT"},
        "labels": dict(group.labels),
        "taints": [
            {"key": taint.key, "value": taint.value, "effect": _EFFECTS[taint.effect]} for taint in group.taints
        ],
    }
