"""What a command and every process below it take: time, processor, memory. Linux only, from /proc."""

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_SECONDS: Final = 0.25
"""Between two looks. A look at memory walks page tables: more of them would show in what is measured."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one run took."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    """User and system, of the command and of all processes that were waited for: the kernel's count."""
    peak_bytes: int
    """Most proportional set size (PSS) of all processes together that was seen: shared pages are counted once."""
    cpu_by_program: Mapping[str, float]
    """Seconds, by name of program, of the last look at each process: so less than what it took."""
    bytes_by_program: Mapping[str, int]
    """PSS by name of program when it was most."""


def measure(command: Sequence[str], cwd: Path, environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> Usage:
    """Run a command to its end and measure it."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=err
    )
    seen = _Seen()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, seen, ended), daemon=True)
    watcher.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        # An interrupt: the command hands it on to the engine, and ends.
        process.terminate()
        process.wait()
        raise
    finally:
        ended.set()
        watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        exit_code=process.returncode,
        seconds=time.monotonic() - begin,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_bytes=seen.peak,
        cpu_by_program=seen.cpu_by_program(),
        bytes_by_program=seen.bytes_by_program,
    )


class _Seen:
    """What the looks found."""

    def __init__(self) -> None:
        self.bytes_by_program: dict[str, int] = {}
        self._ticks: dict[int, tuple[str, int]] = {}

    @property
    def peak(self) -> int:
        return sum(self.bytes_by_program.values())

    def look(self, root: int) -> None:
        sizes: Counter[str] = Counter()
        for pid in family(root):
            try:
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                size = _pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
            except OSError:
                continue
            name = program_of(arguments)
            sizes[name] += size
            self._ticks[pid] = (name, int(fields[11]) + int(fields[12]))
        if sizes.total() > self.peak:
            self.bytes_by_program = dict(sizes.most_common())

    def cpu_by_program(self) -> dict[str, float]:
        found: Counter[str] = Counter()
        for name, ticks in self._ticks.values():
            found[name] += ticks
        return {name: round(ticks / _TICKS, 2) for name, ticks in found.most_common() if ticks}


def _watch(root: int, seen: _Seen, ended: threading.Event) -> None:
    while not ended.wait(_SECONDS):
        seen.look(root)


def family(root: int) -> list[int]:
    """Return a process and all below it that are there."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for pid in found:
        found.extend(below.get(pid, ()))
    return found


def program_of(arguments: Sequence[str]) -> str:
    """Tell what a process is by its command line: a Pulumi program by its name, Python by what it runs."""
    for argument in arguments:
        name = Path(argument).name
        if name.startswith("pulumi") or argument in ("ops", "lab.aws", "pip"):
            return {"ops": "ops preview", "lab.aws": "pulumi-resource-aws"}.get(argument, name)
    return Path(arguments[0]).name if arguments else ""


def _pss(rollup: str) -> int:
    """Return the bytes of the line ``Pss: N kB``."""
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
