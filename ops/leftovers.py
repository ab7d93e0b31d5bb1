"""Processes that a killed engine left behind: its language host and its plugins wait for it for ever.

What they are at may still reach a cluster, so they are ended before anybody looks at what is there.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ops.failure import Failure

MARK: Final = "KAFKA_PLATFORM_ENGINE_OF"
"""Environment variable by which an engine and what it starts are known; its value is the checkout."""
_ENGINE: Final = "pulumi"


def end_leftovers(root: Path, processes: Path = Path("/proc")) -> None:
    """End what is left of killed commands of a checkout, whose lock the caller holds; elsewhere than Linux, nothing.

    Raises Failure when an engine among them still lives: its ``ops`` was killed alone, and it may save its state yet.
    """
    found = list(_marked(root, processes))
    for pid, name in found:
        if name == _ENGINE:
            raise Failure(
                f"the engine of a command that was killed is still at work (process {pid})",
                f"wait for its end, or stop it with `kill -INT {pid}`",
            )
    for pid, _ in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _marked(root: Path, processes: Path) -> Iterator[tuple[int, str]]:
    mark = f"{MARK}={root}".encode()
    for folder in processes.glob("[0-9]*"):
        # Those of other users can't be read, and some end meanwhile.
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name), (folder / "comm").read_text().strip()
