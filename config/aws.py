"""What a stack has at AWS: machines on EKS, and where asked for the cluster and its network."""

from collections.abc import Mapping
from enum import StrEnum

from config.base import Size, Spec
from config.instance_types import Architecture
from versions import EKS


class InstanceStore(StrEnum):
    """What becomes of a machine's own disks, whose content goes with the machine."""

    NVME = "nvme"
    """A pool: each disk is mounted for a local volume provisioner. Companions: one stripe for images and emptyDirs."""


class TaintEffect(StrEnum):
    """What becomes of pods that don't tolerate a taint."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class BalancerScheme(StrEnum):
    """Who reaches a load balancer."""

    INTERNAL = "internal"
    """Who reaches the VPC."""
    INTERNET_FACING = "internet-facing"
    """Everybody in ``source_ranges``."""


class BalancerController(StrEnum):
    """What makes load balancers of Services."""

    AWS_LOAD_BALANCER_CONTROLLER = "aws-load-balancer-controller"
    """kubernetes-sigs.github.io/aws-load-balancer-controller, which the cluster has to run. It leads to pods."""
    IN_TREE = "in-tree"
    """The cloud provider that every EKS cluster has. It leads to node ports."""


class TaintSpec(Spec):
    """A taint of machines; the pods of their pool tolerate it."""

    key: str
    """Key of the taint."""
    value: str = ""
    effect: TaintEffect = TaintEffect.NO_SCHEDULE


class NodeGroupSpec(Spec):
    """The machines of one pool, or of what stands beside the pools: a managed node group in each zone, on demand."""

    name: str
    """The pool's name, or companions."""
    instance_type: str = "m7g.large"
    """Type of EC2 instance, of ``aws.architecture``."""
    root_volume: Size = 30 * 2**30
    """Bytes of each machine's encrypted gp3 root volume: images, logs, emptyDirs."""
    instance_store: InstanceStore | None = None
    """None: the type's own disks, where it has some, aren't used."""
    desired_per_zone: int | None = None
    """Machines in each zone; None: one for each Kafka node there, one for the companions."""
    max_per_zone: int | None = None
    """Most machines that a cluster autoscaler may make of them; None: no more than desired."""
    max_unavailable: int = 1
    """Machines of a zone that an update takes away at a time; new ones are there before."""
    labels: Mapping[str, str] = {}
    """Further labels of the machines."""
    taints: tuple[TaintSpec, ...] = ()
    """Further taints, which the pods tolerate; a pool's machines have one already that keeps them to the pool."""


class ClusterCreateSpec(Spec):
    """An EKS cluster that the program makes, with EKS's add-ons for network, DNS and EBS volumes."""

    version: str = EKS
    """Kubernetes' minor release, like 1.34; it goes up by one at a time, and never down."""
    addon_versions: Mapping[str, str] = {}
    """EKS add-on to its version, like v1.34.0-eksbuild.2; an absent one stays in what EKS chose when it was made."""
    admin_role_arns: tuple[str, ...] = ()
    """Roles that administer the cluster, besides the one it is made by."""
    public_access_cidrs: tuple[str, ...] = ()
    """Addresses that reach the API server from the internet. None: the VPC's only."""
    service_cidr: str | None = None
    """Addresses of Services; None: EKS chooses."""
    log_retention_days: int = 90
    """How long CloudWatch keeps the control plane's logs."""


class EksClusterSpec(Spec):
    """The EKS cluster that machines join."""

    name: str
    """Name of the cluster."""
    oidc_provider_arn: str | None = None
    """IAM's OIDC provider of a cluster that is there: arn:aws:iam::ACCOUNT:oidc-provider/ISSUER"""
    create: ClusterCreateSpec | None = None
    """None: the cluster is there."""


class VpcSpec(Spec):
    """A VPC that the program makes: in each zone a private subnet, a public one, and a NAT gateway."""

    cidr: str = "10.64.0.0/16"
    """Private addresses, /16 to /20. Zones get their part in the order of kubernetes.zones: add new ones at its end."""


class AwsNetworkSpec(Spec):
    """Where machines are: in subnets that are there, or in a VPC of their own."""

    subnets: Mapping[str, str] = {}
    """Zone to the private subnet in it."""
    create: VpcSpec | None = None
    """For a cluster that the program makes."""


class StorageClassSpec(Spec):
    """A StorageClass of encrypted gp3 volumes; what it makes can't be changed later."""

    name: str = "gp3"
    """Its name, for storage_class of pools."""
    iops: int | None = None
    """IOPS of each volume; None: gp3's 3000."""
    throughput: int | None = None
    """MiB/s of each volume; None: gp3's 125."""


class LoadBalancersSpec(Spec):
    """Network load balancers in front of listeners of the type load-balancer."""

    scheme: BalancerScheme = BalancerScheme.INTERNAL
    controller: BalancerController | None = None
    """None: in-tree on a cluster that the program makes, otherwise the AWS Load Balancer Controller."""
    source_ranges: tuple[str, ...] = ()
    """Addresses that connections may come from; empty: any that reach it."""


class Route53Spec(Spec):
    """A hosted zone for the names that listeners of the type load-balancer are reached by."""

    zone_id: str
    """Id of the hosted zone."""
    domain: str
    """Domain of the hosted zone; every host lies below it."""
    ttl: int = 60
    """Seconds that an answer may be kept."""


class AwsSpec(Spec):
    """What a stack has at AWS. Absent: nothing, but for backups."""

    region: str
    """Region of everything."""
    account: str
    """Twelve digits of the account; credentials of another are refused before anything is made."""
    assume_role_arn: str | None = None
    """Role to take for what is made; None: the environment's credentials as they are."""
    tags: Mapping[str, str] = {}
    """Further tags of everything that can have some."""
    architecture: Architecture = Architecture.ARM64
    """Of all machines: arm64 is Graviton. Every image has to be there for it."""
    cluster: EksClusterSpec
    """The EKS cluster"""
    network: AwsNetworkSpec
    """Subnets by zone, or create"""
    node_groups: tuple[NodeGroupSpec, ...]
    """One entry for each pool, and one called companions"""
    kms_key_arn: str | None = None
    """Key of all volumes, of the same region; None: the program makes one."""
    storage_class: StorageClassSpec | None = None
    """None: the classes that pools name are there."""
    load_balancers: LoadBalancersSpec = LoadBalancersSpec()
    route53: Route53Spec | None = None
    """None: somebody else makes the names."""

    @property
    def balancer_controller(self) -> BalancerController:
        """What makes load balancers here."""
        made_here = BalancerController.IN_TREE if self.cluster.create else None
        return self.load_balancers.controller or made_here or BalancerController.AWS_LOAD_BALANCER_CONTROLLER

    def group(self, name: str) -> NodeGroupSpec:
        """Return the group of a pool, or that of the companions; KeyError when there is none."""
        return {each.name: each for each in self.node_groups}[name]
