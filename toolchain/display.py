"""Showing how far a run is: live bars on a terminal, a line per step and a heartbeat elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from toolchain.ensure import Progress, Report, State

HEARTBEAT_SECONDS: Final = 30.0

_MARKS: Final = {State.PRESENT: "there", State.DONE: "done", State.FAILED: "failed"}


@contextmanager
def display(console: Console) -> Iterator[Report]:
    """A report function whose news are shown on the console until the block ends."""
    with _live(console) if console.is_terminal else _lines(console) as report:
        yield report


@contextmanager
def _live(console: Console) -> Iterator[Report]:
    tasks: dict[str, TaskID] = {}
    bars = Bars(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=console,
    )

    def report(news: Progress) -> None:
        if news.step not in tasks:
            tasks[news.step] = bars.add_task(news.step, total=None, start=False, detail="")
        task = tasks[news.step]
        if news.state is State.RUNNING:
            bars.start_task(task)
        if news.state in (State.PRESENT, State.DONE):
            bars.update(task, total=1, completed=1, detail=_MARKS[news.state])
            bars.stop_task(task)
        elif news.state is State.FAILED:
            bars.update(task, detail="[red]failed")
            bars.stop_task(task)
        else:
            bars.update(task, total=news.total or None, completed=news.done, detail=escape(news.detail)[:60])

    with bars:
        yield report


@contextmanager
def _lines(console: Console) -> Iterator[Report]:
    started: dict[str, float] = {}
    latest: dict[str, Progress] = {}
    changing = threading.Lock()

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def report(news: Progress) -> None:
        with changing:
            known = latest.get(news.step)
            latest[news.step] = news
            if news.state is State.RUNNING and news.step not in started:
                started[news.step] = time.monotonic()
                line(f"{news.step}: started")
            elif news.state in _MARKS and news.step in started:
                line(f"{news.step}: {_MARKS[news.state]} after {time.monotonic() - started[news.step]:.0f} s")
            elif news.state in _MARKS:
                line(f"{news.step}: {_MARKS[news.state]}")
            elif news.state is State.WAITING and news.detail and (known is None or known.detail != news.detail):
                line(f"{news.step}: waiting for {news.detail}")

    def beat() -> None:
        with changing:
            for step, news in latest.items():
                if news.state is State.RUNNING:
                    seconds = time.monotonic() - started[step]
                    of = f"{news.done:,} of {news.total:,} packages, " if news.total else ""
                    line(f"{step}: {of}{seconds:.0f} s, {news.detail}")

    with _every(HEARTBEAT_SECONDS, beat):
        yield report


@contextmanager
def _every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
