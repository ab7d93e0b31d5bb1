"""Which locks of the engine's file backend nobody holds any more."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.stale_lock import is_stale


def lock(pid: int, *, age: float = 0.0, host: str | None = None) -> dict[str, object]:
    written = datetime.now(UTC) - timedelta(seconds=age)
    return {"pid": pid, "hostname": host or socket.gethostname(), "username": "root", "timestamp": written.isoformat()}


_PARENT = """
import os, time
child = os.fork()
if child == 0:
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""


@contextmanager
def zombie() -> Iterator[int]:
    """The number of a process that has ended and whose parent never asks how."""
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.01)
        try:
            yield pid
        finally:
            parent.kill()


def test_a_running_engines_lock_is_held() -> None:
    assert not is_stale(lock(os.getpid()))


def test_an_ended_engines_lock_is_stale() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert is_stale(lock(ended.pid))


def test_a_zombies_lock_is_stale() -> None:
    with zombie() as pid:
        assert is_stale(lock(pid))


def test_a_lock_is_stale_whose_number_another_process_has_since() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            assert not is_stale(lock(other.pid))
            assert is_stale(lock(other.pid, age=3600))
        finally:
            other.kill()


def test_another_machines_lock_is_never_ours_to_break() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert not is_stale(lock(ended.pid, host="another.invalid"))
