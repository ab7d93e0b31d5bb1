"""Does the retained data fit the disks."""

from collections.abc import Iterator

from config.errors import Problem, dotted, shown
from config.literals import CleanupPolicy, Role
from config.parts import Parts
from config.topic import TopicSpec

DISK_LIMIT = 0.85
"""Share of a disk that may be filled: above it the platform document's disk alert fires."""
SEGMENT_BYTES = 2**30
"""``segment.bytes`` of Kafka: retention never deletes the segment that is being written."""


def retained_bytes(topic: TopicSpec) -> int:
    """Bytes that one replica set of a topic holds at most, by time, or by size where that is less."""
    by_time = int(topic.bytes_per_second * topic.retention.total_seconds())
    if topic.retention_bytes is None:
        return by_time + topic.partitions * min(SEGMENT_BYTES, by_time // max(topic.partitions, 1))
    return min(by_time, topic.retention_bytes * topic.partitions) + topic.partitions * segment_bytes(topic)


def segment_bytes(topic: TopicSpec) -> int:
    """Return the segment size a topic gets: a quarter of its bound per partition, so that deleting keeps up."""
    if topic.retention_bytes is None:
        return SEGMENT_BYTES
    return max(2**20, min(SEGMENT_BYTES, topic.retention_bytes // 4))


def retention_fits(parts: Parts) -> Iterator[Problem]:
    """All topics together fit every broker's disk, at the expected inflow."""
    if parts.kafka is None or not parts.brokers:
        return
    default = parts.kafka.replication_factor
    needs = {topic.name: retained_bytes(topic) * (topic.replication_factor or default) for topic in parts.topics}
    per_broker = sum(needs.values()) // parts.brokers
    for path, pool in parts.pools(Role.BROKER):
        if per_broker > pool.storage.size * DISK_LIMIT:
            largest = max(needs, key=lambda name: needs[name])
            yield Problem(
                f"{path}.storage.size",
                _gib(pool.storage.size),
                f"the topics' retention needs {_gib(per_broker)} on each broker, "
                f"and {DISK_LIMIT:.0%} of the disk may be used",
                f"use at least {_gib(int(per_broker / DISK_LIMIT) + 1)}, shorten a retention or set retention_bytes; "
                f"the largest is {largest} with {_gib(needs[largest] // parts.brokers)} on each broker",
            )


def topic_sizes(parts: Parts) -> Iterator[Problem]:
    """Retention and sizes of a topic are positive and fit each other."""
    for topic in parts.topics:
        path = dotted(["topics", topic.name])
        if topic.retention.total_seconds() < 60 and topic.cleanup_policy is not CleanupPolicy.COMPACT:
            yield Problem(f"{path}.retention", shown(str(topic.retention)), "it must be at least 1m", "raise it")
        if topic.bytes_per_second < 0:
            yield Problem(
                f"{path}.bytes_per_second", shown(topic.bytes_per_second), "it must not be negative", "correct it"
            )
        if topic.retention_bytes is not None and topic.retention_bytes < 2**20:
            yield Problem(
                f"{path}.retention_bytes", shown(topic.retention_bytes), "it must be at least 1Mi", "raise it"
            )
        if not 1024 <= topic.max_message_bytes <= 64 * 2**20:
            yield Problem(
                f"{path}.max_message_bytes",
                shown(topic.max_message_bytes),
                "allowed are 1Ki to 64Mi",
                "keep events small, and large payloads in an object store",
            )


def volumes(parts: Parts) -> Iterator[Problem]:
    """A volume holds at least a few segments of internal topics and metadata snapshots."""
    for path, pool in parts.pools():
        if pool.storage.size < 2**30:
            yield Problem(f"{path}.storage.size", shown(pool.storage.size), "it must be at least 1Gi", "raise it")


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}Gi"
