"""Load balancers: their hours, and the capacity that clients outside Kubernetes use."""

from collections.abc import Iterator

from config.literals import ExternalAccess, Role
from config.platform import PlatformSpec
from cost.position import Group, Position, position
from cost.prices import HOURS, LoadBalancerPrice
from cost.traffic import gigabytes, readers


def balancer_counts(platform: PlatformSpec) -> dict[str, int]:
    """Return how many load balancers each part has: the brokers one each, registry and Connect one."""
    found: dict[str, int] = {}
    if platform.kafka.external.type is ExternalAccess.LOAD_BALANCER:
        pools = [pool for pool in platform.kafka.pools if Role.BROKER in pool.roles]
        found["brokers"] = sum(len(pool.zones) * pool.nodes_per_zone for pool in pools)
    if platform.schema_registry and platform.schema_registry.external.type is ExternalAccess.LOAD_BALANCER:
        found["schema registry"] = 1
    if platform.connect and platform.connect.external.type is ExternalAccess.LOAD_BALANCER:
        found["Connect"] = 1
    return found


def client_bytes(platform: PlatformSpec) -> float:
    """Return bytes a second between all clients and the brokers: produced once, read by each consumer."""
    consumers = readers(platform)
    return float(sum(topic.bytes_per_second * (1 + consumers[topic.name]) for topic in platform.topics))


def balancer_positions(platform: PlatformSpec, price: LoadBalancerPrice, outside_share: float) -> Iterator[Position]:
    """Yield hours, and capacity units for the share of clients' bytes that comes through the brokers' balancers."""
    counts = balancer_counts(platform)
    for name, count in counts.items():
        yield position(Group.BALANCERS, name, count, "balancer", price.hour * HOURS)
    if "brokers" in counts:
        # A unit is one GB in an hour; a GB costs one unit-hour whenever it comes.
        processed = gigabytes(client_bytes(platform)) * outside_share
        yield position(Group.BALANCERS, "processing", processed, "GB", price.unit_hour)
