"""Kafka Connect's plugins from Maven, checked against the committed lock, beside Kafka's jars."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import versions
from lab.images import kafka
from lab.images.command import run
from lab.images.kafka import verify
from toolchain.cache import Entry, digest, publish

_POMS: Final = Path(__file__).parent / "connect"
LOCK: Final = _POMS / "plugins.lock"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_FOLDERS: Final = {
    "debezium": "plugins",
    "iceberg": "plugins/iceberg",
    "apicurio": "plugins/apicurio-avro",
    "worker": "libs",
}
"""Each pom, and where what it asks for goes below /opt/kafka."""
_VERSIONS: Final = {
    "debezium": versions.DEBEZIUM,
    "iceberg": versions.ICEBERG,
    "awssdk": versions.AWS_SDK,
    "hadoop": versions.HADOOP,
    "postgresql": versions.POSTGRESQL_JDBC,
    "converter": versions.APICURIO_CONVERTER,
    "kafka": versions.KAFKA,
}


def entry() -> Entry:
    """Return the cache entry, keyed by versions, lock, poms and Kafka's jars."""
    poms = [(_POMS / f"{name}.xml").read_bytes() for name in _FOLDERS]
    return Entry("connect-plugins", digest(*_VERSIONS.values(), LOCK.read_bytes(), *poms, kafka.entry().key))


def plugins() -> Path:
    """Return what goes to /opt/kafka, fetched if it isn't there; raises LabError when a jar isn't the locked one."""
    made = entry()
    publish(made, _fill)
    return made.path


def _fill(directory: Path) -> None:
    fetch(directory)
    verify(directory.rglob("*.jar"), LOCK)
    shutil.copytree(kafka.libraries(), directory / "libs", dirs_exist_ok=True)


def fetch(directory: Path) -> None:
    """Fetch every plugin into its folder below ``directory``."""
    for name, folder in _FOLDERS.items():
        with tempfile.TemporaryDirectory() as work:
            pom = Path(work) / "pom.xml"
            text = (_POMS / f"{name}.xml").read_text()
            for word, version in _VERSIONS.items():
                text = text.replace(f"@{word}@", version)
            pom.write_text(text)
            # Debezium comes as an archive, to be unpacked.
            goal = "unpack-dependencies" if "tar.gz" in text else "copy-dependencies"
            arguments = ("-DincludeScope=runtime", f"-DoutputDirectory={directory / folder}")
            run(["mvn", "-q", "-B", "-f", str(pom), f"{_PLUGIN}:{goal}", *arguments], f"fetching {name}'s jars")
