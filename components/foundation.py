"""What a stack stands on: its Kubernetes, and where the configuration has them, its machines at AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s
import pulumi_tls as tls

import config.target as targets
from components.load_balancers import Balancing
from components.volume_class import VolumeClass, VolumeClassArgs
from config.aws import AwsSpec
from config.aws_names import platform_tags
from config.kafka import KafkaClusterSpec
from config.literals import COMPANIONS
from config.platform import PlatformSpec
from manifests.nodes import Topology
from manifests.placement import Placement
from manifests.zone_groups import companion_placement, placed


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What the components are given."""

    providers: list[pulumi.ProviderResource]
    """Of Kubernetes and of certificates, and of AWS where there is a section."""
    kafka: KafkaClusterSpec
    """The cluster, its pods placed on their machines."""
    machines: Mapping[str, Mapping[str, pulumi.Resource]] = field(default_factory=dict)
    """Pool, or companions, to what has to be there before its pods, by zone. Empty: somebody else's."""
    companion_placement: Placement | None = None
    """Where pods beside the pools go; None: to any machine."""
    storage: Sequence[pulumi.Resource] = ()
    """What has to be there before claims are bound."""
    balancing: Balancing | None = None
    """None: load balancers are what the cluster makes of Services by itself."""
    kubeconfig: pulumi.Output[str] | None = None
    """Of a cluster that the stack makes, without a credential; None: it finds one."""
    oidc_provider_arn: pulumi.Output[str] | None = None
    """IAM's OIDC provider of the cluster's service accounts; None: no aws section."""

    @property
    def companion_machines(self) -> list[pulumi.Resource]:
        """What has to be there before pods beside the pools."""
        return list(self.machines.get(COMPANIONS, {}).values())


def create_foundation(platform: PlatformSpec) -> Foundation:
    """Find the stack's Kubernetes, or make it; raises pulumi.RunError when it doesn't answer, a preview warns."""
    if platform.aws is None:
        return Foundation(providers=[_found_kubernetes(platform), tls.Provider("tls")], kafka=platform.kafka)
    return _at_aws(platform, platform.aws)


def _at_aws(platform: PlatformSpec, aws: AwsSpec) -> Foundation:
    # AWS's package takes a quarter of a second, which other stacks don't pay.
    from components.aws_provider import AwsAccount, aws_provider
    from components.eks_platform import EksPlatform, EksPlatformArgs

    name, tags = platform.kafka.name, platform_tags(aws.tags, platform.stack)
    account = AwsAccount(region=aws.region, account=aws.account, assume_role_arn=aws.assume_role_arn, tags=tags)
    at_aws = aws_provider("aws", account)
    topology = Topology(spec=platform.kafka, namespace=platform.kubernetes.namespace)
    eks = EksPlatform(
        name,
        EksPlatformArgs(
            spec=aws, topology=topology, zones=platform.kubernetes.zones, tags=tags, protect=platform.protect
        ),
        pulumi.ResourceOptions(providers=[at_aws]),
    )
    kubernetes = _provider(kubeconfig=eks.kubeconfig) if aws.cluster.create else _found_kubernetes(platform)
    storage: list[pulumi.Resource] = list(eks.drivers)
    if aws.storage_class is not None:
        volumes = VolumeClass(
            f"{name}-volumes",
            VolumeClassArgs(
                spec=aws.storage_class, cluster=name, key_arn=eks.key_arn, tags=tags, protect=platform.protect
            ),
            pulumi.ResourceOptions(providers=[kubernetes]),
        )
        storage.append(volumes.resource)
    return Foundation(
        providers=[kubernetes, tls.Provider("tls"), at_aws],
        kafka=placed(platform.kafka, aws, platform.kubernetes.namespace),
        machines=eks.machines,
        companion_placement=companion_placement(aws, platform.kubernetes.namespace),
        storage=storage,
        balancing=eks.balancing,
        kubeconfig=eks.kubeconfig if aws.cluster.create else None,
        oidc_provider_arn=eks.oidc_provider_arn,
    )


def _found_kubernetes(platform: PlatformSpec) -> k8s.Provider:
    target = targets.resolve_target(platform.kubernetes)
    try:
        targets.check_reachable(target)
    except targets.TargetError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(str(error)) from None
        pulumi.log.warn(str(error))
    # The path, not the content: a kubeconfig's credential has no business in the state.
    return _provider(kubeconfig=str(target.kubeconfig), context=target.context)


def _provider(**where: pulumi.Input[str]) -> k8s.Provider:
    return k8s.Provider(
        "kubernetes",
        **where,
        # Otherwise the provider deletes and creates them anew, and a pod that starts in between finds none.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
