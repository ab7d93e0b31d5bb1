"""An EKS cluster that the program makes, for stacks that find none."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws_provider import encryption_key, service_role
from config.aws import AwsSpec, ClusterCreateSpec
from manifests import eks_policy as policies
from manifests.kubeconfig import eks_kubeconfig

_ADMIN: Final = "AmazonEKSClusterAdminPolicy"
_SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {"vpc-cni": {"enableNetworkPolicy": "true"}}
"""Of add-ons. Without it NetworkPolicies are accepted, and nothing enforces them
(docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html)."""
_LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """What ``EksCluster`` is made of."""

    spec: AwsSpec
    create: ClusterCreateSpec
    subnets: Sequence[pulumi.Input[str]]
    """Private subnets of two zones at least."""
    protect: bool


class EksCluster(pulumi.ComponentResource):
    """Control plane with private endpoint, encrypted Secrets and logs. Type: kafka-platform:index:EksCluster.

    Creates role, key, log group, cluster, its OIDC provider, access for administrators, and the add-ons that machines
    need before they join; those that need machines are ``EksAddons``.
    """

    cluster_name: pulumi.Output[str]
    """Its name, known when machines may join."""
    oidc_provider_arn: pulumi.Output[str]
    """IAM's OIDC provider of its service accounts."""
    kubeconfig: pulumi.Output[str]
    """JSON without a credential, known when the API server answers."""

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the cluster."""
        super().__init__("kafka-platform:index:EksCluster", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        spec = args.spec
        cluster = self._cluster()
        issuer = cluster.identities[0].oidcs[0].issuer
        provider = aws.iam.OpenIdConnectProvider(
            f"{name}-issuer", url=issuer, client_id_lists=["sts.amazonaws.com"], opts=self._child
        )
        self._administrators(cluster)
        addons = [self._addon(each, cluster) for each in ("vpc-cni", "kube-proxy")]
        ca = cluster.certificate_authority.apply(lambda authority: authority.data)
        self.cluster_name = pulumi.Output.all(cluster.name, *(each.id for each in addons)).apply(
            lambda parts: str(parts[0])
        )
        self.oidc_provider_arn = provider.arn
        self.kubeconfig = pulumi.Output.all(cluster.name, cluster.endpoint, ca).apply(
            lambda parts: eks_kubeconfig(
                cluster=parts[0], region=spec.region, endpoint=parts[1], ca_data=parts[2], role=spec.assume_role_arn
            )
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "oidc_provider_arn": self.oidc_provider_arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _cluster(self) -> aws.eks.Cluster:
        spec, create, name, protect = self._args.spec, self._args.create, self._name, self._args.protect
        role, attached = service_role(
            f"{name}-role",
            f"EKS cluster {spec.cluster.name}",
            policies.cluster_trust(),
            spec.region,
            policies.CLUSTER_POLICIES,
            self._child,
        )
        key = encryption_key(
            f"{name}-key",
            f"{spec.cluster.name}-secrets",
            f"Secrets of EKS cluster {spec.cluster.name}",
            policies.secrets_key_policy(spec.account, spec.region),
            self._child,
            protect=protect,
        )
        # EKS would make it itself, and keep what is in it for ever.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{spec.cluster.name}/cluster",
            retention_in_days=create.log_retention_days,
            opts=self._child,
        )
        return aws.eks.Cluster(
            name,
            name=spec.cluster.name,
            version=create.version,
            role_arn=role.arn,
            vpc_config={
                "subnet_ids": list(self._args.subnets),
                "endpoint_private_access": True,
                "endpoint_public_access": bool(create.public_access_cidrs),
                **({"public_access_cidrs": list(create.public_access_cidrs)} if create.public_access_cidrs else {}),
            },
            access_config={
                "authentication_mode": "API",
                # The role that makes it goes on to make what is in it.
                "bootstrap_cluster_creator_admin_permissions": True,
            },
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            **(
                {"kubernetes_network_config": {"service_ipv4_cidr": create.service_cidr}} if create.service_cidr else {}
            ),
            enabled_cluster_log_types=list(_LOGS),
            # Extended support costs six times as much; a release that leaves the standard one is upgraded.
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=protect,
            # The add-ons take their place.
            bootstrap_self_managed_addons=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                depends_on=[*attached, logs],
                custom_timeouts=pulumi.CustomTimeouts(create="30m", update="60m", delete="30m"),
            ),
        )

    def _administrators(self, cluster: aws.eks.Cluster) -> None:
        region = self._args.spec.region
        for arn in self._args.create.admin_role_arns:
            name = f"{self._name}-admin-{arn.rpartition('/')[2].lower()}"
            entry = aws.eks.AccessEntry(name, cluster_name=cluster.name, principal_arn=arn, opts=self._child)
            aws.eks.AccessPolicyAssociation(
                name,
                cluster_name=cluster.name,
                principal_arn=arn,
                policy_arn=policies.access_policy(region, _ADMIN),
                access_scope={"type": "cluster"},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
            )

    def _addon(self, addon: str, cluster: aws.eks.Cluster) -> aws.eks.Addon:
        return eks_addon(
            f"{self._name}-{addon}",
            addon,
            cluster.name,
            self._child,
            version=self._args.create.addon_versions.get(addon),
            settings=_SETTINGS.get(addon),
        )


def eks_addon(
    name: str,
    addon: str,
    cluster: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    version: str | None = None,
    role_arn: pulumi.Input[str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> aws.eks.Addon:
    """Return one of EKS's add-ons with the role of its service account.

    Without a version EKS takes its default one for the cluster's release at that time, and keeps it.
    """
    return aws.eks.Addon(
        name,
        addon_name=addon,
        addon_version=version,
        cluster_name=cluster,
        service_account_role_arn=role_arn,
        configuration_values=None if settings is None else json.dumps(settings),
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=opts,
    )
