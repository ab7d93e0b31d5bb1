"""One command at a time changes the lab."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.errors import LabError
from lab.paths import Layout
from lab.steps import Report


@contextmanager
def exclusive(layout: Layout, report: Report, patience: float = 600) -> Iterator[None]:
    """Hold the lab for this command; wait for another to end, at most ``patience`` seconds.

    The directory above the data is what is locked, so that no lock file stays behind. The kernel releases the lock of a
    command that dies.
    """
    folder = layout.root.parent
    deadline = time.monotonic() + patience
    said = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another command may have removed the directory between our open and our lock.
            if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
                break
        except BlockingIOError:
            if not said:
                report("another command is changing the lab; waiting for it to end")
                said = True
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() > deadline:
            raise LabError(
                f"another command has been changing the lab for {patience:.0f} s: wait for it to end, or end it"
            )
        time.sleep(0.1)
    try:
        yield
    finally:
        os.close(handle)
