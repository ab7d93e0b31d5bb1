"""The Kafka cluster of one namespace."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.load_balancers import Balancing, create_names, create_services
from components.node_pool import NodePool, NodePoolArgs, digest
from components.tls_material import TlsMaterial, TlsMaterialArgs
from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, ExternalAccess, Listener
from manifests import paths
from manifests.jvm_options import format_arguments
from manifests.labels import OWNER_ANNOTATION, object_labels
from manifests.network_policy import network_policies
from manifests.nodes import Topology
from manifests.pod_disruption_budget import pod_disruption_budget
from manifests.rbac import operator_role, operator_role_binding
from manifests.server_properties import bootstrap_servers
from manifests.services import broker_service, services

_ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True, kw_only=True)
class KafkaClusterArgs:
    """What ``KafkaCluster`` is made of."""

    spec: KafkaClusterSpec
    namespace: str
    admin_password: pulumi.Input[str]
    """Password of the platform's own super user, written when a disk is formatted."""
    owner: pulumi.Input[str]
    """What tells this stack from another on the same Kubernetes cluster; not secret."""
    protect: bool
    machines: Mapping[str, Mapping[str, pulumi.Resource]] = field(default_factory=dict)
    """Pool to what has to be there before its pods, by zone. Empty: the machines are somebody else's."""
    storage: Sequence[pulumi.Resource] = ()
    """What has to be there before volumes are made."""
    balancing: Balancing | None = None
    """How load balancers are made; None: as the cluster does by itself."""


class KafkaCluster(pulumi.ComponentResource):
    """KRaft cluster in node pools across zones. Type: kafka-platform:index:KafkaCluster.

    Creates namespace, service account, network policies, disruption budget, services, certificates, then the pools in
    order: dedicated controllers before brokers, zone after zone.
    """

    namespace: pulumi.Output[str]
    """Namespace of the cluster."""
    bootstrap_servers: pulumi.Output[str]
    """host:port,… of the external SCRAM listener, known when every pool is rolled out."""
    mtls_bootstrap_servers: pulumi.Output[str]
    """host:port,… of the external mutual-TLS listener, known when every pool is rolled out."""
    internal_bootstrap_servers: pulumi.Output[str]
    """host:port of the SCRAM listener inside Kubernetes."""
    internal_mtls_bootstrap_servers: pulumi.Output[str]
    """host:port of the mutual-TLS listener inside Kubernetes."""
    broker_endpoints: pulumi.Output[Sequence[str]]
    """host:port of each broker's external SCRAM listener, known when every pool is rolled out."""
    ca_pem: pulumi.Output[str]
    """Certificate clients trust."""
    ca_private_key_pem: pulumi.Output[str]
    """Secret: its key, for certificates of other servers of the platform."""
    clients_ca_pem: pulumi.Output[str]
    """Certificate of the authority of client certificates."""
    clients_ca_private_key_pem: pulumi.Output[str]
    """Secret: its key."""
    ready: pulumi.Output[str]
    """A digest of what runs, known when every pool is rolled out."""

    def __init__(self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the cluster."""
        super().__init__("kafka-platform:index:KafkaCluster", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        topology = Topology(spec=args.spec, namespace=args.namespace)
        labels = object_labels(args.spec.name)
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": {**labels, "pod-security.kubernetes.io/enforce": "restricted"},
                "annotations": {OWNER_ANNOTATION: args.owner},
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                # Deleting a namespace deletes the claims in it, kept or not.
                retain_on_delete=any(pool.storage.retain for pool in args.spec.pools),
            ),
        )
        # Everything else lives in it; without this edge a destroy would race with the namespace's own deletion.
        self._inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        material = TlsMaterial(f"{name}-tls", TlsMaterialArgs(topology=topology, protect=args.protect), self._child)
        base = [namespace, *self._network(topology), *self._permissions(topology)]
        pools = self._pools(topology, material, base)
        rollout = pulumi.Output.all(*(pool.rollout for pool in pools))
        external = args.spec.external.type is not ExternalAccess.NONE

        def once_rolled_out(text: str) -> pulumi.Output[str]:
            return rollout.apply(lambda _: text)

        self.namespace = namespace.metadata.name
        self.bootstrap_servers = once_rolled_out(topology.external_bootstrap(mtls=False) if external else "")
        self.mtls_bootstrap_servers = once_rolled_out(topology.external_bootstrap(mtls=True) if external else "")
        self.internal_bootstrap_servers = pulumi.Output.from_input(bootstrap_servers(args.namespace, Listener.INTERNAL))
        self.internal_mtls_bootstrap_servers = pulumi.Output.from_input(
            bootstrap_servers(args.namespace, Listener.MTLS)
        )
        endpoints = list(topology.external_endpoints(mtls=False)) if external else []
        self.broker_endpoints = rollout.apply(lambda _: endpoints)
        self.ca_pem = material.ca_pem
        self.ca_private_key_pem = material.ca_private_key_pem
        self.clients_ca_pem = material.clients_ca_pem
        self.clients_ca_private_key_pem = material.clients_ca_private_key_pem
        self.ready = rollout.apply(lambda parts: digest(*parts))
        self.register_outputs(
            {
                "namespace": self.namespace,
                "bootstrap_servers": self.bootstrap_servers,
                "mtls_bootstrap_servers": self.mtls_bootstrap_servers,
                "internal_bootstrap_servers": self.internal_bootstrap_servers,
                "internal_mtls_bootstrap_servers": self.internal_mtls_bootstrap_servers,
                "broker_endpoints": self.broker_endpoints,
                "ca_pem": self.ca_pem,
                "ca_private_key_pem": self.ca_private_key_pem,
                "clients_ca_pem": self.clients_ca_pem,
                "clients_ca_private_key_pem": self.clients_ca_private_key_pem,
                "ready": self.ready,
            }
        )

    def _network(self, topology: Topology) -> list[pulumi.Resource]:
        balancing, zones = self._args.balancing, {broker_service(node): node.zone for node in topology.brokers}
        made = create_services(self._name, services(topology), balancing, self._inside, zones)
        hosts = topology.spec.external.hosts
        balancers = {hosts[zone]: made[name] for name, zone in zones.items() if name in made and zone in hosts}
        return [
            *made.values(),
            *create_names(f"{self._name}-names", balancers, balancing, self._child),
            *(
                k8s.networking.v1.NetworkPolicy(f"{self._name}-{policy}", **manifest, opts=self._inside)
                for policy, manifest in network_policies(topology).items()
            ),
        ]

    def _permissions(self, topology: Topology) -> list[pulumi.Resource]:
        spec, namespace = self._args.spec, self._args.namespace
        account = k8s.core.v1.ServiceAccount(
            f"{self._name}-service-account",
            metadata={"name": spec.name, "namespace": namespace, "labels": object_labels(spec.name)},
            # Kafka asks nothing of the Kubernetes API.
            automount_service_account_token=False,
            opts=self._inside,
        )
        role = k8s.rbac.v1.Role(f"{self._name}-operator", **operator_role(spec, namespace), opts=self._inside)
        binding = k8s.rbac.v1.RoleBinding(
            f"{self._name}-operator", **operator_role_binding(spec, namespace), opts=self._inside
        )
        budget = k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption-budget", **pod_disruption_budget(topology), opts=self._inside
        )
        return [account, role, binding, budget]

    def _pools(self, topology: Topology, material: TlsMaterial, base: Sequence[pulumi.Resource]) -> list[NodePool]:
        spec = self._args.spec
        agent = (_ASSETS / "readiness" / "readiness-agent.jar").read_bytes()
        agent_map = k8s.core.v1.ConfigMap(
            f"{self._name}-agent",
            metadata=self._metadata("agent"),
            binary_data={paths.AGENT_JAR.rsplit("/", 1)[1]: base64.b64encode(agent).decode()},
            opts=self._inside,
        )
        trust_map = k8s.core.v1.ConfigMap(
            f"{self._name}-trust",
            metadata=self._metadata("trust"),
            data={
                paths.CLUSTER_CA.rsplit("/", 1)[1]: material.ca_pem,
                paths.CLIENTS_CA.rsplit("/", 1)[1]: material.clients_ca_pem,
            },
            opts=self._inside,
        )
        format_secret = k8s.core.v1.Secret(
            f"{self._name}-format",
            metadata=self._metadata("format"),
            type="Opaque",
            string_data={
                paths.FORMAT_ARGUMENTS.rsplit("/", 1)[1]: pulumi.Output.secret(self._args.admin_password).apply(
                    lambda password: format_arguments(spec.cluster_id, spec.scram_mechanism.value, ADMIN_USER, password)
                )
            },
            opts=self._inside,
        )
        checksum = pulumi.Output.all(material.ca_pem, material.clients_ca_pem).apply(
            lambda authorities: digest(agent.hex(), *authorities)
        )
        pools: list[NodePool] = []
        after = list(base)
        for pool in topology.pools:
            created = NodePool(
                f"{self._name}-{pool.name}",
                NodePoolArgs(
                    topology=topology,
                    pool=pool,
                    leaves=material.leaves,
                    agent_config_map=agent_map.metadata.name,
                    trust_config_map=trust_map.metadata.name,
                    format_secret=format_secret.metadata.name,
                    logging=(_ASSETS / "logging" / "log4j2.yaml").read_text(),
                    checksum=checksum,
                    namespace=base[0],
                    after=after,
                    machines=self._args.machines.get(pool.name, {}),
                    storage=self._args.storage,
                    protect=self._args.protect,
                ),
                self._child,
            )
            pools.append(created)
            after = [*base, created.stateful_sets[-1]]
        return pools

    def _metadata(self, suffix: str) -> dict[str, object]:
        spec = self._args.spec
        return {
            "name": f"{spec.name}-{suffix}",
            "namespace": self._args.namespace,
            "labels": object_labels(spec.name),
        }
