"""Locks of the engine's file backend, and whether the engine that wrote one can still be at work."""

import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lab.process import identify

_PRECISION: Final = 2.0
"""Seconds that the kernel's and the lock's clocks may differ by."""


def is_stale(lock: Mapping[str, Any]) -> bool:
    """Tell whether a lock's engine has ended: it is this machine's, and doesn't run or began after the lock was made.

    A zombie has ended, though its number is taken. Raises KeyError or ValueError when it isn't a lock.
    """
    if lock["hostname"] != socket.gethostname():
        return False
    engine = identify(int(lock["pid"]))
    if engine is None:
        return True
    written = datetime.fromisoformat(lock["timestamp"]).timestamp()
    return _began(engine.started) > written + _PRECISION


def _began(ticks: int) -> float:
    """Return a process's start in seconds since the epoch."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")
