"""What was seen of a running stack: figures of its containers and of its logs, each with its moment."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ContainerSample:
    """A container as its kubelet saw it last. A figure that the kubelet doesn't give is None."""

    path: str
    """Where the configuration has its resources: ``kafka.pools[0]``."""
    pod: str
    at: float
    """When the kubelet measured its processor time, in seconds since 1970; it measures less often than it is asked."""
    started: float | None = None
    """When the container started, in seconds since 1970."""
    cpu_seconds: float | None = None
    """Processor time since it started."""
    working_set: int | None = None
    """Bytes that can't be taken from it without harm: all it has but files that weren't used of late."""
    resident: int | None = None
    """Bytes that are in no file: heap, direct buffers, stacks, classes."""


@dataclass(frozen=True, kw_only=True)
class NetworkSample:
    """A pod's bytes since it started, of all it talks to."""

    path: str
    pod: str
    at: float
    """Seconds since 1970."""
    received: int
    sent: int


@dataclass(frozen=True, kw_only=True)
class PodSample:
    """All pods at one moment."""

    containers: tuple[ContainerSample, ...] = ()
    networks: tuple[NetworkSample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PartitionSample:
    """A partition of a topic."""

    begin: int
    """Offset of the first record there is."""
    end: int
    """Offset that the next record gets."""
    sizes: Mapping[int, int]
    """Broker to the bytes of its replica."""


@dataclass(frozen=True, kw_only=True)
class DiskSample:
    """The file system that a broker's log directory is on."""

    total: int
    usable: int


@dataclass(frozen=True, kw_only=True)
class GroupSample:
    """A consumer group's part in one topic."""

    lag: int
    """Records that it hasn't committed, of all partitions."""
    members: int
    """Consumers of the group that have a partition of the topic."""


@dataclass(frozen=True, kw_only=True)
class LogSample:
    """What the brokers hold, at one moment."""

    at: float
    """Seconds since 1970."""
    partitions: Mapping[tuple[str, int], PartitionSample]
    """By topic and number."""
    disks: Mapping[int, DiskSample]
    """By broker."""
    groups: Mapping[tuple[str, str], GroupSample]
    """By group and topic."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Everything that was seen, in its order."""

    seconds: float
    """How long it was watched."""
    pods: tuple[PodSample, ...] = ()
    logs: tuple[LogSample, ...] = ()
    unknown: tuple[str, ...] = ()
    """What couldn't be seen, and why: a sentence each."""
