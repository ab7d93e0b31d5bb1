"""All images of the lab as archives in the cache."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import versions
from lab.images import debian, kafka
from lab.images.oci import write_archive, write_layer
from toolchain.cache import Entry, digest, publish
from toolchain.programs import program

PAUSE: Final = "lab.local/pause:1"
KAFKA: Final = f"lab.local/kafka:{versions.KAFKA}"
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RECIPE: Final = "1"
"""Raise it when what this file puts into an image changes."""


def ensure_images(report: Callable[[str], None]) -> list[Path]:
    """Return the archives of all images, made if they aren't there; raises LabError when one can't be.

    Debian and Maven are asked side by side. ``report`` is told what is being made.
    """
    with ThreadPoolExecutor(3) as pool:
        pause = pool.submit(_pause_archive)
        if _kafka_entry().present:
            return [pause.result(), _kafka_entry().path / "image.tar"]
        if not debian.entry().present:
            report("making the Debian root of the Kafka image")
        base = pool.submit(debian.layer)
        jars = pool.submit(kafka.libraries)
        return [pause.result(), _kafka_archive(base.result(), jars.result(), report)]


def _pause_archive() -> Path:
    binary = program("lab-pause")
    checksum = hashlib.sha256(binary.read_bytes()).hexdigest()

    def fill(directory: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            root = Path(work) / "root"
            root.mkdir()
            shutil.copy2(binary, root / "pause")
            (root / "pause").chmod(0o755)
            layer = Path(work) / "layer.tar"
            write_layer(root, layer)
            write_archive(directory / "image.tar", PAUSE, [layer], {"Entrypoint": ["/pause"], "User": "65535:65535"})

    entry = Entry("image-pause", digest(_RECIPE, PAUSE, checksum))
    publish(entry, fill)
    return entry.path / "image.tar"


def _kafka_entry() -> Entry:
    return Entry("image-kafka", digest(_RECIPE, KAFKA, debian.entry().key, kafka.entry().key))


def _kafka_archive(base: Path, jars: Path, report: Callable[[str], None]) -> Path:
    config: dict[str, Any] = {
        "User": f"{debian.USER}:{debian.USER}",
        "WorkingDir": "/",
        "Env": [_PATH, "LANG=C.UTF-8", "KAFKA_HOME=/opt/kafka"],
    }

    def fill(directory: Path) -> None:
        report(f"putting the image of Kafka {versions.KAFKA} together")
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layer-") as work:
            layer = Path(work) / "layer.tar"
            root = Path(work) / "root"
            shutil.copytree(jars, root / "opt/kafka/libs")
            for path in (root / "opt").rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
            write_layer(root, layer)
            write_archive(directory / "image.tar", KAFKA, [base, layer], config)

    entry = _kafka_entry()
    publish(entry, fill)
    return entry.path / "image.tar"
