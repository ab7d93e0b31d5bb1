"""Machines on EKS: a managed node group for each pool in each zone."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws_provider import service_role
from config.aws import AwsSpec
from config.literals import COMPANIONS
from config.topology import zone_suffix
from manifests import eks_policy as policies
from manifests.node_group import launch_template, node_group
from manifests.nodes import Topology
from manifests.zone_groups import ZoneGroup, zone_groups


@dataclass(frozen=True, kw_only=True)
class EksNodeGroupsArgs:
    """What ``EksNodeGroups`` is made of."""

    spec: AwsSpec
    topology: Topology
    cluster_name: pulumi.Input[str]
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone to the private subnet in it; every zone gets every group."""
    key_arn: pulumi.Input[str]
    """The KMS key of root volumes."""
    tags: Mapping[str, str]
    """Of machines and their volumes."""


class EksNodeGroups(pulumi.ComponentResource):
    """Machines for every pool, and for what stands beside them. Type: kafka-platform:index:EksNodeGroups.

    A group is in one zone: a volume is, too, and a machine that takes another's place must find it. Pools' groups come
    one after the other, in the order in which pools roll: one disruption budget is over all of them, and EKS gives an
    update up that waits a quarter of an hour for it.
    """

    names: pulumi.Output[Mapping[str, str]]
    """Group and zone, as in broker-1a, to the group's name at AWS, known when its machines are ready."""

    def __init__(self, name: str, args: EksNodeGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create role and groups."""
        super().__init__("kafka-platform:index:EksNodeGroups", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._role, attached = service_role(
            f"{name}-role",
            f"Machines of {args.topology.spec.name} in {args.topology.namespace}",
            policies.node_trust(),
            args.spec.region,
            policies.NODE_POLICIES,
            self._child,
        )
        self.machines: dict[str, dict[str, pulumi.Resource]] = {}
        """Group to its managed node groups by zone."""
        before = {True: attached, False: attached}
        names: dict[str, pulumi.Output[str]] = {}
        for each in zone_groups(args.spec, args.topology, list(args.subnets)):
            beside = each.group.name == COMPANIONS
            made = self._zone(each, before[beside])
            self.machines.setdefault(each.group.name, {})[each.zone] = made
            names[f"{each.group.name}-{zone_suffix(each.zone)}"] = made.node_group_name
            before[beside] = [*attached, made]
        self.names = pulumi.Output.all(**names).apply(lambda found: dict(found))
        self.register_outputs({"names": self.names})

    def _zone(self, group: ZoneGroup, before: list[pulumi.Resource]) -> aws.eks.NodeGroup:
        args, name = self._args, f"{self._name}-{group.group.name}-{zone_suffix(group.zone)}"
        template = aws.ec2.LaunchTemplate(name, **launch_template(group, args.key_arn, args.tags), opts=self._child)
        return aws.eks.NodeGroup(
            name,
            **node_group(group, args.spec.architecture),
            cluster_name=args.cluster_name,
            node_role_arn=self._role.arn,
            subnet_ids=[args.subnets[group.zone]],
            # Of a cluster that is there, whoever raises its release says when machines follow.
            version=create.version if (create := args.spec.cluster.create) else None,
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                # Where an autoscaler decides about the number, the program's is where it begins.
                ignore_changes=["scalingConfig.desiredSize"] if group.most > max(group.desired, 1) else [],
                # Moving a broker's partitions off a machine takes its time.
                custom_timeouts=pulumi.CustomTimeouts(create="30m", update="90m", delete="60m"),
            ),
        )
