"""Disks of brokers, and what the topics on them may keep."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final

from advice.change import Change, amount, size_change, span
from advice.figures import Usage, broker_sizes, produced, topic_sizes
from advice.thresholds import SUSTAINED
from advice.window import Window
from config.base import duration_text
from config.capacity import DISK_LIMIT, retained_bytes
from config.errors import dotted
from config.literals import CleanupPolicy
from config.platform import PlatformSpec
from config.topic import TopicSpec
from cost.traffic import replicas_of
from manifests.nodes import Topology

_GIB: Final = 2**30
_OWN: Final = 1.2
"""A file system up to so much larger than the configured volume is the volume; a larger one is shared with others."""
_MIB: Final = 2**20


def used_disks(platform: PlatformSpec, window: Window) -> dict[int, dict[int, int]]:
    """Return the bytes that were used of each broker's disk at the most, by the index of its pool and its id."""
    sizes = broker_sizes(window)
    pools = list(platform.kafka.pools)
    found: dict[int, dict[int, int]] = {}
    for node in Topology(spec=platform.kafka, namespace=platform.kubernetes.namespace).brokers:
        disks = [sample.disks[node.id] for sample in window.logs if node.id in sample.disks]
        own = [disk.total - disk.usable for disk in disks if disk.total <= _OWN * node.pool.storage.size]
        if node.id in sizes or own:
            found.setdefault(pools.index(node.pool), {})[node.id] = max([sizes.get(node.id, 0), *own])
    return found


def broker_count(platform: PlatformSpec) -> int:
    """Return how many brokers there are."""
    return len(Topology(spec=platform.kafka, namespace=platform.kubernetes.namespace).brokers)


def storage(platform: PlatformSpec, window: Window) -> Iterator[Change | str]:
    """Yield larger disks for brokers, and a sentence where one is larger than it needs to be."""
    needed = needed_bytes(platform, window)
    for index, brokers in used_disks(platform, window).items():
        size = platform.kafka.pools[index].storage.size
        broker, used = max(brokers.items(), key=lambda item: item[1])
        location = ("kafka", "pools", index, "storage", "size")
        seen = f"broker {broker} uses {amount(used)} of {amount(size)} ({used / size:.0%})"
        most = max(used, needed)
        if most > DISK_LIMIT * size:
            why = (
                f"{DISK_LIMIT:.0%} may be used"
                if used >= needed
                else f"at the rates of {span(window.seconds)}, retention needs {amount(needed)}, and {DISK_LIMIT:.0%} "
                "may be used"
            )
            advised = ceil(most / DISK_LIMIT / _GIB) * _GIB
            remedy = "a shorter retention or a retention_bytes does as well"
            yield size_change(location, size, advised, f"{seen}; {why}; {remedy}", window.seconds)
        elif most < DISK_LIMIT * size / 2:
            yield (
                f"{dotted(location)}: {seen}: it has more room than it needs; nothing is advised, because volumes "
                "can't shrink: a new pool could have smaller ones"
            )


def needed_bytes(platform: PlatformSpec, window: Window) -> int:
    """Return the bytes a broker needs for retention at the rates that were seen; 0: not watched for long enough."""
    if window.seconds < SUSTAINED or not window.logs:
        return 0
    rates = produced_of(platform, window)
    seen = _seen(platform, rates)
    total = sum(_retained(topic, rates[topic.name].mean) * replicas_of(topic, platform) for topic in seen)
    return total // broker_count(platform)


def produced_of(platform: PlatformSpec, window: Window) -> Mapping[str, Usage]:
    """Return what came into each of the catalogue's topics."""
    names = {topic.name for topic in platform.topics}
    return {name: usage for name, usage in produced(window).items() if name in names}


def _seen(platform: PlatformSpec, rates: Mapping[str, Usage]) -> Iterator[TopicSpec]:
    return (topic for topic in platform.topics if topic.name in rates)


def _retained(topic: TopicSpec, rate: float) -> int:
    return retained_bytes(topic.model_copy(update={"bytes_per_second": ceil(rate)}))


def retention(platform: PlatformSpec, window: Window) -> Iterator[Change | str]:
    """Yield larger bounds where they and not time decide what is kept, as far as the disks have room."""
    rates = produced_of(platform, window)
    sizes = topic_sizes(window.logs[-1]) if window.logs else {}
    disks = used_disks(platform, window)
    room = min(
        (
            int(DISK_LIMIT * platform.kafka.pools[index].storage.size) - used
            for index, brokers in disks.items()
            for used in brokers.values()
        ),
        default=0,
    )
    for topic in _seen(platform, rates):
        bound, rate = topic.retention_bytes, rates[topic.name].mean
        if bound is None or topic.cleanup_policy is CleanupPolicy.COMPACT or rate <= 0:
            continue
        kept = bound * topic.partitions / rate
        if kept >= topic.retention.total_seconds():
            continue
        path = dotted(("topics", topic.name, "retention_bytes"))
        seen = (
            f"at {amount(rate)}/s, the mean of {span(window.seconds)}, {amount(bound * topic.partitions)} hold "
            f"{span(kept)}, and retention is {duration_text(topic.retention)}"
        )
        if window.seconds < SUSTAINED:
            yield f"{path}: {seen}; watch it for {span(SUSTAINED)} before a rate may stand for that long"
            continue
        advised = ceil(rate * topic.retention.total_seconds() / topic.partitions / _MIB) * _MIB
        copies = replicas_of(topic, platform) / broker_count(platform)
        more = int((advised * topic.partitions - sizes.get(topic.name, 0)) * copies)
        if more > room:
            yield f"{path}: {seen}; the disks have no room for more: {amount(max(0, room))} a broker"
            continue
        room -= more
        yield size_change(
            ("topics", topic.name, "retention_bytes"), bound, advised, f"{seen}; the disks have room", window.seconds
        )
