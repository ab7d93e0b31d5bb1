"""Where a program is. Nothing is built or fetched here: see :mod:`toolchain.ensure`."""

from pathlib import Path
from typing import Final

from toolchain.builds import BUILDS, Build
from toolchain.cache import Missing
from toolchain.packages import UNPACKED, Unpacked

_MAKERS: Final[dict[str, Build | Unpacked]] = {
    **{binary: build for build in BUILDS for binary in build.binaries},
    **{binary: package for package in UNPACKED for binary in package.binaries},
}

NAMES: Final = tuple(sorted(_MAKERS))
"""Every program that :func:`program` knows."""


def program(name: str) -> Path:
    """The path of a built or fetched program.

    Raises :class:`toolchain.cache.Missing`, whose message has the remedy, while the program isn't in the cache, and
    :class:`KeyError` for a name that is not in :data:`NAMES`.
    """
    maker = _MAKERS[name]
    path = maker.entry.bin / name
    if not path.is_file():
        raise Missing(name, maker.group)
    return path


def cni_plugins() -> Path:
    """Directory of the container network plugins, for containerd's ``bin_dir``."""
    return program("bridge").parent
