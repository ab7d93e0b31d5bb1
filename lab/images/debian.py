"""A small Debian root with Java and nginx, made by debootstrap."""

import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.images.command import run
from lab.images.oci import write_layer
from toolchain.cache import Entry, digest, publish

_JAVA: Final = {"bookworm": "openjdk-17-jre-headless", "trixie": "openjdk-21-jre-headless"}
USER: Final = 1000
_RECIPE: Final = "3"
"""Raise it when what this file does to the root changes."""
_USELESS: Final = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/zoneinfo/right",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
    "var/log",
    "debootstrap",
)


def suite() -> str:
    """Return the Debian release of the image: this machine's own if it is one we know, else bookworm."""
    try:
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        codename = ""
    return codename if codename in _JAVA else "bookworm"


def entry() -> Entry:
    """Return the cache entry of the layer."""
    return Entry("image-debian-java", digest(_RECIPE, suite(), _JAVA[suite()]))


def layer() -> Path:
    """Return the layer's tar, made if it isn't there; raises LabError without root or when debootstrap fails."""
    made = entry()
    publish(made, _fill)
    return made.path / "layer.tar"


def _fill(directory: Path) -> None:
    if os.geteuid() != 0:
        raise LabError("building the lab's images needs root: run it as root, or name a cluster in KUBE_CONTEXT")
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".root-") as work:
        root = Path(work) / "root"
        packages = f"--include={_JAVA[suite()]},ca-certificates,nginx"
        command = ["debootstrap", "--variant=minbase", packages, suite(), str(root)]
        try:
            run([*command, *_mirror()], "making the Debian root")
        finally:
            _unmount(root)
        slim(root)
        write_layer(root, directory / "layer.tar")


def _mirror() -> list[str]:
    """Return where this machine itself gets Debian from; none means debootstrap's default."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"], "asking apt")
    found = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == [suite(), "main"]]
    return found[:1]


def _unmount(root: Path) -> None:
    """Undo mounts that an interrupted debootstrap left, deepest first, before anything is deleted through them."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((point for point in mounted if point.startswith(f"{root}/")), reverse=True):
        run(["umount", "--lazy", point], f"unmounting {point}")


def slim(root: Path) -> None:
    """Remove what no container needs, and add the user Kafka runs as, with the folders it may write to."""
    for name in _USELESS:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("var/log", "var/cache", "var/lib/apt/lists"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "dev", ignore_errors=True)
    for name in ("dev", "proc", "sys", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    with (root / "etc/passwd").open("a") as users, (root / "etc/group").open("a") as groups:
        users.write(f"appuser:x:{USER}:{USER}::/home/appuser:/usr/sbin/nologin\n")
        groups.write(f"appuser:x:{USER}:\n")
    for name in ("home/appuser", "var/lib/kafka/data", "etc/kafka", "mnt/shared/config"):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, USER, USER)
    # containerd mounts its own over these, and a link of the build machine's would dangle.
    for name in ("etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)
        (root / name).touch()
