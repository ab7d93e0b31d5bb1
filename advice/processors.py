"""Requests of processor, and how many equal processes share the load."""

from collections.abc import Iterator
from math import ceil

from advice.change import Change, cores_text, span
from advice.components import Component
from advice.figures import Figures, Usage
from advice.thresholds import CPU_ALERT, DAY, REPLICAS, ROLLED, SHORT_LEAST, WORTHWHILE, headroom
from config.pods import vcpus


def processors(component: Component, figures: Figures, watched: float) -> Iterator[Change]:
    """Yield another number of processes or, where that isn't advised, another request."""
    if figures.cpu is None:
        return
    if (other := _replicas(component, figures, figures.cpu, watched)) is not None:
        yield other
        return
    cores = vcpus(component.resources)
    if figures.cpu.peak > CPU_ALERT * cores:
        yield from _more(component, figures.cpu, cores, watched)
    else:
        yield from _less(component, figures.cpu, cores, watched)


def _more(component: Component, used: Usage, cores: float, watched: float) -> Iterator[Change]:
    share = headroom(component.equals)
    advised = rounded(used.peak / share)
    away = ", so that the others stay below it when one is away" if component.equals > 1 else ""
    reason = (
        f"{_seen(used, cores, watched)}, above {CPU_ALERT:.0%}, the alert; "
        f"advised is a request of which that is {share:.0%}{away}"
    )
    yield _change(component, "cpu", component.resources.cpu, advised, reason, watched)
    limit = component.resources.cpu_limit
    if limit is not None and vcpus(component.resources.model_copy(update={"cpu": limit})) < advised:
        yield _change(component, "cpu_limit", limit, advised, "a limit may not be below the request", watched)


def _less(component: Component, used: Usage, cores: float, watched: float) -> Iterator[Change]:
    enough = rounded(used.peak / headroom(component.equals))
    advised = enough if watched >= DAY else max(enough, rounded(SHORT_LEAST * cores))
    if advised > WORTHWHILE * cores:
        return
    until = "" if advised == enough else f"; less than {SHORT_LEAST:.0%} of it only after a whole day"
    yield _change(component, "cpu", component.resources.cpu, advised, _seen(used, cores, watched) + until, watched)


def _replicas(component: Component, figures: Figures, used: Usage, watched: float) -> Change | None:
    """Return another number of equal processes, where a key says it and it serves better than another request."""
    count, cores = component.replicas, vcpus(component.resources)
    if count is None or figures.cpu_total is None:
        return None
    busy = figures.cpu_total / count
    if busy > CPU_ALERT * cores and cores >= ROLLED:
        wanted = max(count + 1, ceil(figures.cpu_total / (headroom(count + 1) * cores)))
        wanted = wanted if component.most is None else min(wanted, component.most)
        if wanted <= count:
            return None
        reason = f"{_seen(used, cores, watched)}, and all {count} are above {CPU_ALERT:.0%}, the alert"
    elif watched >= DAY and count > REPLICAS and figures.cpu_total < headroom(count - 1) * (count - 1) * cores / 2:
        wanted = count - 1
        reason = f"{_seen(used, cores, watched)}; the others have room for the work of one, twice over"
    else:
        return None
    return Change(
        location=(*component.location, "replicas"),
        value=wanted,
        current=str(count),
        advised=str(wanted),
        reason=reason,
        watched=watched,
    )


def _seen(used: Usage, cores: float, watched: float) -> str:
    return (
        f"at its peak one used {used.peak:.3g} of {cores:g} cores ({used.peak / cores:.0%}), all on average "
        f"{used.mean:.3g}, in {span(watched)}"
    )


def _change(component: Component, key: str, current: str, cores: float, reason: str, watched: float) -> Change:
    text = cores_text(cores)
    location = (*component.location, "resources", key)
    return Change(location=location, value=text, current=current, advised=text, reason=reason, watched=watched)


def rounded(cores: float) -> float:
    """Round a request up: to 50m below a core, to a quarter above."""
    step = 0.05 if cores <= 1 else 0.25
    return max(step, ceil(round(cores / step, 6)) * step)
