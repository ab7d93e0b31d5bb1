"""Build ``connect-health.jar``, the REST extension that answers Kubernetes' probes."""

import sys
from pathlib import Path
from typing import Final

from assets.readiness.build import build, main

HERE: Final = Path(__file__).parent
JAR: Final = HERE / "connect-health.jar"
"""The committed jar, mounted into every Kafka Connect pod."""
SOURCES: Final = HERE / "src"
MANIFEST: Final = "Manifest-Version: 1.0\r\n\r\n"


def entries(classpath: str) -> dict[str, bytes]:
    """Return what belongs into the jar, by entry name."""
    return build(classpath, sources=SOURCES, manifest=MANIFEST)


if __name__ == "__main__":
    sys.exit(main(jar=JAR, sources=SOURCES, manifest=MANIFEST))
