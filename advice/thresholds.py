"""Figures that advice follows from, each with where it is from."""

from typing import Final

CPU_ALERT: Final = 0.80
"""Share of a request above which it is raised: the platform document's alert on processor use."""
MEMORY_ALERT: Final = 0.85
"""Share of a container's memory above which it is raised: the platform document's alert on memory use."""
WRITES_BUFFERED: Final = 30
"""Seconds of writes that the page cache should hold (kafka.apache.org, Hardware and OS: write throughput x 30)."""
PAGE_CACHE: Final = 2 * 2**30
"""Bytes of page cache that a broker keeps where it has as much: the platform document's. What consumers will read again
isn't to be seen in a window."""
OFF_HEAP: Final = 256 * 2**20
"""Bytes that a JVM may take beside its heap at any time: direct buffers as manifests/jvm_options.py bounds them."""
HEAP_SHARE: Final = 0.75
"""Share of a container's memory that its heap may be (config/limits.py)."""
HEAP_TOUCHED: Final = 0.50
"""A JVM whose resident memory is below this share of its heap can't have used the rest: what it once touched stays."""
HEAP_LEAST: Final = 128 * 2**20
"""Smallest heap (config/limits.py)."""
WORTHWHILE: Final = 0.75
"""Less is advised only where it is this share of what there is, or below."""
SHORT_LEAST: Final = 0.50
"""Share of what there is below which nothing is advised until a whole day was watched."""
SUSTAINED: Final = 3600
"""Seconds from which a mean rate may stand for the time that retention looks at."""
DAY: Final = 86_400
"""Seconds that have the peak of a service whose load follows people's days."""
LAG: Final = 10_000
"""Records: the platform document's alert on growing lag."""
REPLICAS: Final = 2
"""Fewest equal processes: one may be away."""
ROLLED: Final = 1.0
"""Cores of a request from which another process is better than more of them."""


def headroom(equals: int) -> float:
    """Return the share of a request that may be used, so that it is below the alert when one of the equals is away."""
    return CPU_ALERT * (equals - 1) / equals if equals > 1 else CPU_ALERT
