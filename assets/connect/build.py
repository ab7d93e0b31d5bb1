"""Build what the platform adds to Kafka Connect's workers: ``connect-health.jar`` and ``patient-converter.jar``."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assets.readiness.build import build, main

HERE: Final = Path(__file__).parent
MANIFEST: Final = "Manifest-Version: 1.0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Jar:
    """A committed jar, which is mounted into every Kafka Connect pod."""

    path: Path
    sources: Path
    services: Mapping[str, str] = field(default_factory=dict)
    """What a ServiceLoader finds in it: interface to implementation."""

    def entries(self, classpath: str) -> dict[str, bytes]:
        """Return what belongs into it, by entry name."""
        return build(classpath, sources=self.sources, manifest=MANIFEST, services=self.services)

    def write(self) -> int:
        """Build it as the command line says."""
        return main(jar=self.path, sources=self.sources, manifest=MANIFEST, services=self.services)


HEALTH: Final = Jar(path=HERE / "connect-health.jar", sources=HERE / "src")
"""The REST extension that answers Kubernetes' probes and restarts what failed."""
CONVERTER: Final = Jar(
    path=HERE / "patient-converter.jar",
    sources=HERE / "converter",
    services={"org.apache.kafka.connect.storage.Converter": "platform.converter.PatientConverter"},
)
"""The converter that waits for a schema registry that is away. Workers find only what a plugin names (KIP-898)."""
JARS: Final = (HEALTH, CONVERTER)


if __name__ == "__main__":
    sys.exit(max(jar.write() for jar in JARS))
