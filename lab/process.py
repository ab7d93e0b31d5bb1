"""Processes that outlive the command that starts them, and how they are found again and ended.

A process is known by its number, its start time and the boot it runs in, so that a number the kernel has given to
somebody else is never taken for ours. Besides, each carries a marker in its environment, which its children inherit:
that finds what a killed start had no time to write down.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.paths import Layout

MARKER: Final = "KAFKA_PLATFORM_LAB_PROCESS"
"""Environment variable of every process of a lab: its data directory, a bar, and the name of the process started."""


def boot_id() -> str:
    """Return the kernel's id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True)
class Identity:
    """One process for all time."""

    pid: int
    started: int
    """Clock ticks from boot to its start: field 22 of /proc/PID/stat (proc(5))."""
    boot: str

    @property
    def alive(self) -> bool:
        """True while exactly this process runs; a zombie doesn't."""
        return identify(self.pid) == self


def parse_stat(stat: str) -> tuple[str, int]:
    """Return state and start time from /proc/PID/stat; the command in it may hold blanks and parentheses."""
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def identify(pid: int) -> Identity | None:
    """Return who has this number now; None when nobody has, or a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        state, started = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else Identity(pid, started, boot_id())


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A program to be kept running."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]


class Processes:
    """The long-running processes of one lab."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def names(self) -> list[str]:
        """Return the names of all processes that were started."""
        return sorted(file.stem for file in self._layout.processes.glob("*.json"))

    def find(self, name: str) -> Identity | None:
        """Return the running process of that name."""
        try:
            identity = Identity(**json.loads(self._file(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return identity if identity.alive else None

    def log(self, name: str) -> Path:
        """Return the file that holds what the process printed."""
        return self._layout.logs / f"{name}.log"

    def mark(self, name: str, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with the marker by which a stop finds the process and its children."""
        return {**environment, MARKER: f"{self._layout.root}|{name}"}

    def start(self, daemon: Daemon) -> bool:
        """Start the program unless it runs; return whether it was started.

        It gets a session of its own, so that a Ctrl-C at the terminal doesn't reach it.
        """
        if self.take_up(daemon.name):
            return False
        for folder in (self._layout.processes, self._layout.logs):
            folder.mkdir(parents=True, exist_ok=True)
        command = [str(part) for part in daemon.command]
        pid = os.posix_spawn(
            command[0],
            command,
            self.mark(daemon.name, daemon.environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log(daemon.name)), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
        )
        self._record(daemon.name, pid)
        return True

    def take_up(self, name: str) -> bool:
        """Return whether the process runs, and record it if a killed start could not.

        It leads its session; its children do not.
        """
        if self.find(name) is not None:
            return True
        leaders = [pid for pid in self.owned(name) if _session(pid) == pid]
        return any(self._record(name, pid) for pid in leaders)

    def _record(self, name: str, pid: int) -> bool:
        identity = identify(pid)
        if identity is None:
            return False
        temporary = self._file(name).with_suffix(".new")
        temporary.write_text(json.dumps(asdict(identity)))
        temporary.replace(self._file(name))
        return True

    def check(self, name: str) -> None:
        """Raise LabError with the last lines of its log when the process has ended."""
        if self.find(name) is None:
            raise LabError(f"{name} ended: {self.last_words(name)}")

    def last_words(self, name: str, lines: int = 3) -> str:
        """Return the end of the log as one line."""
        try:
            text = self.log(name).read_text(errors="replace")
        except FileNotFoundError:
            return "it printed nothing"
        return " / ".join(text.strip().splitlines()[-lines:]) or "it printed nothing"

    def owned(self, *names: str) -> set[int]:
        """Return every process of this lab, children included; with ``names``, those that were started by these."""
        wanted = names or self.names()
        recorded = {identity.pid for name in wanted if (identity := self.find(name)) is not None}
        return recorded | {
            pid
            for pid, (root, name) in marked().items()
            if root == str(self._layout.root) and (not names or name in names)
        }

    def _file(self, name: str) -> Path:
        return self._layout.processes / f"{name}.json"


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def marked() -> dict[int, tuple[str, str]]:
    """Return all processes of any lab with their lab's data directory and the name they were started by."""
    prefix = f"{MARKER}=".encode()
    found: dict[int, tuple[str, str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for variable in (entry / "environ").read_bytes().split(b"\0"):
                if variable.startswith(prefix):
                    root, _, name = variable.removeprefix(prefix).decode().partition("|")
                    found[int(entry.name)] = root, name
    return found


def roots() -> set[str]:
    """Return the data directories of the labs that run."""
    return {root for root, _ in marked().values()}


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(identities: Iterable[Identity], patience: float) -> None:
    """Ask the processes to end, and kill what is left after ``patience`` seconds."""
    waiting = [identity for identity in identities if identity.alive]
    signal_all((identity.pid for identity in waiting), signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (waiting := [identity for identity in waiting if identity.alive]) and time.monotonic() < deadline:
        time.sleep(0.02)
    signal_all((identity.pid for identity in waiting), signal.SIGKILL)


def kill_all(find: Callable[[], set[int]], patience: float = 20) -> None:
    """Kill what ``find`` returns until it returns nothing; raises LabError after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while left := find():
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(left)} can't be killed; look at them with ps and stop the lab again")
        signal_all(left, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)
