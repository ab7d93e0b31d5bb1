"""Add-ons of an EKS cluster that need machines to run on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.aws_provider import service_role
from components.eks_cluster import eks_addon
from manifests import eks_policy as policies


@dataclass(frozen=True, kw_only=True)
class EksAddonsArgs:
    """What ``EksAddons`` is made of."""

    region: str
    cluster_name: pulumi.Input[str]
    oidc_provider_arn: pulumi.Input[str]
    versions: Mapping[str, str]
    """Add-on to version; an absent one is EKS's choice."""
    after: Sequence[pulumi.Resource]
    """Machines that pods may go to without tolerating anything."""


class EksAddons(pulumi.ComponentResource):
    """Cluster DNS, and the driver of EBS volumes with its role. Type: kafka-platform:index:EksAddons."""

    names: pulumi.Output[Sequence[str]]
    """Names of the add-ons, known when they run."""

    def __init__(self, name: str, args: EksAddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the add-ons."""
        super().__init__("kafka-platform:index:EksAddons", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role, attached = service_role(
            f"{name}-ebs-role",
            "Makes the EBS volumes of an EKS cluster",
            pulumi.Output.from_input(args.oidc_provider_arn).apply(policies.csi_trust),
            args.region,
            policies.CSI_POLICIES,
            child,
        )
        dns = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        ebs = pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *attached])
        driver = "aws-ebs-csi-driver"
        self.volumes = eks_addon(
            f"{name}-ebs", driver, args.cluster_name, ebs, version=args.versions.get(driver), role_arn=role.arn
        )
        """The driver: without it no claim is bound."""
        version = args.versions.get("coredns")
        made = [eks_addon(f"{name}-dns", "coredns", args.cluster_name, dns, version=version), self.volumes]
        self.names = pulumi.Output.all(*(each.addon_name for each in made)).apply(
            lambda names: [str(each) for each in names]
        )
        self.register_outputs({"names": self.names})
