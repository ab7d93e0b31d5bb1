"""What the engine is doing, from its events: a reducer that decides, and two ways to show it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Final

from pulumi.automation.events import DiagnosticEvent, EngineEvent, StepEventMetadata
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from manifests.labels import OWNER_ANNOTATION
from ops.engine_text import plain, resource_name
from ops.event_file import EventFile

_REFRAINS: Final = ("update failed", "preview failed", "destroy failed", "an unhandled error occurred: program exited")
"""What the engine says after the error that matters."""
_TRACEBACK: Final = "Traceback (most recent call last)"
_FOREIGN: Final = (
    "the namespace belongs to another stack, or to this stack brought up from another checkout; nothing in it was "
    "touched: destroy that one first (a lab that is left over goes with `python -m lab stop`), or give this stack "
    "another kubernetes.namespace"
)
_PLAIN_INTERVAL: Final = 10.0
"""Seconds between two lines of progress where there is no terminal."""


@dataclass
class Waiting:
    """A step that has begun and not ended."""

    op: str
    since: float
    status: str = ""


@dataclass
class EngineProgress:
    """State of one engine run, fed with its events."""

    known: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    steps: list[StepEventMetadata] = field(default_factory=list)
    """What is to be done, in the order in which it began."""
    ended: list[StepEventMetadata] = field(default_factory=list)
    """What was done or, by a refresh, found."""
    changes: Counter[str] = field(default_factory=Counter)
    """Steps by operation, the engine's own summary once it has come."""
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def handle(self, event: EngineEvent, now: float) -> None:
        """Take in one event; ``now`` is monotonic seconds."""
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self.known.add(step.urn)
            self.steps.append(slim(step))
            # A component is done when its children are: naming it would hide which of them is waited for.
            state = step.new or step.old
            if step.op.value != "same" and (state is None or state.custom):
                self.waiting[step.urn] = Waiting(step.op.value, now)
        elif event.res_outputs_event:
            self.ended.append(slim(event.res_outputs_event.metadata))
            self._finish(event.res_outputs_event.metadata.urn)
        elif event.res_op_failed_event:
            self._finish(event.res_op_failed_event.metadata.urn)
        elif event.diagnostic_event:
            self._diagnose(event.diagnostic_event)
        elif event.summary_event:
            self.changes = Counter(
                {getattr(op, "value", str(op)): count for op, count in event.summary_event.resource_changes.items()}
            )

    def _finish(self, urn: str) -> None:
        self.waiting.pop(urn, None)
        self.known.add(urn)
        self.done.add(urn)

    def _diagnose(self, event: DiagnosticEvent) -> None:
        message = plain(event.message)
        if event.urn in self.waiting and message:
            self.waiting[event.urn].status = message.splitlines()[0]
        if event.severity == "error" and message and not event.ephemeral and message not in self.errors:
            self.errors.append(message)
        if event.severity == "warning" and message and not event.ephemeral and message not in self.warnings:
            self.warnings.append(message)

    def line(self, now: float) -> str:
        """Return one line: how many resources are done, and what has been waited for longest."""
        text = f"{len(self.done)} of {len(self.known)} resources"
        if self.waiting:
            urn, oldest = min(list(self.waiting.items()), key=lambda item: item[1].since)
            text += f", waiting {now - oldest.since:.0f} s for {resource_name(urn)}"
            if oldest.status:
                text += f" ({oldest.status})"
        return text

    def failure(self) -> str:
        """Return what went wrong in the program's and the providers' own words, each once, without stack traces."""
        told = [error for error in self.errors if not error.startswith(_REFRAINS)]
        return "\n".join(summary_of(error) for error in told or self.errors)


def slim(step: StepEventMetadata) -> StepEventMetadata:
    """Return a step without its resource's states, unless some of it changes: thousands of steps are kept."""
    if step.detailed_diff or step.diffs:
        return step
    bare = copy(step)
    bare.old = bare.new = None
    return bare


def summary_of(message: str) -> str:
    """Reduce a Python traceback to the exception it ends in, and say whose namespace it is that another stack owns."""
    if OWNER_ANNOTATION in message and "conflict" in message:
        return _FOREIGN
    if _TRACEBACK not in message:
        return message.removeprefix("error: ")
    lines = [line for line in message.splitlines() if line.strip()]
    return f"the program failed: {lines[-1].strip()}"


class Reporter:
    """Says on standard error what goes on: a live line on a terminal, now and then a line elsewhere."""

    def __init__(self, console: Console | None = None, events: EventFile | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.events = events
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._spoken = 0.0

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._print(text)
        if self.events:
            self.events.text("message", text)

    def _print(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)

    def update(self, text: str) -> None:
        """Replace the live line; without a terminal, print it unless one was printed a moment ago."""
        with self._lock:
            if self._status is not None:
                self._status.update(escape(text))
            elif time.monotonic() - self._spoken > _PLAIN_INTERVAL:
                self._spoken = time.monotonic()
                self._print(f"  {text}")

    @contextmanager
    def live(self, text: str) -> Iterator[None]:
        """Show a live line for the duration of a block."""
        if not self.console.is_terminal:
            self._spoken = time.monotonic()
            yield
            return
        with self.console.status(escape(text)) as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None


@contextmanager
def shown(reporter: Reporter, title: str) -> Iterator[tuple[EngineProgress, Callable[[EngineEvent], None]]]:
    """Follow one engine run: yields its progress and the callback for its events."""
    progress = EngineProgress()
    stop = threading.Event()

    def on_event(event: EngineEvent) -> None:
        progress.handle(event, time.monotonic())
        if reporter.events:
            reporter.events.engine(event)

    def tick() -> None:
        while not stop.wait(0.5):
            reporter.update(f"{title}: {progress.line(time.monotonic())}")

    ticker = threading.Thread(target=tick, daemon=True)
    with reporter.live(title):
        ticker.start()
        try:
            yield progress, on_event
        finally:
            stop.set()
            ticker.join()
