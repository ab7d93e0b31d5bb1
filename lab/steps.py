"""Steps that run side by side as far as their dependencies allow, and can be cancelled."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lab.errors import Cancelled, LabError

Report = Callable[[str], None]
"""Takes one line of progress."""


def silent(_line: str) -> None:
    """Report nothing."""


class Cancel:
    """Tells every thread of a start that it shall end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End the start."""
        self._event.set()

    def check(self) -> None:
        """Raise Cancelled once the start shall end."""
        if self._event.is_set():
            raise Cancelled("the start of the lab was interrupted")

    def wait_for(self, what: str, condition: Callable[[], bool], timeout: float, poll: float = 0.05) -> None:
        """Return when the condition holds; raise LabError after ``timeout`` seconds, Cancelled when cancelled."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LabError(f"{what} did not happen within {timeout:.0f} s; see `python -m lab logs`")
            self._event.wait(poll)
            self.check()


@dataclass(frozen=True, kw_only=True)
class Step:
    """A piece of work that starts when the steps named by ``after`` are done."""

    name: str
    action: Callable[[], None]
    after: Sequence[str] = ()


def run(steps: Sequence[Step], cancel: Cancel) -> None:
    """Run all steps, each in a thread; the first failure cancels the others and is raised when they have ended."""
    waiting = {step.name: step for step in steps}
    unknown = {name for step in steps for name in step.after} - waiting.keys()
    if unknown:
        raise ValueError(f"steps depend on unknown {sorted(unknown)}")
    done: set[str] = set()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max(1, len(steps))) as pool:
        try:
            while waiting or running:
                for step in [step for step in waiting.values() if failure is None and done.issuperset(step.after)]:
                    del waiting[step.name]
                    running[pool.submit(step.action)] = step.name
                if not running:
                    break
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done.add(running.pop(future))
                    error = future.exception()
                    if error is not None:
                        failure = error if failure is None or isinstance(failure, Cancelled) else failure
                        cancel.set()
        except BaseException:
            cancel.set()
            raise
    if failure is not None:
        raise failure
    if waiting:
        raise ValueError(f"steps wait for each other: {sorted(waiting)}")
