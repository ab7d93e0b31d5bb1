"""All images of the lab as archives in the cache."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import versions
from lab.images import apicurio, connect_plugins, debian, kafka
from lab.images.oci import write_archive, write_layer
from lab.images.stand_in import build as stand_in
from toolchain.cache import Entry, digest, publish
from toolchain.programs import program

PAUSE: Final = "lab.local/pause:1"
KAFKA: Final = f"lab.local/kafka:{versions.KAFKA}"
APICURIO: Final = f"lab.local/apicurio:{versions.APICURIO}"
"""Apicurio Registry where upstream's image has it, and Debian's nginx for the proxy beside it."""
CONNECT: Final = f"lab.local/kafka-connect:{versions.KAFKA}"
"""Kafka with the plugins that assets/connect/Dockerfile puts into the image of staging and prod, Confluent's aside."""
STAND_IN: Final = "lab.local/stand-in:1"
"""Answers probes in the place of ksqlDB and Kafka UI, whose images can't be had, and says so in its body."""
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RECIPE: Final = "1"
"""Raise it when what this file puts into an image changes."""


def ensure_images(report: Callable[[str], None]) -> list[Path]:
    """Return the archives of all images, made if they aren't there; raises LabError when one can't be.

    Debian and Maven are asked side by side. ``report`` is told what is being made.
    """
    with ThreadPoolExecutor(5) as pool:
        pause = pool.submit(_pause_archive)
        images = (_kafka_image(), _apicurio_image(), _connect_image(), _stand_in_image())
        if not all(image.entry.present for image in images):
            if not debian.entry().present:
                report("making the Debian root of the images")
            base = pool.submit(debian.layer)
            files = [pool.submit(image.files) for image in images]
            for image, fetched in zip(images, files, strict=True):
                image.make(base.result(), fetched.result(), report)
        return [pause.result(), *(image.archive for image in images)]


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


@dataclass(frozen=True, kw_only=True)
class _Image:
    """An image of the Debian root and a folder of files."""

    name: str
    title: str
    entry: Entry
    files: Callable[[], Path]
    """Fetches the folder."""
    place: str
    """Where the folder goes, relative to the root."""
    environment: tuple[str, ...] = ()

    @property
    def archive(self) -> Path:
        return self.entry.path / "image.tar"

    def make(self, base: Path, files: Path, report: Callable[[str], None]) -> None:
        config: dict[str, Any] = {
            "User": f"{debian.USER}:{debian.USER}",
            "WorkingDir": "/",
            "Env": [_PATH, "LANG=C.UTF-8", *self.environment],
        }

        def fill(directory: Path) -> None:
            report(f"putting the image of {self.title} together")
            with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".layer-") as work:
                layer = Path(work) / "layer.tar"
                root = Path(work) / "root"
                shutil.copytree(files, root / self.place)
                for path in root.rglob("*"):
                    path.chmod(0o755 if path.is_dir() else 0o644)
                write_layer(root, layer)
                write_archive(directory / "image.tar", self.name, [base, layer], config)

        publish(self.entry, fill)


def _kafka_image() -> _Image:
    return _Image(
        name=KAFKA,
        title=f"Kafka {versions.KAFKA}",
        entry=Entry("image-kafka", digest(_RECIPE, KAFKA, debian.entry().key, kafka.entry().key)),
        files=kafka.libraries,
        place="opt/kafka/libs",
        environment=("KAFKA_HOME=/opt/kafka",),
    )


def _apicurio_image() -> _Image:
    return _Image(
        name=APICURIO,
        title=f"Apicurio Registry {versions.APICURIO}",
        entry=Entry("image-apicurio", digest(_RECIPE, APICURIO, debian.entry().key, apicurio.entry().key)),
        files=apicurio.distribution,
        place="deployments",
    )


def _connect_image() -> _Image:
    return _Image(
        name=CONNECT,
        title="Kafka Connect",
        entry=Entry("image-kafka-connect", digest(_RECIPE, CONNECT, debian.entry().key, connect_plugins.entry().key)),
        files=connect_plugins.plugins,
        place="opt/kafka",
        environment=("KAFKA_HOME=/opt/kafka",),
    )


def _stand_in_image() -> _Image:
    return _Image(
        name=STAND_IN,
        title="the stand-in for ksqlDB and Kafka UI",
        entry=Entry("image-stand-in", digest(_RECIPE, STAND_IN, debian.entry().key, stand_in.entry().key)),
        files=stand_in.files,
        place="",
    )
