"""A containerd root with the lab's images imported and unpacked, made once and kept in the cache.

Unpacking takes seconds per machine. Layers are only read once they are unpacked, so each machine's root links to the
template's files instead of copying them, which also lets the kernel keep one copy of them in memory. Databases are
copied.
"""

import contextlib
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.process import Processes
from lab.steps import Cancel, Report
from lab.tools import environment, run, tool

NAMESPACE: Final = "k8s.io"
"""containerd's namespace of Kubernetes."""


_RECIPE: Final = "2"
"""Raise it when what an import makes of an image changes."""


def image_digest(archive: Path) -> str:
    """Return the digest of the manifest in an OCI archive; raises LabError when it is none."""
    return _manifest(archive)[1]


def image_name(archive: Path) -> str:
    """Return the name and tag of the image in an OCI archive; raises LabError when it is none."""
    return _manifest(archive)[0]


def _manifest(archive: Path) -> tuple[str, str]:
    try:
        with tarfile.open(archive) as tar:
            stream = tar.extractfile("index.json")
            index = json.load(stream) if stream is not None else {}
        (found,) = index["manifests"]
        return str(found["annotations"]["io.containerd.image.name"]), str(found["digest"])
    except (OSError, tarfile.TarError, KeyError, IndexError, ValueError) as error:
        raise LabError(f"image {archive} is no OCI archive ({error}); remove it and start again") from None


def key(digests: Sequence[str], containerd: str) -> str:
    """Return the template's name: it changes with any image and with containerd, whose databases are its own."""
    return hashlib.sha256("\n".join([_RECIPE, containerd, *sorted(digests)]).encode()).hexdigest()[:16]


def by_digest(archives: Sequence[Path]) -> dict[str, Path]:
    """Return OCI archives by the digests of their manifests; raises LabError when one is none."""
    return {image_digest(archive): archive for archive in archives}


def ensure(images: Mapping[str, Path], processes: Processes, cancel: Cancel, report: Report) -> Path:
    """Return the template for these images, made if it isn't there."""
    from toolchain.cache import cache_root

    version = run([str(tool("containerd")), "--version"])
    folder = cache_root() / "lab" / "containerd"
    template = folder / key(list(images), version)
    if template.exists():
        return template
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        shutil.rmtree(stale, ignore_errors=True)
    report("unpacking the images")
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder, ignore_cleanup_errors=True) as place:
        _import(Path(place), list(images.values()), processes, cancel)
        (Path(place) / "root").rename(template)
    return template


def _import(place: Path, archives: Sequence[Path], processes: Processes, cancel: Cancel) -> None:
    config, socket, log = place / "config.toml", place / "sock", place / "log"
    config.write_text(
        f'version = 2\nroot = "{place}/root"\nstate = "{place}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
        f'[ttrpc]\naddress = "{socket}.ttrpc"\n'
    )
    with (
        log.open("w") as output,
        subprocess.Popen(
            [tool("containerd"), f"--config={config}", "--log-level=warn"],
            stdout=output,
            stderr=output,
            env=processes.mark("images", environment()),
            start_new_session=True,
        ) as server,
    ):
        try:
            cancel.wait_for("the start of containerd", lambda: _answers(socket, server, log), timeout=30)
            for archive in archives:
                import_archive(socket, archive, cancel)
        finally:
            server.terminate()


def import_archive(socket: Path, archive: Path, cancel: Cancel) -> None:
    """Give a running containerd an image and have it unpacked; raises LabError with its words when it refuses.

    It is found by its digest as well: as a registry's image would be, by pods of protected stacks.
    """
    name = image_name(archive).rpartition(":")[0]
    client = [tool("ctr"), "--address", socket, "--namespace", NAMESPACE]
    command = [*client, "images", "import", "--base-name", name, "--digests", archive]
    _run_cancellable([str(part) for part in command], cancel)


def _answers(socket: Path, server: "subprocess.Popen[bytes]", log: Path) -> bool:
    if server.poll() is not None:
        raise LabError(f"containerd ended while images were imported: {log.read_text().strip()[-300:]}")
    return socket.exists()


def _run_cancellable(command: list[str], cancel: Cancel) -> None:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            cancel.wait_for("the import of an image", lambda: process.poll() is not None, timeout=300)
        except LabError:
            process.kill()
            raise
        if process.returncode != 0:
            complaint = process.stderr.read().strip() if process.stderr is not None else ""
            raise LabError(f"`{' '.join(command)}` failed: {complaint}")


def clone(template: Path, target: Path) -> None:
    """Give a machine its containerd root: directories anew, databases copied, all other files linked.

    Where the two lie on different file systems, or links are refused, files are copied.
    """
    if target.exists():
        return
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    _copy(template, new)
    new.rename(target)


def _copy(source: Path, target: Path) -> None:
    flags = ["--archive"]
    if source.stat().st_dev == target.parent.stat().st_dev:
        with contextlib.suppress(LabError):
            run(["cp", *flags, "--link", str(source), str(target)])
            for database in target.rglob("*.db"):
                copy = database.with_suffix(".copy")
                shutil.copy2(database, copy)
                copy.replace(database)
            return
        shutil.rmtree(target, ignore_errors=True)
    run(["cp", *flags, str(source), str(target)])
