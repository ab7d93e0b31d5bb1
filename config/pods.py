"""Pods that have no machine of their own: what they ask for."""

from collections.abc import Iterator
from dataclasses import dataclass

from config.kafka import ResourcesSpec
from config.parts import Parts
from config.platform import PlatformSpec


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Equal pods beside the brokers."""

    path: str
    """Where the configuration has their resources."""
    replicas: int
    vcpus: float
    memory: int
    """Bytes."""


def vcpus(resources: ResourcesSpec) -> float:
    """Return a container's request in cores: ``500m`` is 0.5. Raises ValueError for what is no number of cores."""
    text = resources.cpu
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def companion_pods(platform: PlatformSpec | Parts) -> Iterator[Pods]:
    """Yield the pods beside the brokers."""
    if registry := platform.schema_registry:
        yield Pods(
            path="schema_registry",
            replicas=registry.replicas,
            vcpus=vcpus(registry.resources) + vcpus(registry.proxy.resources),
            memory=registry.resources.memory + registry.proxy.resources.memory,
        )
    if platform.connect:
        yield _pods("connect", platform.connect.replicas, platform.connect.resources)
    if platform.ksqldb:
        yield _pods("ksqldb", platform.ksqldb.replicas, platform.ksqldb.resources)
    consoles = platform.consoles
    if consoles and consoles.kafka_ui:
        yield _pods("consoles.kafka_ui", 1, consoles.kafka_ui.resources)
    if consoles and consoles.cmak:
        yield _pods("consoles.cmak", 1, consoles.cmak.resources)


def _pods(path: str, replicas: int, resources: ResourcesSpec) -> Pods:
    return Pods(path=path, replicas=replicas, vcpus=vcpus(resources), memory=resources.memory)
