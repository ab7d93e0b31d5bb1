"""From samples to figures: peaks, means and rates."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final

from advice.window import ContainerSample, LogSample, PartitionSample, Window

_APART: Final = 15
"""Fewest seconds between two measurements whose difference is a rate: kubelets give their moments in whole seconds."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What was used of something."""

    mean: float
    peak: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of all equal containers: those of a pool, or of a part beside it. None: it wasn't seen."""

    cpu: Usage | None
    """Cores of one container: the busiest one's peak, and the mean of all."""
    cpu_total: float | None
    """Cores of all of them together at their peaks."""
    working_set: int | None
    """Bytes of the largest, at its peak."""
    resident: int | None
    """Bytes of the largest, at its peak."""
    age: float
    """Seconds that the oldest of them has been running, at the end."""


def containers(window: Window) -> dict[str, Figures]:
    """Return the figures by path."""
    series: dict[str, dict[str, list[ContainerSample]]] = defaultdict(lambda: defaultdict(list))
    for moment in window.pods:
        for sample in moment.containers:
            series[sample.path][sample.pod].append(sample)
    return {path: _figures(pods) for path, pods in series.items()}


def _figures(pods: dict[str, list[ContainerSample]]) -> Figures:
    usages = [usage for samples in pods.values() if (usage := cpu(samples)) is not None]
    every = [sample for samples in pods.values() for sample in samples]
    ages = [sample.at - sample.started for sample in every if sample.started is not None]
    return Figures(
        cpu=Usage(mean=fmean(each.mean for each in usages), peak=max(each.peak for each in usages)) if usages else None,
        cpu_total=sum(each.peak for each in usages) if usages else None,
        working_set=max((each.working_set for each in every if each.working_set is not None), default=None),
        resident=max((each.resident for each in every if each.resident is not None), default=None),
        age=max(ages, default=0.0),
    )


def cpu(samples: list[ContainerSample]) -> Usage | None:
    """Return a container's cores; None when the kubelet didn't measure twice. Nothing is counted across a restart."""
    rates: list[tuple[float, float]] = []
    before: ContainerSample | None = None
    for after in samples:
        if before is None or before.cpu_seconds is None or after.cpu_seconds is None:
            before = after
            continue
        used, seconds = after.cpu_seconds - before.cpu_seconds, after.at - before.at
        if used < 0 or seconds < 0:
            before = after
        elif seconds >= _APART:
            rates.append((used, seconds))
            before = after
    if not rates:
        return None
    mean = sum(used for used, _ in rates) / sum(seconds for _, seconds in rates)
    return Usage(mean=mean, peak=max(used / seconds for used, seconds in rates))


def network(window: Window) -> dict[str, tuple[Usage, Usage]]:
    """Return bytes a second that a path's pods received and sent: means of all, the busiest one's peaks."""
    series: dict[tuple[str, str], list[tuple[float, int, int]]] = defaultdict(list)
    for moment in window.pods:
        for each in moment.networks:
            series[each.path, each.pod].append((each.at, each.received, each.sent))
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for (path, _), points in series.items():
        for (t0, in0, out0), (t1, in1, out1) in pairwise(points):
            if t1 > t0 and in1 >= in0 and out1 >= out0:
                found[path][0].append((in1 - in0) / (t1 - t0))
                found[path][1].append((out1 - out0) / (t1 - t0))
    return {
        path: (Usage(mean=fmean(into), peak=max(into)), Usage(mean=fmean(out), peak=max(out)))
        for path, (into, out) in found.items()
    }


def produced(window: Window) -> dict[str, Usage]:
    """Return bytes a second that came into each topic, one copy, as they lie on disk."""
    rates: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for before, after in pairwise(window.logs):
        seconds = after.at - before.at
        came: dict[str, float] = defaultdict(float)
        for topic, size in _inflow(before, after):
            came[topic] += size
        for topic, size in came.items():
            rates[topic].append((size, seconds))
    return {
        topic: Usage(
            mean=sum(size for size, _ in found) / sum(seconds for _, seconds in found),
            peak=max(size / seconds for size, seconds in found),
        )
        for topic, found in rates.items()
        if sum(seconds for _, seconds in found) > 0
    }


def _inflow(before: LogSample, after: LogSample) -> Iterator[tuple[str, float]]:
    for key, now in after.partitions.items():
        if (was := before.partitions.get(key)) is not None:
            yield key[0], inflow(was, now)


def inflow(before: PartitionSample, after: PartitionSample) -> float:
    """Return the bytes that came into a partition; where some were deleted since, from its records' mean size."""
    was, now = largest(before), largest(after)
    if before.begin == after.begin and now >= was:
        return now - was
    records = max(0, after.end - before.end)
    kept = after.end - after.begin
    return records * now / kept if kept > 0 else 0.0


def largest(partition: PartitionSample) -> int:
    """Return the bytes of a partition's largest replica: one that is behind has less."""
    return max(partition.sizes.values(), default=0)


def topic_sizes(sample: LogSample) -> dict[str, int]:
    """Return the bytes of one copy of each topic."""
    sizes: dict[str, int] = defaultdict(int)
    for (topic, _), partition in sample.partitions.items():
        sizes[topic] += largest(partition)
    return dict(sizes)


def broker_sizes(window: Window) -> dict[int, int]:
    """Return the most bytes that each broker's replicas had together."""
    peaks: dict[int, int] = {}
    for sample in window.logs:
        now: dict[int, int] = defaultdict(int)
        for partition in sample.partitions.values():
            for broker, size in partition.sizes.items():
                now[broker] += size
        for broker, size in now.items():
            peaks[broker] = max(size, peaks.get(broker, 0))
    return peaks
