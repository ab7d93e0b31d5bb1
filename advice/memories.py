"""Memory of containers, and heaps in it."""

from collections.abc import Iterator
from math import ceil
from typing import Final

from advice.change import Change, amount, size_change, span
from advice.components import Component
from advice.figures import Figures
from advice.thresholds import (
    DAY,
    HEAP_LEAST,
    HEAP_SHARE,
    HEAP_TOUCHED,
    MEMORY_ALERT,
    OFF_HEAP,
    PAGE_CACHE,
    SHORT_LEAST,
    WORTHWHILE,
    WRITES_BUFFERED,
)

_MIB: Final = 2**20


def memories(component: Component, figures: Figures, written: float, watched: float) -> Iterator[Change]:
    """Yield another memory; ``written`` are the bytes a second that come to the busiest broker, of a broker."""
    size, location = component.resources.memory, (*component.location, "resources", "memory")
    # Files in the cache count as a broker's working set, and give way.
    used = figures.resident if component.stores else figures.working_set
    if used is None:
        return
    cache = int(written * WRITES_BUFFERED) if component.stores else 0
    kept = max(used, component.heap or 0)
    seen = f"{amount(used)} of {amount(size)} were taken at the peak ({used / size:.0%}) in {span(watched)}"
    if used > MEMORY_ALERT * size:
        advised = rounded(max(used / MEMORY_ALERT, kept + cache) + 1)
        yield size_change(location, size, advised, f"{seen}, above {MEMORY_ALERT:.0%}, the alert", watched)
    elif component.stores and size - kept < cache:
        reason = (
            f"{amount(size - kept)} are left for the page cache beside {amount(kept)}, and {WRITES_BUFFERED} s of "
            f"writes, which it should hold, are {amount(cache)}"
        )
        yield size_change(location, size, rounded(kept + cache), reason, watched)
    else:
        yield from _less(component, figures, cache, seen, watched)


def _less(component: Component, figures: Figures, cache: int, seen: str, watched: float) -> Iterator[Change]:
    size, heap = component.resources.memory, component.heap or 0
    working_set = size if figures.working_set is None else figures.working_set
    # Who asks for more than the limit is killed: no peak may be missing.
    if watched < DAY:
        return
    if component.stores:
        kept = max(heap, figures.resident or 0) + OFF_HEAP
        # Of the page cache, what is read again and again is in the working set.
        enough = max(kept + max(cache, min(PAGE_CACHE, size - kept)), working_set, heap / HEAP_SHARE)
    else:
        # The heap may yet fill.
        enough = max(working_set / MEMORY_ALERT, heap and heap + OFF_HEAP / 2, heap / HEAP_SHARE)
    advised = rounded(enough)
    if advised <= WORTHWHILE * size:
        yield size_change((*component.location, "resources", "memory"), size, advised, seen, watched)


def heaps(component: Component, figures: Figures, watched: float) -> Iterator[Change]:
    """Yield a smaller heap where most of it was never touched: what a JVM once used stays resident.

    That a heap is too small is nowhere to be seen from outside.
    """
    heap, resident = component.heap, figures.resident
    if heap is None or resident is None or resident >= HEAP_TOUCHED * heap:
        return
    watched = max(watched, figures.age)
    enough = max(HEAP_LEAST, resident)
    advised = rounded(enough if watched >= DAY else max(enough, SHORT_LEAST * heap))
    if advised <= WORTHWHILE * heap:
        until = "" if watched >= DAY else f"; less than {SHORT_LEAST:.0%} of it only when they have run for a day"
        reason = (
            f"all that is resident, {amount(resident)} at the most, is less than {HEAP_TOUCHED:.0%} of the heap, after "
            f"{span(watched)} since the oldest started"
        )
        yield size_change(component.heap_location, heap, advised, reason + until, watched)


def rounded(size: float) -> int:
    """Round bytes up: to 16Mi below 512Mi, to 64Mi below 4Gi, to 256Mi above."""
    step = 16 * _MIB if size <= 512 * _MIB else 64 * _MIB if size <= 4096 * _MIB else 256 * _MIB
    return ceil(size / step) * step
