"""Stacks that tests put a price on."""

from typing import Any

from config.platform import PlatformSpec
from cost.estimate import Assumptions, Estimate, estimate
from cost.position import Group
from cost.prices import load_prices

GIB = 2**30


def stack(
    *,
    rates: tuple[int, ...] = (10**6,),
    replicas: int = 3,
    size: int = 100 * GIB,
    consumers: int = 1,
    zones: tuple[str, ...] = ("us-east-1a", "us-east-1b", "us-east-1c"),
    brokers_per_zone: int = 1,
    resources: dict[str, Any] | None = None,
    **changes: Any,
) -> PlatformSpec:
    """A stack with one pool of brokers, a topic for each rate, and services that all produce and read everything."""
    quota = {"producer_bytes_per_second": "1Gi", "consumer_bytes_per_second": "1Gi"}
    names = [f"topic-{index}" for index in range(len(rates))]
    return PlatformSpec.model_validate(
        {
            "stack": "test",
            "kubernetes": {"zones": zones},
            "kafka": {
                "image": "apache/kafka:4.1.1",
                "cluster_id": "J9aNElpgS3uPxTAMdvPSew",
                "replication_factor": replicas,
                "pools": [
                    {
                        "name": "broker",
                        "roles": ["broker", "controller"],
                        "zones": zones,
                        "nodes_per_zone": brokers_per_zone,
                        "first_node_id": 0,
                        "storage": {"size": size, "storage_class": "gp3"},
                        "resources": resources or {"cpu": "2", "memory": "7Gi"},
                        "jvm": {"heap": "4Gi"},
                    }
                ],
            },
            "topics": [
                {
                    "name": name,
                    "partitions": 6,
                    "retention": "1d",
                    "compression": "snappy",
                    "purpose": "test",
                    "bytes_per_second": rate,
                }
                for name, rate in zip(names, rates, strict=True)
            ],
            "services": [
                {"id": f"service-{index}", "produces": names, "consumes": names, "quota": quota}
                for index in range(consumers)
            ],
            **changes,
        }
    )


def priced(platform: PlatformSpec, **assumed: Any) -> Estimate:
    return estimate(platform, load_prices(), Assumptions(**assumed))


def amounts(found: Estimate, group: Group) -> dict[str, float]:
    return {each.name: each.monthly for each in found.positions if each.group is group}
