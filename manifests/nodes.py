"""The nodes of a cluster: who they are and what they are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from config.kafka import KafkaClusterSpec, NodePoolSpec
from config.literals import HEADLESS_SERVICE, PORTS, ExternalAccess, Listener, Role
from config.topology import node_id, zone_suffix


@dataclass(frozen=True, kw_only=True)
class Node:
    """One broker, controller or both."""

    id: int
    cluster: str
    namespace: str
    pool: NodePoolSpec
    zone: str
    replica: int

    @property
    def stateful_set(self) -> str:
        """Name of its StatefulSet: ``kafka-broker-a``."""
        return f"{self.cluster}-{self.pool.name}-{zone_suffix(self.zone)}"

    @property
    def pod(self) -> str:
        """Name of its pod: ``kafka-broker-a-0``."""
        return f"{self.stateful_set}-{self.replica}"

    @property
    def host(self) -> str:
        """Fully qualified name by which the other nodes reach it."""
        return f"{self.pod}.{HEADLESS_SERVICE}.{self.namespace}.svc.cluster.local"

    @property
    def is_broker(self) -> bool:
        """True when it stores topics."""
        return Role.BROKER in self.pool.roles

    @property
    def is_controller(self) -> bool:
        """True when it votes in the metadata quorum."""
        return Role.CONTROLLER in self.pool.roles


@dataclass(frozen=True, kw_only=True)
class Topology:
    """All nodes of a cluster, in the order in which they are rolled: dedicated controllers before brokers."""

    spec: KafkaClusterSpec
    namespace: str

    @cached_property
    def pools(self) -> tuple[NodePoolSpec, ...]:
        """Pools in rolling order."""
        return tuple(sorted(self.spec.pools, key=lambda pool: Role.BROKER in pool.roles))

    def members(self, pool: NodePoolSpec, zone: str) -> tuple[Node, ...]:
        """Return the nodes of one StatefulSet."""
        index = pool.zones.index(zone)
        return tuple(
            Node(
                id=node_id(pool.first_node_id, index, replica),
                cluster=self.spec.name,
                namespace=self.namespace,
                pool=pool,
                zone=zone,
                replica=replica,
            )
            for replica in range(pool.nodes_per_zone)
        )

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node."""
        return tuple(node for pool in self.pools for zone in pool.zones for node in self.members(pool, zone))

    @cached_property
    def brokers(self) -> tuple[Node, ...]:
        """Brokers by id."""
        return tuple(sorted((node for node in self.nodes if node.is_broker), key=lambda node: node.id))

    @cached_property
    def controllers(self) -> tuple[Node, ...]:
        """Voters by id."""
        return tuple(sorted((node for node in self.nodes if node.is_controller), key=lambda node: node.id))

    @property
    def voters(self) -> str:
        """``controller.quorum.voters``: static, since the set of controllers is the configuration's (KIP-595)."""
        port = PORTS[Listener.CONTROLLER]
        return ",".join(f"{node.id}@{node.host}:{port}" for node in self.controllers)

    def external_port(self, node: Node, *, mtls: bool) -> int:
        """Return the port one broker is reached by from outside: brokers count up from the first, by id."""
        first = self.spec.external.mtls_first_broker_port if mtls else self.spec.external.first_broker_port
        return first + self.brokers.index(node)

    def external_endpoints(self, *, mtls: bool) -> Sequence[str]:
        """Return host:port of every broker as advertised to clients outside."""
        hosts = self.spec.external.hosts
        return [f"{hosts[node.zone]}:{self.external_port(node, mtls=mtls)}" for node in self.brokers]

    def external_bootstrap(self, *, mtls: bool) -> str:
        """Return host:port,… by which clients outside find the cluster.

        A node port answers on every host; a load balancer stands for one broker, so all of them are named.
        """
        if self.spec.external.type is ExternalAccess.LOAD_BALANCER:
            return ",".join(self.external_endpoints(mtls=mtls))
        port = self.spec.external.mtls_bootstrap_port if mtls else self.spec.external.bootstrap_port
        hosts = dict.fromkeys(self.spec.external.hosts[node.zone] for node in self.brokers)
        return ",".join(f"{host}:{port}" for host in hosts)
