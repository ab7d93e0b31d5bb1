"""Making programs exist: what is there is left alone, what is missing is fetched or built, side by side."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import versions
from toolchain import debian, engine, packages
from toolchain.builds import BUILDS, Build
from toolchain.cache import Entry, publish
from toolchain.compilation import compile_into, warm
from toolchain.go import Go, fetch, fetched_entry
from toolchain.packages import UNPACKED, Installed, Unpacked
from toolchain.process import Failed, Processes, Stopped, Unsuitable

DEFAULT_GROUPS: Final = ("pulumi", "lab", "tests")
"""The engine with its plugins, the lab's programs, what the tests need besides."""
GROUPS: Final = (*DEFAULT_GROUPS, "bench")
"""What can be asked for: those, and what `ops bench topics` compares the engine with."""

_MEMORY_FOR_TWO: Final = 12 * 2**30
"""Bytes of memory from which two builds run at once; the largest alone takes up to 5 GiB."""

_DOWNLOADS_AT_ONCE: Final = 3
_SYSTEM: Final = "system packages"
_GO: Final = "go"


class State(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    PRESENT = "present"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """News of a step."""

    step: str
    state: State
    detail: str = ""
    """What is being done right now, or what went wrong."""
    done: int = 0
    total: int = 0
    """Packages compiled, of how many; 0 of 0 where that isn't known."""


Report = Callable[[Progress], None]


def ensure(groups: Iterable[str], report: Report = lambda _: None) -> None:
    """Make the programs of the groups exist. When they do, this takes milliseconds and asks nothing of the network.

    ``report`` gets the news, one call at a time, from any thread. Raises :class:`toolchain.process.Unsuitable` before
    anything is touched when this machine can't do it, and :class:`toolchain.process.Failed` for a step that failed;
    the others are ended then, and another call goes on from what is done. So it is after an interrupt.
    """
    plan = Plan.of(groups)
    plan.check()
    _Run(plan, report).all()


@dataclass(frozen=True)
class Plan:
    """What has to be done."""

    builds: Sequence[Build]
    unpack: Sequence[Unpacked]
    install: Sequence[tuple[str, Installed]]
    """Packages, each with the group that asked for it."""
    present: Sequence[str]

    @classmethod
    def of(cls, groups: Iterable[str]) -> "Plan":
        """Compare what the groups need with what is there; an unknown group is a :class:`ValueError`."""
        asked = list(dict.fromkeys(groups))
        if unknown := [group for group in asked if group not in GROUPS]:
            raise ValueError(f"there is no group {unknown[0]!r}: choose from {', '.join(GROUPS)}.")
        present: list[str] = []
        builds = [build for build in BUILDS if build.group in asked]
        if "pulumi" in asked and (theirs := engine.installed()):
            present.append(f"pulumi ({theirs})")
            builds = [build for build in builds if build.group != "pulumi"]
        unpack = [package for package in UNPACKED if package.group in asked]
        wanted: list[Build | Unpacked] = [*builds, *unpack]
        present += [one.name for one in wanted if one.entry.present]
        missing_builds = [build for build in builds if not build.entry.present]
        needed = [(group, one) for group in asked for one in packages.missing(group, debian.on_this_machine)]
        if not missing_builds and "lab" not in asked:
            needed = [(group, one) for group, one in needed if group != "pulumi"]
        return cls(
            builds=missing_builds,
            unpack=[package for package in unpack if not package.entry.present],
            install=list({one.names: (group, one) for group, one in needed}.values()),
            present=present,
        )

    def check(self) -> None:
        """Raise :class:`Unsuitable` for what can't be done here."""
        apt = shutil.which("apt-get") is not None
        for group in GROUPS:
            names = [package.names[0] for wanted_by, package in self.install if wanted_by == group]
            debian.refuse(names, group, root=os.geteuid() == 0, apt=apt)


class _Run:
    """One call of :func:`ensure`."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._reporting = threading.Lock()
        self._processes = Processes()
        self._stopped = False
        self._downloads = threading.Semaphore(_DOWNLOADS_AT_ONCE)
        self._compilers = threading.Semaphore(2 if _memory() >= _MEMORY_FOR_TWO else 1)

    def all(self) -> None:
        plan = self._plan
        for name in plan.present:
            self._tell(name, State.PRESENT)
        if not (plan.builds or plan.unpack or plan.install):
            return
        with ThreadPoolExecutor(1) as system, ThreadPoolExecutor(max(1, len(plan.builds))) as builders:
            try:
                futures: list[Future[None]] = []
                if plan.install:
                    futures.append(system.submit(self._step, _SYSTEM, self._install))
                    if any(one.names == ("ca-certificates",) for _, one in plan.install):
                        # Nothing can be downloaded over TLS before.
                        futures[0].result()
                futures += [system.submit(self._step, one.name, self._unpack, one) for one in plan.unpack]
                if plan.builds:
                    go = self._go()
                    futures += [builders.submit(self._step, one.name, self._build, one, go) for one in plan.builds]
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            except BaseException:
                self._stopped = True
                system.shutdown(wait=False, cancel_futures=True)
                builders.shutdown(wait=False, cancel_futures=True)
                self._processes.stop()
                raise

    def _step(self, name: str, action: Callable[..., None], *arguments: object) -> None:
        try:
            action(*arguments)
        except Stopped:
            raise
        except (Failed, Unsuitable) as error:
            self._tell(name, State.FAILED)
            raise type(error)(f"{name}: {error}") from error

    def _install(self) -> None:
        names = ", ".join(one.names[0] for _, one in self._plan.install)
        self._tell(_SYSTEM, State.RUNNING, f"installing {names}")
        system = debian.Debian(self._processes, lambda line: self._tell(_SYSTEM, State.RUNNING, line))
        system.install([one for _, one in self._plan.install])
        self._tell(_SYSTEM, State.DONE, names)

    def _unpack(self, package: Unpacked) -> None:
        def fill(directory: Path) -> None:
            self._tell(package.name, State.RUNNING, "downloading")
            debian.Debian(self._processes).unpack(package, directory)

        self._publish(package.name, package.entry, fill)

    def _go(self) -> Go:
        found = Go.find(self._processes)
        if found is None:
            self._tell(_GO, State.RUNNING, f"downloading Go {versions.GO}")

            def fill(directory: Path) -> None:
                fetch(self._processes, directory, lambda line: self._tell(_GO, State.RUNNING, line))

            self._publish(_GO, fetched_entry(), fill)
            found = Go.find(self._processes)
        if found is None:
            raise Failed(f"Go {versions.GO} was fetched but doesn't run on this machine.")
        return found

    def _build(self, build: Build, go: Go) -> None:
        def tell(detail: str, done: int, total: int) -> None:
            self._tell(build.name, State.RUNNING, detail, done, total)

        self._tell(build.name, State.WAITING)
        with self._downloads:
            warm(build, go, self._processes, tell)

        def fill(directory: Path) -> None:
            if not self._compilers.acquire(blocking=False):
                self._tell(build.name, State.WAITING, "a free processor")
                self._compilers.acquire()
            try:
                compile_into(directory, build, go, self._processes, tell)
            finally:
                self._compilers.release()

        self._publish(build.name, build.entry, fill)

    def _publish(self, name: str, entry: Entry, fill: Callable[[Path], None]) -> None:
        announced = False

        def waiting() -> None:
            nonlocal announced
            if self._stopped:
                raise Stopped("interrupted")
            if not announced:
                self._tell(name, State.WAITING, "another run, which makes it")
                announced = True

        made = publish(entry, fill, waiting=waiting)
        self._tell(name, State.DONE if made else State.PRESENT)

    def _tell(self, step: str, state: State, detail: str = "", done: int = 0, total: int = 0) -> None:
        with self._reporting:
            self._report(Progress(step, state, detail, done, total))


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
