"""Putting Debian packages in place: by apt-get where one is missing, or unpacked into the cache."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from toolchain.packages import Installed, Unpacked
from toolchain.process import Failed, Processes, Unsuitable

_WAY_OUT: Final = {
    "pulumi": "",
    "lab": ", or name a running cluster in KUBE_CONTEXT",
    "tests": "",
    "bench": "",
}
"""What else helps when a group's packages can't be had."""

_APT: Final = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0")
_DIRECTORIES: Final = ("usr/bin", "usr/sbin", "bin", "sbin", "usr/lib/cni")

_index = threading.Lock()


def on_this_machine(probe: str) -> bool:
    """Whether a program is on PATH or in a system directory, or a path pattern has a match."""
    if probe.startswith("/"):
        return any(Path("/").glob(probe.lstrip("/")))
    # A user's PATH lacks sbin on Debian, which is where half of these are.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return shutil.which(probe, path=path) is not None


def refuse(missing: Sequence[str], group: str, *, root: bool, apt: bool) -> None:
    """Raise :class:`Unsuitable`, with the way out, when packages are missing and can't be installed here."""
    if not missing:
        return
    names = ", ".join(missing)
    are = "are" if len(missing) > 1 else "is"
    if not apt:
        equivalent = "their equivalents" if len(missing) > 1 else "its equivalent"
        raise Unsuitable(
            f"{names} {are} missing and this system has no apt-get: install {equivalent}{_WAY_OUT[group]}."
        )
    if not root:
        raise Unsuitable(
            f"{names} {are} missing and only root may install packages: "
            f"run `apt-get install {' '.join(missing)}` as root{_WAY_OUT[group]}."
        )


class Debian:
    """The package manager of this machine; its index is refreshed at most once, and only when something isn't found."""

    def __init__(self, processes: Processes, line: Callable[[str], None] = lambda _: None) -> None:
        self._processes = processes
        self._line = line
        self._fresh = False
        self._environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def install(self, packages: Sequence[Installed]) -> None:
        """Install each package under the first of its names that this release has."""
        with _index:
            if any(self._named(package) is None for package in packages):
                self._refresh()
            names = [self._named(package) or package.names[0] for package in packages]
            self._retried(lambda: self._apt("install", "--yes", "--no-install-recommends", *names))

    def unpack(self, package: Unpacked, directory: Path) -> None:
        """Download a package and make ``bin`` of ``directory`` from it; nothing is installed, no service starts."""
        if shutil.which("apt-get") is None:
            raise Unsuitable(
                f"{package.name} is taken from Debian's packages and this system has no apt-get: "
                f"use Debian or Ubuntu{_WAY_OUT[package.group]}."
            )
        with tempfile.TemporaryDirectory(prefix="kafka-platform-") as downloads:
            # Open to apt's own user, which apt-get downloads as when root calls it.
            Path(downloads).chmod(0o777)
            with _index:
                self._retried(lambda: self._apt("download", package.name, directory=Path(downloads)))
            archive = next(Path(downloads).glob("*.deb"))
            self._processes.run(["dpkg-deb", "--extract", archive, directory / "root"], line=self._line)
        binaries = directory / "bin"
        binaries.mkdir()
        for name in package.binaries:
            places = [directory / "root" / one / name for one in _DIRECTORIES]
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise Failed(f"the package {package.name} of this release has no {name}.")
            (binaries / name).symlink_to(os.path.relpath(found, binaries))

    def _named(self, package: Installed) -> str | None:
        for name in package.names:
            said = self._processes.output(["apt-cache", "policy", name], environment=self._environment)
            if "Candidate:" in said and "Candidate: (none)" not in said:
                return name
        return None

    def _retried(self, action: Callable[[], None]) -> None:
        """A package that isn't found, or is gone from the mirror, is one more reason for a fresh index."""
        try:
            action()
        except Failed:
            if self._fresh:
                raise
            self._refresh()
            action()

    def _refresh(self) -> None:
        if not self._fresh and os.geteuid() == 0:
            self._apt("update")
        self._fresh = True

    def _apt(self, *arguments: str, directory: Path | None = None) -> None:
        self._processes.run([*_APT, *arguments], directory=directory, environment=self._environment, line=self._line)
