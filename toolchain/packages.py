"""The Debian packages the lab and the tests use: which are installed, and which are only unpacked into the cache."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from toolchain.cache import Entry, digest


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A package that must be on the system, because it works with the system's own files or libraries."""

    names: tuple[str, ...]
    """The package, and what other releases call its equivalent; the first that can be had is installed."""
    groups: tuple[str, ...]
    probes: tuple[str, ...]
    """Programs, or absolute path patterns, that show it is there, whoever installed it."""


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A package that is unpacked into the cache, never installed: an installation would start its service."""

    name: str
    group: str
    binaries: tuple[str, ...]

    @property
    def entry(self) -> Entry:
        """The entry of the cache; a new release of the system has one of its own."""
        return Entry(f"debian-{self.name}", digest(self.name, *self.binaries, platform.machine(), _release()))


def _release() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "unknown"
    return f"{release.get('ID')} {release.get('VERSION_ID')}"


INSTALLED: Final = (
    Installed(
        names=("ca-certificates",),
        groups=("pulumi", "lab", "tests", "bench"),
        probes=("/etc/ssl/certs/ca-certificates.crt",),
    ),
    Installed(names=("iproute2",), groups=("lab",), probes=("ip",)),
    Installed(names=("iptables",), groups=("lab",), probes=("iptables", "iptables-restore")),
    Installed(names=("conntrack",), groups=("lab",), probes=("conntrack",)),
    Installed(names=("kmod",), groups=("lab",), probes=("modprobe",)),
    Installed(names=("procps",), groups=("lab",), probes=("sysctl",)),
    Installed(names=("mount",), groups=("lab",), probes=("mount", "umount")),
    Installed(names=("util-linux",), groups=("lab",), probes=("nsenter", "unshare")),
    Installed(names=("maven",), groups=("lab", "tests"), probes=("mvn",)),
    Installed(names=("debootstrap",), groups=("lab",), probes=("debootstrap",)),
    Installed(names=("libseccomp2",), groups=("lab",), probes=("/usr/lib/*/libseccomp.so.2", "/lib/*/libseccomp.so.2")),
    Installed(names=("kcat", "kafkacat"), groups=("tests",), probes=("kcat",)),
    Installed(names=("postgresql",), groups=("tests",), probes=("/usr/lib/postgresql/*/bin/postgres",)),
    Installed(
        names=("openjdk-17-jdk-headless", "openjdk-21-jdk-headless"), groups=("tests",), probes=("java", "javac")
    ),
)
"""Installed when their probes fail."""

UNPACKED: Final = (
    Unpacked(
        name="containerd",
        group="lab",
        binaries=("containerd", "containerd-shim-runc-v2", "ctr"),
    ),
    Unpacked(name="runc", group="lab", binaries=("runc",)),
    Unpacked(name="etcd-server", group="lab", binaries=("etcd",)),
    Unpacked(
        name="containernetworking-plugins",
        group="lab",
        binaries=("bridge", "host-local", "loopback", "portmap", "ptp"),
    ),
    Unpacked(name="nginx", group="tests", binaries=("nginx",)),
)
"""Unpacked into the cache; ``bin`` of their entry has the named programs."""


def missing(group: str, found: Callable[[str], bool]) -> list[Installed]:
    """The packages of a group of which a probe fails."""
    return [one for one in INSTALLED if group in one.groups and not there(one, found)]


def there(package: Installed, found: Callable[[str], bool]) -> bool:
    """Whether a package is there: all its programs, or one of its path patterns."""
    patterns = [probe for probe in package.probes if probe.startswith("/")]
    programs = [probe for probe in package.probes if not probe.startswith("/")]
    return all(map(found, programs)) and (not patterns or any(map(found, patterns)))
