"""Bytes that go from one zone to another: to leaders, between replicas, to consumers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from config.literals import Role
from config.platform import PlatformSpec
from config.topic import TopicSpec
from cost.position import Group, Position, position
from cost.prices import GB, HOURS


@dataclass(frozen=True, kw_only=True)
class Zones:
    """Where brokers and clients are. Leaders, replicas and clients are spread evenly (KIP-36 for the replicas)."""

    brokers: frozenset[str]
    clients: frozenset[str]

    @property
    def near(self) -> float:
        """Share of clients in a zone that has brokers."""
        return len(self.clients & self.brokers) / len(self.clients) if self.clients else 0.0


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Bytes a second that cross zones."""

    producers: float
    replication: float
    consumers: float


def zones_of(platform: PlatformSpec) -> Zones:
    """Return the zones of a stack; clients run in all of Kubernetes' zones."""
    pools = (pool for pool in platform.kafka.pools if Role.BROKER in pool.roles)
    return Zones(
        brokers=frozenset(zone for pool in pools for zone in pool.zones),
        clients=frozenset(platform.kubernetes.zones),
    )


def to_leader(zones: Zones) -> float:
    """Return the share of a client's bytes that crosses zones when it talks to leaders."""
    return 1 - zones.near / len(zones.brokers)


def to_nearest(zones: Zones, replicas: int) -> float:
    """Return the share of a consumer's bytes that crosses zones when it fetches from a replica beside it (KIP-392)."""
    return 1 - zones.near * min(replicas, len(zones.brokers)) / len(zones.brokers)


def replica_copies(zones: Zones, replicas: int) -> float:
    """Return how many copies of each byte cross zones on their way from the leader to its followers.

    Each zone has as many replicas as the others or one more, and each replica leads as often as the others.
    """
    count = len(zones.brokers)
    each, more = divmod(replicas, count)
    beside_leader = (more * (each + 1) ** 2 + (count - more) * each**2) / replicas
    return replicas - beside_leader


def readers(platform: PlatformSpec) -> Counter[str]:
    """Count who reads each topic all of the time: services, sinks of Connect, ksqlDB's queries as one."""
    found: Counter[str] = Counter()
    for service in platform.services:
        found.update(set(service.consumes))
    for connector in platform.connect.connectors if platform.connect else ():
        found.update(set(connector.reads))
    if platform.ksqldb:
        found.update(set(platform.ksqldb.consumes))
    return found


def replicas_of(topic: TopicSpec, platform: PlatformSpec) -> int:
    """Return a topic's replication factor, its own or the cluster's."""
    return topic.replication_factor or platform.kafka.replication_factor


def crossing(platform: PlatformSpec, *, follower_fetching: bool) -> Crossing:
    """Return what crosses zones, from the catalogue's rates and who produces and consumes."""
    zones, consumers = zones_of(platform), readers(platform)
    rates = [(topic, float(topic.bytes_per_second), replicas_of(topic, platform)) for topic in platform.topics]
    return Crossing(
        producers=sum(rate * to_leader(zones) for _, rate, _ in rates),
        replication=sum(rate * replica_copies(zones, replicas) for _, rate, replicas in rates),
        consumers=sum(
            rate * consumers[topic.name] * (to_nearest(zones, replicas) if follower_fetching else to_leader(zones))
            for topic, rate, replicas in rates
        ),
    )


def gigabytes(bytes_per_second: float) -> float:
    """Return GB a month of a steady rate."""
    return bytes_per_second * HOURS * 3600 / GB


def traffic_positions(flows: Crossing, cross_zone_gb: float) -> Iterator[Position]:
    """Yield the three flows."""
    for name, rate in (
        ("producers to leaders", flows.producers),
        ("replication", flows.replication),
        ("to consumers", flows.consumers),
    ):
        yield position(Group.TRAFFIC, name, gigabytes(rate), "GB", cross_zone_gb)
