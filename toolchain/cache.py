"""The cache of built and fetched programs: one directory per entry and key, published whole or not at all."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

VARIABLE: Final = "KAFKA_PLATFORM_CACHE"
"""Environment variable that moves the cache."""

_POLL_SECONDS: Final = 0.2


class Missing(LookupError):
    """A program that is not in the cache yet. The message names the command that puts it there."""

    def __init__(self, program: str, group: str) -> None:
        super().__init__(f"{program} is not in the cache: run `python -m toolchain ensure {group}`.")
        self.program = program
        self.group = group


def cache_root() -> Path:
    """Where programs are kept: ``$KAFKA_PLATFORM_CACHE``, else ``kafka-platform`` in the user's cache directory.

    A relative ``$XDG_CACHE_HOME`` is ignored, as the XDG base directory specification asks for.
    """
    if own := os.environ.get(VARIABLE):
        return Path(own).expanduser().absolute()
    user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (user if user.is_absolute() else Path.home() / ".cache") / "kafka-platform"


def digest(*parts: bytes | str) -> str:
    """Sixteen hexadecimal digits that differ when a part differs; parts are kept apart by their lengths."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()[:16]


@dataclass(frozen=True)
class Entry:
    """One directory of the cache. It exists only once everything in it does."""

    name: str
    key: str

    @property
    def path(self) -> Path:
        """Where the entry is, or will be."""
        return cache_root() / "programs" / f"{self.name}-{self.key}"

    @property
    def present(self) -> bool:
        """Whether the entry was published."""
        return self.path.is_dir()

    @property
    def bin(self) -> Path:
        """Directory of the entry's programs."""
        return self.path / "bin"


def publish(entry: Entry, fill: Callable[[Path], None], *, waiting: Callable[[], None] = lambda: None) -> bool:
    """Let ``fill`` make the entry in a directory beside it, then rename that; true if it was needed.

    Another process or thread that makes the same entry is waited for, and its result is taken; ``waiting`` is called
    again and again meanwhile and may raise. If ``fill`` raises, nothing is published. Remains of a killed run are
    removed.
    """
    if entry.present:
        return False
    with _locked(entry.name, waiting):
        if entry.path.is_dir():
            return False
        parent = entry.path.parent
        parent.mkdir(parents=True, exist_ok=True)
        for stale in parent.glob(f".{entry.name}~*"):
            _remove(stale)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{entry.name}~", dir=parent))
        try:
            fill(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(entry.path)
        finally:
            if unfinished.exists():
                _remove(unfinished)
    return True


def _remove(directory: Path) -> None:
    # The build that was killed may still be writing for a moment; what it leaves is removed by the next run.
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _locked(name: str, waiting: Callable[[], None]) -> Iterator[None]:
    locks = cache_root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as lock:
        # Polled, not blocked on, so that `waiting` can raise when the run is interrupted.
        while not _taken(lock):
            waiting()
            time.sleep(_POLL_SECONDS)
        yield


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
