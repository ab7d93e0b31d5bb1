"""Windows that tests make up: what was seen of a stack from one moment to another."""

from collections.abc import Mapping
from typing import Any

from advice.window import (
    ContainerSample,
    DiskSample,
    GroupSample,
    LogSample,
    PartitionSample,
    PodSample,
    Window,
)

BEGIN = 1_700_000_000.0
BROKER = "kafka.pools[0]"


def containers(
    path: str,
    *,
    cores: tuple[float, ...] = (),
    resident: int | None = None,
    working_set: int | None = None,
    seconds: float = 60,
    age: float | None = None,
) -> dict[str, Any]:
    """Equal containers, each with its steady cores, for ``window``."""
    return {
        "path": path,
        "cores": cores or (0.0,),
        "resident": resident,
        "working_set": working_set,
        "seconds": seconds,
        "age": seconds if age is None else age,
    }


def pod_samples(*every: Mapping[str, Any], seconds: float) -> tuple[PodSample, ...]:
    def at(moment: float) -> PodSample:
        return PodSample(
            containers=tuple(
                ContainerSample(
                    path=each["path"],
                    pod=f"pod-{number}",
                    at=BEGIN + moment,
                    started=BEGIN + seconds - each["age"],
                    cpu_seconds=100 + cores * moment,
                    working_set=each["working_set"],
                    resident=each["resident"],
                )
                for each in every
                for number, cores in enumerate(each["cores"])
            )
        )

    return (at(0), at(seconds))


def partition(sizes: Mapping[int, int], *, begin: int = 0, end: int = 0) -> PartitionSample:
    return PartitionSample(begin=begin, end=end, sizes=sizes)


def log_samples(
    topics: Mapping[str, tuple[float, int]],
    *,
    seconds: float,
    brokers: tuple[int, ...] = (0, 1, 2),
    held: int = 0,
    disks: Mapping[int, DiskSample] | None = None,
    groups: tuple[Mapping[tuple[str, str], GroupSample], ...] = ({}, {}),
) -> tuple[LogSample, ...]:
    """A topic of one partition for each name, with its bytes and its records a second, and what else brokers hold."""

    def at(moment: float, now: Mapping[tuple[str, str], GroupSample]) -> LogSample:
        partitions = {
            (name, 0): partition(dict.fromkeys(brokers, int(rate * moment)), end=int(records * moment))
            for name, (rate, records) in topics.items()
        }
        partitions["__other", 0] = partition(dict.fromkeys(brokers, held))
        return LogSample(at=BEGIN + moment, partitions=partitions, disks=disks or {}, groups=now)

    return (at(0, groups[0]), at(seconds, groups[1]))


def window(
    *every: Mapping[str, Any],
    seconds: float = 60,
    topics: Mapping[str, tuple[float, int]] | None = None,
    unknown: tuple[str, ...] = (),
    **logs: Any,
) -> Window:
    """All of it; logs are only there where ``topics`` is given."""
    return Window(
        seconds=seconds,
        pods=pod_samples(*every, seconds=seconds),
        logs=() if topics is None else log_samples(topics, seconds=seconds, **logs),
        unknown=unknown,
    )
