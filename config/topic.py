"""A topic of the catalogue."""

from collections.abc import Mapping

from config.base import Duration, Size, Spec
from config.literals import CleanupPolicy, Compression


class TopicSpec(Spec):
    """One topic: the platform's document gives name, partitions, retention, compression and purpose."""

    name: str
    partitions: int
    retention: Duration
    compression: Compression
    purpose: str
    bytes_per_second: Size
    """Expected sustained inflow before replication and after compression; sizes the disks, see config/capacity.py."""
    retention_bytes: Size | None = None
    """Upper bound per partition; None: time alone decides."""
    cleanup_policy: CleanupPolicy = CleanupPolicy.DELETE
    replication_factor: int | None = None
    """None: the cluster's default."""
    min_insync_replicas: int | None = None
    """None: the cluster's default."""
    max_message_bytes: Size = 1048588
    config: Mapping[str, str | int | float | bool] = {}
    """Further topic settings by their Kafka name; those with a field of their own are refused here."""


class TopicDefaultsSpec(Spec):
    """Fields for every topic that doesn't set them itself; what the catalogue sets for each can't be defaulted."""

    retention_bytes: Size | None = None
    """Upper bound per partition; None: time alone decides."""
    replication_factor: int | None = None
    """None: the cluster's default."""
    min_insync_replicas: int | None = None
    """None: the cluster's default."""
    max_message_bytes: Size | None = None
    """None: Kafka's default, 1 MiB and a batch's header."""
    config: Mapping[str, str | int | float | bool] = {}
    """Further topic settings by their Kafka name."""
