"""Topics: how many partitions, and how much the catalogue expects of them."""

from collections.abc import Iterator
from math import ceil

from advice.change import Change, amount, size_change, span
from advice.disks import produced_of
from advice.thresholds import LAG, SUSTAINED
from advice.window import Window
from config.errors import dotted
from config.platform import PlatformSpec


def partitions(platform: PlatformSpec, window: Window) -> Iterator[Change | str]:
    """Yield more partitions where every one has a consumer of its own and the group nevertheless falls behind."""
    if len(window.logs) < 2:
        return
    first, last = window.logs[0], window.logs[-1]
    seconds = last.at - first.at
    counts = {topic.name: topic.partitions for topic in platform.topics}
    advised: dict[str, Change] = {}
    for (group, topic), now in sorted(last.groups.items()):
        before = first.groups.get((group, topic))
        if topic not in counts or before is None or now.lag <= LAG or now.lag <= before.lag or seconds <= 0:
            continue
        count, came = counts[topic], _records(window, topic)
        behind = f"group {group} is {now.lag} records behind, {now.lag - before.lag} more than {span(seconds)} before"
        path = dotted(("topics", topic, "partitions"))
        if now.members < count:
            what = f"{now.members} consumers share {count} partitions: start more of them, not more partitions"
            yield f"{path}: {behind}; {what}"
            continue
        done = max(0, came - (now.lag - before.lag))
        # Twice as many at the most: what each of them takes is an extrapolation.
        wanted = min(2 * count, ceil(count * came / done)) if done else 2 * count
        reason = (
            f"{behind}, with a consumer for each partition; {came} records came, {done} were done; records of a key "
            "that come later are in another partition than those before"
        )
        change = Change(
            location=("topics", topic, "partitions"),
            value=wanted,
            current=str(count),
            advised=str(wanted),
            reason=reason,
            watched=window.seconds,
        )
        if wanted > count and (topic not in advised or wanted > advised[topic].value):
            advised[topic] = change
    yield from advised.values()


def _records(window: Window, topic: str) -> int:
    first, last = window.logs[0].partitions, window.logs[-1].partitions
    return sum(last[key].end - first[key].end for key in last if key[0] == topic and key in first)


def expected(platform: PlatformSpec, window: Window) -> Iterator[Change | str]:
    """Yield what topics take in where it is more than the catalogue expects."""
    rates = produced_of(platform, window)
    for topic in platform.topics:
        if topic.name not in rates or rates[topic.name].mean <= topic.bytes_per_second:
            continue
        mean, peak = rates[topic.name].mean, rates[topic.name].peak
        seen = (
            f"{amount(mean)}/s came on average, {amount(peak)}/s at the peak, in {span(window.seconds)}; the catalogue "
            f"expects {amount(topic.bytes_per_second)}/s, from which disks and costs follow"
        )
        if window.seconds < SUSTAINED:
            until = f"watch it for {span(SUSTAINED)} before a rate may stand for long"
            yield f"{dotted(('topics', topic.name, 'bytes_per_second'))}: {seen}; {until}"
            continue
        step = 1024 if mean < 2**20 else 2**20
        location = ("topics", topic.name, "bytes_per_second")
        yield size_change(location, topic.bytes_per_second, ceil(mean / step) * step, seen, window.seconds)
