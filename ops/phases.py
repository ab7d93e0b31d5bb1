"""How long each part of a command took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ops.progress import Reporter


@dataclass(frozen=True)
class Phase:
    """A part that has ended."""

    name: str
    seconds: float


class Phases:
    """Measures named parts of one command and says when each has ended."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._begin = time.monotonic()
        self.ended: list[Phase] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._begin

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a block; a block that fails is not recorded."""
        begin = time.monotonic()
        yield
        phase = Phase(name, time.monotonic() - begin)
        self.ended.append(phase)
        if self._reporter.events:
            self._reporter.events.write("phase", name=name, seconds=round(phase.seconds, 3))
        self._reporter.say(f"{self.elapsed:6.1f} s  {name} ({phase.seconds:.1f} s)")
