"""Does the retained data fit the disks."""

from collections.abc import Iterator
from math import ceil

from config.base import size_text
from config.errors import Problem, dotted, shown
from config.literals import DEAD_LETTERS, CleanupPolicy, Role
from config.parts import Parts
from config.topic import TopicSpec

DISK_LIMIT = 0.85
"""Share of a disk that may be filled: above it the platform document's disk alert fires."""
SEGMENT_BYTES = 2**30
"""``segment.bytes`` of Kafka where nothing else is said."""
_SEGMENT_SETTING = "segment.bytes"
_WHY_BYTES = 64 * 2**10
"""What a dead letter has beside its record: error, stack trace, envelope and headers, with room."""


def retained_bytes(topic: TopicSpec) -> int:
    """Bytes that one copy of a topic holds at most: by time at the expected inflow, or by size where that is less.

    Retention deletes whole segments and never the one being written, so each partition holds up to one more.
    """
    by_time = int(topic.bytes_per_second * topic.retention.total_seconds())
    by_size = by_time if topic.retention_bytes is None else topic.retention_bytes * topic.partitions
    return min(by_time, by_size) + topic.partitions * min(segment_bytes(topic), by_time // max(topic.partitions, 1))


def segment_bytes(topic: TopicSpec) -> int:
    """Return the segment size a topic gets: its own, or a quarter of its bound, so that deleting keeps up."""
    own = topic.config.get(_SEGMENT_SETTING)
    if isinstance(own, int):
        return own
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
                f"the topics' retention needs {_gib(per_broker)} on each of {parts.brokers} brokers, "
                f"and {DISK_LIMIT:.0%} of the disk may be used",
                f"use at least {ceil(per_broker / DISK_LIMIT / 2**30)}Gi, more brokers, a shorter retention or a "
                f"retention_bytes; the largest topic is {largest}, {_gib(needs[largest] // parts.brokers)} a broker",
            )


def topic_sizes(parts: Parts) -> Iterator[Problem]:
    """Retention and sizes of a topic are positive and fit each other."""
    for topic in parts.topics:
        path = dotted(["topics", topic.name])
        if topic.retention.total_seconds() < 60 and topic.cleanup_policy is not CleanupPolicy.COMPACT:
            yield Problem(f"{path}.retention", shown(topic.retention), "it must be at least 1m", "raise it")
        if topic.bytes_per_second < 0:
            yield Problem(
                f"{path}.bytes_per_second", shown(topic.bytes_per_second), "it must not be negative", "correct it"
            )
        if topic.retention_bytes is not None and topic.retention_bytes < 2**20:
            yield Problem(
                f"{path}.retention_bytes", size_text(topic.retention_bytes), "it must be at least 1Mi", "raise it"
            )
        if not 1024 <= topic.max_message_bytes <= 64 * 2**20:
            yield Problem(
                f"{path}.max_message_bytes",
                size_text(topic.max_message_bytes),
                "allowed are 1Ki to 64Mi, below what a broker takes in one request",
                "keep events small, and large payloads in an object store",
            )


def dead_letters(parts: Parts) -> Iterator[Problem]:
    """Whatever a topic takes fits the dead letter topic, together with why it is there."""
    own = next((topic for topic in parts.topics if topic.name == DEAD_LETTERS), None)
    largest = max((topic for topic in parts.topics if topic is not own), key=_largest_message, default=None)
    if own is not None and largest is not None and own.max_message_bytes < largest.max_message_bytes + _WHY_BYTES:
        yield Problem(
            dotted(["topics", own.name, "max_message_bytes"]),
            size_text(own.max_message_bytes),
            f"{largest.name} takes records of {size_text(largest.max_message_bytes)}, and a dead letter has "
            f"{size_text(_WHY_BYTES)} more",
            f"use at least {size_text(largest.max_message_bytes + _WHY_BYTES)}, or lower that of {largest.name}",
        )


def _largest_message(topic: TopicSpec) -> int:
    return topic.max_message_bytes


def segments(parts: Parts) -> Iterator[Problem]:
    """A segment takes the largest batch, and is not larger than what the topic may keep."""
    for topic in parts.topics:
        size, own = segment_bytes(topic), topic.config.get(_SEGMENT_SETTING)
        path = dotted(["topics", topic.name, "config", _SEGMENT_SETTING])
        if own is not None and (not isinstance(own, int) or not 2**20 <= own < 2**31):
            allowed = "it is a number of bytes from 1048576 (1Mi) to 2147483647"
            yield Problem(path, shown(own), allowed, "correct the value")
        elif topic.max_message_bytes > size:
            yield Problem(
                dotted(["topics", topic.name, "max_message_bytes"]),
                size_text(topic.max_message_bytes),
                f"a batch must fit a segment, and the topic's segments have {size_text(size)}",
                "lower it, or raise retention_bytes or segment.bytes",
            )
        if isinstance(own, int) and topic.retention_bytes is not None and own > topic.retention_bytes:
            yield Problem(
                path,
                shown(own),
                f"retention deletes whole segments only, and retention_bytes is {size_text(topic.retention_bytes)}",
                "lower it, to a quarter of retention_bytes or less",
            )


def volumes(parts: Parts) -> Iterator[Problem]:
    """A volume holds at least a few segments of internal topics and metadata snapshots."""
    for path, pool in parts.pools():
        if pool.storage.size < 2**30:
            yield Problem(f"{path}.storage.size", size_text(pool.storage.size), "it must be at least 1Gi", "raise it")


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}Gi"
