"""What a stack has at AWS under its Kubernetes: network and cluster where asked for, key, machines."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.aws_provider import encryption_key
from components.eks_addons import EksAddons, EksAddonsArgs
from components.eks_cluster import EksCluster, EksClusterArgs
from components.eks_node_groups import EksNodeGroups, EksNodeGroupsArgs
from components.load_balancers import Balancing
from components.vpc import Vpc, VpcArgs
from config.aws import AwsSpec, BalancerScheme
from config.literals import COMPANIONS
from manifests.eks_policy import volume_key_policy
from manifests.load_balancers import annotations
from manifests.nodes import Topology


@dataclass(frozen=True, kw_only=True)
class EksPlatformArgs:
    """What ``EksPlatform`` is made of."""

    spec: AwsSpec
    topology: Topology
    zones: tuple[str, ...]
    tags: Mapping[str, str]
    """Of machines, volumes and load balancers, which the provider's default tags don't reach."""
    protect: bool


class EksPlatform(pulumi.ComponentResource):
    """Network, cluster and machines of a stack. Type: kafka-platform:index:EksPlatform.

    What is there is taken by its name alone: nothing is looked up, so that a preview asks no account.
    """

    oidc_provider_arn: pulumi.Output[str]
    """IAM's OIDC provider of the cluster; empty: none is known."""
    kubeconfig: pulumi.Output[str]
    """Of a cluster that was made; empty: the cluster was there."""
    key_arn: pulumi.Output[str]
    """The KMS key of volumes."""

    def __init__(self, name: str, args: EksPlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create what is missing, and the machines."""
        super().__init__("kafka-platform:index:EksPlatform", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        spec = args.spec
        private, public = self._subnets()
        self.key_arn = self._key()
        cluster_name: pulumi.Input[str] = spec.cluster.name
        self.oidc_provider_arn = pulumi.Output.from_input(spec.cluster.oidc_provider_arn or "")
        self.kubeconfig = pulumi.Output.from_input("")
        if spec.cluster.create is not None:
            cluster = EksCluster(
                f"{name}-cluster",
                EksClusterArgs(
                    spec=spec, create=spec.cluster.create, subnets=list(private.values()), protect=args.protect
                ),
                self._child,
            )
            cluster_name = cluster.cluster_name
            self.oidc_provider_arn, self.kubeconfig = cluster.oidc_provider_arn, cluster.kubeconfig
        groups = EksNodeGroups(
            f"{name}-nodes",
            EksNodeGroupsArgs(
                spec=spec,
                topology=args.topology,
                cluster_name=cluster_name,
                subnets=private,
                key_arn=self.key_arn,
                tags=args.tags,
            ),
            self._child,
        )
        self.machines: Mapping[str, Mapping[str, pulumi.Resource]] = groups.machines
        """Pool, or companions, to managed node groups by zone."""
        self.drivers: list[pulumi.Resource] = []
        """What makes volumes, where it was made here."""
        if spec.cluster.create is not None:
            addons = EksAddons(
                f"{name}-addons",
                EksAddonsArgs(
                    region=spec.region,
                    cluster_name=cluster_name,
                    oidc_provider_arn=self.oidc_provider_arn,
                    versions=spec.cluster.create.addon_versions,
                    after=list(groups.machines[COMPANIONS].values()),
                ),
                self._child,
            )
            self.drivers = [addons.volumes]
        self.balancing = self._balancing(private if spec.load_balancers.scheme is BalancerScheme.INTERNAL else public)
        """How Services get load balancers."""
        self.register_outputs(
            {
                "oidc_provider_arn": self.oidc_provider_arn,
                "kubeconfig": self.kubeconfig,
                "key_arn": self.key_arn,
            }
        )

    def _subnets(self) -> tuple[Mapping[str, pulumi.Input[str]], Mapping[str, pulumi.Input[str]]]:
        """Return private and public subnets by zone; of a network that is there the private ones are known."""
        network = self._args.spec.network
        if network.create is None:
            return {zone: network.subnets[zone] for zone in self._args.zones}, {}
        vpc = Vpc(
            f"{self._name}-vpc",
            VpcArgs(spec=network.create, zones=self._args.zones, protect=self._args.protect),
            self._child,
        )
        return vpc.private_subnets, vpc.public_subnets

    def _key(self) -> pulumi.Output[str]:
        spec, topology = self._args.spec, self._args.topology
        if spec.kms_key_arn is not None:
            return pulumi.Output.from_input(spec.kms_key_arn)
        key = encryption_key(
            f"{self._name}-key",
            f"{spec.cluster.name}-{topology.namespace}-volumes",
            f"Volumes of {topology.spec.name} in {topology.namespace}",
            volume_key_policy(spec.account, spec.region),
            self._child,
            protect=self._args.protect,
        )
        arn: pulumi.Output[str] = key.arn
        return arn

    def _balancing(self, subnets: Mapping[str, pulumi.Input[str]]) -> Balancing:
        spec, tags = self._args.spec, self._args.tags
        everywhere = pulumi.Output.all(*subnets.values()).apply(lambda ids: ",".join(map(str, ids)))
        return Balancing(
            by_zone={zone: annotations(spec, subnet, tags) for zone, subnet in subnets.items()},
            everywhere=annotations(spec, everywhere, tags),
            source_ranges=spec.load_balancers.source_ranges,
            route53=spec.route53,
        )
