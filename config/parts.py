"""The parts of a configuration as far as they could be read: what the rules look at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from config.aws import AwsSpec
from config.backup import BackupSpec
from config.connect import ConnectSpec
from config.consoles import ConsolesSpec
from config.errors import Problem
from config.kafka import KafkaClusterSpec, NodePoolSpec
from config.ksqldb import KsqlDbSpec
from config.literals import Role
from config.platform import KubernetesSpec
from config.schema_registry import SchemaRegistrySpec
from config.service import ServiceSpec
from config.topic import TopicSpec


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is there; a missing section is None. Unreadable fields raise AttributeError (config/draft.py)."""

    stack: str
    protect: bool
    kubernetes: KubernetesSpec | None
    kafka: KafkaClusterSpec | None
    topics: tuple[TopicSpec, ...]
    services: tuple[ServiceSpec, ...]
    topic_names: frozenset[str]
    disabled_topics: frozenset[str] = frozenset()
    """Topics of the catalogue that this stack leaves out."""
    connect: ConnectSpec | None = None
    ksqldb: KsqlDbSpec | None = None
    consoles: ConsolesSpec | None = None
    schema_registry: SchemaRegistrySpec | None = None
    backup: BackupSpec | None = None
    aws: AwsSpec | None = None
    allow_data_loss: tuple[str, ...] = ()

    def pools(self, role: Role | None = None) -> Iterator[tuple[str, NodePoolSpec]]:
        """Yield path and pool, for a role or all."""
        for index, pool in enumerate(self.kafka.pools if self.kafka else ()):
            if role is None or role in pool.roles:
                yield f"kafka.pools[{index}]", pool

    @property
    def brokers(self) -> int:
        """Number of brokers."""
        return sum(len(pool.zones) * pool.nodes_per_zone for _, pool in self.pools(Role.BROKER))

    @property
    def broker_zones(self) -> tuple[str, ...]:
        """Zones that have brokers, each once, in the order of the pools."""
        return tuple(dict.fromkeys(zone for _, pool in self.pools(Role.BROKER) for zone in pool.zones))


Rule = Callable[[Parts], Iterator[Problem]]
"""A check across fields: yields what is wrong."""
