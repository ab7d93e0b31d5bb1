"""Start, stop and status of the lab."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from lab import control_plane, preflight
from lab.errors import Cancelled, LabError
from lab.images import ensure_images
from lab.lock import exclusive
from lab.machine_record import agreed
from lab.paths import Layout, layout
from lab.plan import Machine
from lab.process import Processes, boot_id, roots
from lab.startup import add_images, bring_up
from lab.status import Status, collect
from lab.steps import Cancel, Report, silent
from lab.teardown import remove_empty, tear_down

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start(report: Report = silent, machines: Sequence[Machine] | None = None) -> None:
    """Bring the lab up, or what is missing of it; a healthy lab gets at most new images.

    ``machines`` are those of a new lab, one in each zone by default; a lab that is there has to have the same.
    Raises LabError when it can't be done, Cancelled on SIGINT, SIGTERM or SIGHUP. Then nothing of a new lab stays; one
    that ran before is left as it is, and data kept by an earlier stop is kept.
    """
    files = layout()
    preflight.check_platform()
    with exclusive(files, report):
        try:
            with _interruptible() as cancel:
                planned = agreed(files, machines)
                if collect(files).state == "healthy":
                    report("the lab is running")
                    add_images(files, planned, ensure_images(report), cancel, report)
                    return
                preflight.check(files, len(planned))
                _start(files, planned, cancel, report)
        except OSError as error:
            raise LabError(f"the lab can't start: {error}") from error
        finally:
            remove_empty(files.root.parent)


def stop(report: Report = silent, *, keep_data: bool = False) -> None:
    """End the lab and remove what it made; ``keep_data`` leaves the cluster's state and volumes to the next start."""
    files = layout()
    preflight.check_platform()
    with exclusive(files, report):
        preflight.check_alone(files, roots())
        tear_down(files, keep_data=keep_data, report=report)
        remove_empty(files.root.parent)


def status(sample: float = 0.0) -> Status:
    """Return what the lab is doing; measure its use of processors for ``sample`` seconds."""
    return collect(layout(), sample)


def _start(files: Layout, machines: Sequence[Machine], cancel: Cancel, report: Report) -> None:
    archives = ensure_images(report)
    cancel.check()
    kept = files.completed.exists()
    ran = kept and files.completed.read_text() == boot_id() and bool(Processes(files).find(control_plane.API_SERVER))
    try:
        bring_up(files, machines, archives, cancel, report)
    except BaseException:
        if not ran:
            report("cleaning up")
            tear_down(files, keep_data=kept, report=silent)
        raise
    files.completed.write_text(boot_id())


@contextmanager
def _interruptible() -> Iterator[Cancel]:
    """Turn signals into a cancelled start; a second signal doesn't stop the cleaning up."""
    cancel = Cancel()
    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        cancel.set()

    former = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield cancel
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


__all__ = ["Cancelled", "LabError", "Status", "start", "status", "stop"]
