"""The StorageClass of a stack's volumes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from config.aws import StorageClassSpec
from manifests.labels import object_labels
from manifests.storage_class import storage_class


@dataclass(frozen=True, kw_only=True)
class VolumeClassArgs:
    """What ``VolumeClass`` is made of."""

    spec: StorageClassSpec
    cluster: str
    """Name of the Kafka cluster, for the labels."""
    key_arn: pulumi.Input[str]
    tags: Mapping[str, str]
    """Of the volumes."""
    protect: bool
    """False: volumes go with their claims."""


class VolumeClass(pulumi.ComponentResource):
    """Encrypted EBS volumes for claims. Type: kafka-platform:index:VolumeClass."""

    class_name: pulumi.Output[str]
    """Name of the StorageClass, known when it is there."""

    def __init__(self, name: str, args: VolumeClassArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the class."""
        super().__init__("kafka-platform:index:VolumeClass", name, {}, opts)
        manifest = storage_class(args.spec, args.key_arn, args.tags, object_labels(args.cluster), protect=args.protect)
        self.resource = k8s.storage.v1.StorageClass(
            f"{name}-{args.spec.name}",
            **manifest,
            opts=pulumi.ResourceOptions(
                parent=self,
                # The API server lets nothing of a class change, and the plugin knows that of its parameters only.
                replace_on_changes=["reclaimPolicy", "volumeBindingMode"],
                delete_before_replace=True,
            ),
        )
        self.class_name = self.resource.metadata.name
        self.register_outputs({"class_name": self.class_name})
