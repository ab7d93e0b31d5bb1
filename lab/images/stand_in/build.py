"""Build ``stand-in.jar``, what the image of the stand-in runs."""

import shutil
import sys
from pathlib import Path
from typing import Final

from assets.readiness.build import build, main
from toolchain.cache import Entry, digest, publish

HERE: Final = Path(__file__).parent
JAR: Final = HERE / "stand-in.jar"
"""The committed jar."""
SOURCES: Final = HERE / "src"
MANIFEST: Final = "Manifest-Version: 1.0\r\nMain-Class: platform.standin.KafkaUi\r\n\r\n"
_PLACES: Final = ("usr/share/java/ksqldb-rest-app/stand-in.jar", "api.jar")
"""Where ksqlDB's classes and Kafka UI are in their own images."""


def entries(classpath: str) -> dict[str, bytes]:
    """Return what belongs into the jar, by entry name."""
    return build(classpath, sources=SOURCES, manifest=MANIFEST)


def entry() -> Entry:
    """Return the cache entry of the image's files, keyed by the jar."""
    return Entry("stand-in", digest(JAR.read_bytes(), *_PLACES))


def files() -> Path:
    """Return the folder of the image's files, laid out from the image's root."""
    made = entry()

    def fill(directory: Path) -> None:
        for place in _PLACES:
            (directory / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(JAR, directory / place)

    publish(made, fill)
    return made.path


if __name__ == "__main__":
    sys.exit(main(jar=JAR, sources=SOURCES, manifest=MANIFEST))
