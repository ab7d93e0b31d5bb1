"""The StorageClass of EBS volumes."""

from collections.abc import Mapping
from typing import Any

from config.aws import StorageClassSpec


def storage_class(
    spec: StorageClassSpec, key_arn: Any, tags: Mapping[str, str], labels: Mapping[str, str], *, protect: bool
) -> dict[str, Any]:
    """Return a StorageClass of gp3 volumes that ``key_arn``, perhaps an Output, encrypts.

    Volumes are made in the zone of the machine that the pod is scheduled to, which its node affinity decides: made
    before, one could be in a zone that the pod may not go to. Parameters:
    github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md
    """
    own = {"iops": spec.iops, "throughput": spec.throughput}
    return {
        "metadata": {"name": spec.name, "labels": dict(labels)},
        "provisioner": "ebs.csi.aws.com",
        "parameters": {
            "type": "gp3",
            "encrypted": "true",
            "kmsKeyId": key_arn,
            "csi.storage.k8s.io/fstype": "xfs",
            **{name: str(value) for name, value in own.items() if value is not None},
            **{f"tagSpecification_{index}": f"{key}={value}" for index, (key, value) in enumerate(tags.items(), 1)},
        },
        "volume_binding_mode": "WaitForFirstConsumer",
        # A throwaway stack leaves no volumes behind.
        "reclaim_policy": "Retain" if protect else "Delete",
        "allow_volume_expansion": True,
    }
