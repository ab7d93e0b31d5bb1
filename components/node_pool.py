"""A node pool: for each zone its claims, configuration, keys and StatefulSet, zone after zone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from components.certificates import Leaf
from config.kafka import NodePoolSpec
from config.topology import zone_suffix
from manifests.jvm_options import jvm_options
from manifests.labels import object_labels
from manifests.nodes import Node, Topology
from manifests.readiness import readiness_properties
from manifests.server_properties import render, server_properties
from manifests.stateful_set import persistent_volume_claim, stateful_set


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """What ``NodePool`` is made of."""

    topology: Topology
    pool: NodePoolSpec
    leaves: Mapping[str, Leaf]
    """Pod to its certificate."""
    agent_config_map: pulumi.Input[str]
    trust_config_map: pulumi.Input[str]
    format_secret: pulumi.Input[str]
    logging: str
    """Content of log4j2.yaml."""
    checksum: pulumi.Input[str]
    """Changes when what all pools share (trust, agent) makes a restart necessary."""
    namespace: pulumi.Resource
    """The namespace all objects are in."""
    after: Sequence[pulumi.Resource]
    """What must be there, and rolled out, before the first zone is touched."""
    machines: Mapping[str, pulumi.Resource] = field(default_factory=dict)
    """Zone to what has to be there before its pods."""
    storage: Sequence[pulumi.Resource] = ()
    """What has to be there before volumes are made."""
    protect: bool


def digest(*parts: object) -> str:
    """Return a short digest that changes when a part does."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class NodePool(pulumi.ComponentResource):
    """Nodes of one shape in their zones. Type: kafka-platform:index:NodePool."""

    rollout: pulumi.Output[str]
    """A digest of what runs, known when every zone is rolled out."""

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the zones one after the other."""
        super().__init__("kafka-platform:index:NodePool", name, {}, opts)
        self.stateful_sets: list[k8s.apps.v1.StatefulSet] = []
        checksums: list[pulumi.Output[str]] = []
        before: list[pulumi.Resource] = list(args.after)
        for zone in args.pool.zones:
            created, checksum = self._zone(
                f"{name}-{zone_suffix(zone)}", args, args.topology.members(args.pool, zone), before
            )
            self.stateful_sets.append(created)
            checksums.append(checksum)
            before = [created]
        self.rollout = pulumi.Output.all(*checksums, *(item.id for item in self.stateful_sets)).apply(
            lambda parts: digest(*parts)
        )
        self.register_outputs({"rollout": self.rollout})

    def _zone(
        self, name: str, args: NodePoolArgs, nodes: tuple[Node, ...], before: Sequence[pulumi.Resource]
    ) -> tuple[k8s.apps.v1.StatefulSet, pulumi.Output[str]]:
        child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        first = nodes[0]
        machines = [args.machines[first.zone]] if first.zone in args.machines else []
        configuration = {
            **{f"{node.pod}.server.properties": render(server_properties(node, args.topology)) for node in nodes},
            **{f"{node.pod}.readiness.properties": render(readiness_properties(node, args.topology)) for node in nodes},
        }
        runtime = {"options": jvm_options(args.pool), "log4j2.yaml": args.logging}
        config_map = k8s.core.v1.ConfigMap(
            f"{name}-config",
            metadata=_metadata(first, f"{first.stateful_set}-config"),
            data=configuration,
            opts=child,
        )
        runtime_map = k8s.core.v1.ConfigMap(
            f"{name}-runtime",
            metadata=_metadata(first, f"{first.stateful_set}-runtime"),
            data=runtime,
            opts=child,
        )
        leaves = [args.leaves[node.pod] for node in nodes]
        certificates = pulumi.Output.all(*(leaf.certificate_pem for leaf in leaves))
        keys = k8s.core.v1.Secret(
            f"{name}-keys",
            metadata=_metadata(first, f"{first.stateful_set}-keys"),
            type="Opaque",
            string_data={
                f"{node.pod}.pem": pulumi.Output.concat(leaf.private_key_pem, leaf.certificate_pem)
                for node, leaf in zip(nodes, leaves, strict=True)
            },
            opts=child,
        )
        claims = [
            k8s.core.v1.PersistentVolumeClaim(
                f"{name}-{node.replica}",
                **persistent_volume_claim(node),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[args.namespace, *args.storage],
                    protect=args.protect and args.pool.storage.retain,
                    retain_on_delete=args.pool.storage.retain,
                ),
            )
            for node in nodes
        ]
        # Certificates are public, so their digest may be; a key never changes without its certificate.
        checksum = pulumi.Output.all(certificates, args.checksum).apply(
            lambda parts: digest(configuration, runtime, *parts)
        )
        names = {
            "config": config_map.metadata.name,
            "runtime": runtime_map.metadata.name,
            "keys": keys.metadata.name,
            "agent": args.agent_config_map,
            "trust": args.trust_config_map,
            "format": args.format_secret,
        }
        created = k8s.apps.v1.StatefulSet(
            name,
            **stateful_set(nodes, args.topology, names, checksum),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*before, *claims, *machines],
                # Claims are resources of their own, so they grow in place; the template can't change after creation.
                ignore_changes=["spec.volumeClaimTemplates"],
                custom_timeouts=pulumi.CustomTimeouts(create="10m", update="30m", delete="10m"),
            ),
        )
        return created, checksum


def _metadata(node: Node, name: str) -> dict[str, object]:
    return {"name": name, "namespace": node.namespace, "labels": object_labels(node.cluster)}
