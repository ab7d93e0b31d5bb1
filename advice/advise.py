"""Advice: what of a stack is too small or too large for what it was seen to do, and what that costs."""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum

from advice.change import Change, replaced
from advice.components import components
from advice.disks import broker_count, produced_of, retention, storage
from advice.figures import containers
from advice.machines import machines
from advice.memories import heaps, memories
from advice.processors import processors
from advice.thresholds import DAY, SUSTAINED
from advice.topics import expected, partitions
from advice.window import Window
from config.base import Spec
from config.errors import ConfigError
from config.platform import PlatformSpec
from cost.estimate import estimate
from cost.prices import PriceTable, region_of
from cost.traffic import replicas_of


class Confidence(StrEnum):
    """How far the time that was watched stands for others."""

    LOW = "low"
    """Less than an hour."""
    MEDIUM = "medium"
    """Less than a day."""
    HIGH = "high"
    """A day and more."""


class Advice(Spec):
    """Another value of one key of the configuration."""

    path: str
    current: str
    advised: str
    reason: str
    monthly: float | None
    """What it costs more a month, below zero where it costs less; None: it has no price."""
    confidence: Confidence
    watched_seconds: float


class Findings(Spec):
    """What `ops advise --json` prints, figures aside."""

    stack: str
    currency: str
    """ISO 4217."""
    prices_as_of: date
    advice: tuple[Advice, ...]
    monthly: float | None
    """What all of it together costs more a month."""
    notes: tuple[str, ...]
    """What was seen and nothing is advised about, and why."""
    unknown: tuple[str, ...]
    """What wasn't seen, and why."""


_HEAP_IN_USE = (
    "how much of their heaps JVMs use: they publish no figure of it, so that none is called too small; the collector's "
    "log would say it"
)


def advise(platform: PlatformSpec, window: Window, table: PriceTable) -> Findings:
    """Compare a stack's configuration with what was seen of it. Raises ConfigError for a region without prices."""
    found = list(_of_parts(platform, window))
    changes = [each for each in found if isinstance(each, Change)]
    then = applied(platform, changes)
    prices = table.regions[region_of(platform.kubernetes.zones, table)]
    for each in machines(platform, then, prices.instances, window.seconds):
        found.append(each)
        if isinstance(each, Change):
            changes.append(each)
    before = _monthly(platform, table)
    return Findings(
        stack=platform.stack,
        currency=table.currency,
        prices_as_of=table.as_of,
        advice=tuple(_advice(each, platform, before, table) for each in changes),
        monthly=_more(before, _monthly(applied(platform, changes), table)),
        notes=tuple(each for each in found if isinstance(each, str)),
        unknown=(*window.unknown, *_unseen(platform, window), _HEAP_IN_USE),
    )


def _of_parts(platform: PlatformSpec, window: Window) -> Iterator[Change | str]:
    figures, written = containers(window), _written(platform, window)
    for component in components(platform):
        if (its := figures.get(component.path)) is None:
            continue
        yield from processors(component, its, window.seconds)
        yield from memories(component, its, written, window.seconds)
        yield from heaps(component, its, window.seconds)
    yield from storage(platform, window)
    for topics in (retention, partitions, expected):
        yield from topics(platform, window)


def _written(platform: PlatformSpec, window: Window) -> float:
    """Return the bytes a second that a broker writes at the peak, where leaders and replicas are spread evenly."""
    rates = produced_of(platform, window)
    written = (topic for topic in platform.topics if topic.name in rates)
    copies = sum(rates[topic.name].peak * replicas_of(topic, platform) for topic in written)
    return copies / broker_count(platform)


def _unseen(platform: PlatformSpec, window: Window) -> Iterator[str]:
    """Yield what of the stack has no figures at all, unless that none has is told already."""
    figures = containers(window)
    if not figures:
        return
    for component in components(platform):
        its = figures.get(component.path)
        if its is None:
            yield f"{component.path}: none of its containers was seen"
        elif its.cpu is None:
            yield f"{component.path}: its processor time was measured once only; a longer --window has more of it"


def _advice(change: Change, platform: PlatformSpec, before: float | None, table: PriceTable) -> Advice:
    return Advice(
        path=change.path,
        current=change.current,
        advised=change.advised,
        reason=change.reason,
        monthly=_more(before, _monthly(applied(platform, [change]), table)),
        confidence=confidence(change.watched),
        watched_seconds=round(change.watched, 1),
    )


def applied(platform: PlatformSpec, changes: Iterable[Change]) -> PlatformSpec:
    """Return the stack as changes have it."""
    for change in changes:
        platform = replaced(platform, change.location, change.value)
    return platform


def confidence(watched: float) -> Confidence:
    """Return how far so many seconds stand for others."""
    return Confidence.HIGH if watched >= DAY else Confidence.MEDIUM if watched >= SUSTAINED else Confidence.LOW


def _monthly(platform: PlatformSpec, table: PriceTable) -> float | None:
    """Return the estimate; None where something has no price, such as a request that no machine has room for."""
    try:
        return estimate(platform, table).monthly
    except ConfigError:
        return None


def _more(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 2)
