"""One build of the table, from sources to an entry of the cache."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from toolchain.builds import MODULES, Borrowed, Build
from toolchain.go import Go
from toolchain.process import Processes
from toolchain.repairs import put_in

Tell = Callable[[str, int, int], None]
"""Called with what is being done, and how many packages of how many are done."""

RECORD: Final = "made.json"
"""File of an entry that says which Go made it and how many seconds that took."""

_DOWNLOADING: Final = "go: downloading "


def warm(build: Build, go: Go, processes: Processes, tell: Tell) -> None:
    """Download what a build needs, so that compilers don't wait for the network later."""
    go.packages(
        processes,
        MODULES / build.module,
        # Sources may embed files that aren't copied beside them yet.
        ["-e", *build.binaries.values()],
        build.unchecked,
        lambda text: tell(_shortened(text), 0, 0),
    )


def compile_into(directory: Path, build: Build, go: Go, processes: Processes, tell: Tell) -> None:
    """Make the content of a build's entry in ``directory``.

    The compiler sees copies of exactly those files that the entry's key is made of; the checkout is only read.
    """
    started = time.monotonic()
    work = directory / "work"
    source = work / "source"
    for file in build.files():
        if file.is_relative_to(MODULES / build.module):
            _copy(file, source / file.relative_to(MODULES / build.module))
    for one in build.embedded:
        _copy(_borrowed(one, build, go, processes, work, tell), source / Path(one.file).name)

    def downloading(text: str) -> None:
        tell(_shortened(text), 0, 0)

    if build.repair is not None:
        module = go.module_directory(processes, source, build.repair.module, build.unchecked, downloading)
        put_in(build.repair, module, work / "repaired", source / "go.mod")
    total = go.packages(processes, source, list(build.binaries.values()), build.unchecked, downloading)
    compiled = 0
    tell("compiling", 0, total)

    def compiling(package: str) -> None:
        nonlocal compiled
        compiled += 1
        tell(package, compiled, total)

    binaries = directory / "bin"
    binaries.mkdir()
    go.build(processes, source, build.binaries, binaries, build.linker, compiling)
    for one in build.scripts:
        script = binaries / Path(one.file).name
        _copy(_borrowed(one, build, go, processes, work, tell), script)
        script.chmod(0o755)
    shutil.rmtree(work)
    record = {"go": go.version, "seconds": round(time.monotonic() - started, 1)}
    (directory / RECORD).write_text(json.dumps(record))


def _borrowed(one: Borrowed, build: Build, go: Go, processes: Processes, work: Path, tell: Tell) -> Path:
    pins = work / one.pinned_by
    for name in ("go.mod", "go.sum"):
        _copy(MODULES / one.pinned_by / name, pins / name)
    module = go.module_directory(
        processes, pins, one.module, build.unchecked, lambda text: tell(_shortened(text), 0, 0)
    )
    return module / one.file


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    # Without modes: the module cache is read-only.
    shutil.copyfile(file, to)


def _shortened(text: str) -> str:
    return f"downloading {text.removeprefix(_DOWNLOADING)}" if text.startswith(_DOWNLOADING) else text
