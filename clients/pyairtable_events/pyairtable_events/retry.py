"""How often and how long something is tried again."""

import random
import threading
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter and an end."""

    attempts: int = 5
    """Tries in all, the first included."""
    first_delay: timedelta = timedelta(milliseconds=200)
    """Wait before the second try; each wait after it is twice as long."""
    longest_delay: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        """Raise ValueError for a policy without a first try or with waits that shrink."""
        if self.attempts < 1:
            raise ValueError("a retry policy has at least one attempt")
        if not timedelta(0) <= self.first_delay <= self.longest_delay:
            raise ValueError("a retry policy's first delay is not negative and not above its longest")

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after the given try, counted from 1, before jitter."""
        return min(self.first_delay * (1 << min(attempt - 1, 30)), self.longest_delay)

    @property
    def longest(self) -> timedelta:
        """All waits together."""
        return sum((self.delay(attempt) for attempt in range(1, self.attempts)), timedelta(0))

    def wait(self, attempt: int, stop: threading.Event) -> bool:
        """Wait after the given try, half of the delay or more; return at once and False when asked to stop."""
        seconds = self.delay(attempt).total_seconds() * random.uniform(0.5, 1)  # noqa: S311 spreads load, hides nothing
        return not stop.wait(seconds)
