"""Kafka Connect's plugins from Maven, checked against the committed lock, beside Kafka's jars."""

import shutil
import tempfile
import zipfile
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
_CONVERTER: Final = "org.apache.kafka.connect.storage.Converter"
_UNDECLARED: Final = {"plugins/apicurio-avro": "io.apicurio.registry.utils.converter.AvroConverter\n"}
"""Plugins whose jars don't say which converters they have, with those converters."""
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
    declared = [part for item in _UNDECLARED.items() for part in item]
    return Entry("connect-plugins", digest(*_VERSIONS.values(), LOCK.read_bytes(), *poms, *declared, kafka.entry().key))


def plugins() -> Path:
    """Return what goes to /opt/kafka, fetched if it isn't there; raises LabError when a jar isn't the locked one."""
    made = entry()
    publish(made, _fill)
    return made.path


def _fill(directory: Path) -> None:
    fetch(directory)
    shutil.copytree(kafka.libraries(), directory / "libs", dirs_exist_ok=True)


def fetch(directory: Path) -> None:
    """Fetch every plugin into its folder below ``directory``; raises LabError when a jar isn't the locked one."""
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
    verify(directory.rglob("*.jar"), LOCK)
    for place, converters in _UNDECLARED.items():
        _declare(directory / place, converters)


def _declare(plugin: Path, converters: str) -> None:
    """Say what a plugin has, in a jar of its own: workers look at no class whose plugin doesn't (KIP-898)."""
    # A fixed time, so that the image's digest is the same wherever it is made.
    entry = zipfile.ZipInfo(f"META-INF/services/{_CONVERTER}", date_time=(2020, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(plugin / "declared-converters.jar", "w") as jar:
        jar.writestr(entry, converters)
