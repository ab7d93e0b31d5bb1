"""Kafka's jars from Maven, checked against the committed lock."""

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import versions
from lab.errors import LabError
from lab.images.command import run
from toolchain.cache import Entry, digest, publish

_POM: Final = Path(__file__).parent / "kafka-pom.xml"
LOCK: Final = Path(__file__).parent / "kafka.lock"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def entry() -> Entry:
    """Return the cache entry of the jars, keyed by the lock and the pom."""
    return Entry("kafka-libs", digest(versions.KAFKA, _POM.read_bytes(), LOCK.read_bytes()))


def libraries() -> Path:
    """Return the folder of Kafka's jars, fetched if it isn't there; raises LabError when a jar isn't the locked one."""
    jars = entry()
    publish(jars, _fill)
    return jars.path


def tools_classpath() -> str:
    """Return the class path of Kafka's Java command line tools."""
    return f"{libraries()}/*"


def _fill(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(_POM.read_text().replace("@kafka@", versions.KAFKA))
        arguments = ("-DincludeScope=runtime", f"-DoutputDirectory={directory}")
        run(["mvn", "-q", "-B", "-f", str(pom), _PLUGIN, *arguments], "fetching Kafka's jars")
    verify(directory.glob("*.jar"), LOCK)


def verify(files: Iterable[Path], lock: Path) -> None:
    """Compare files with a lock of ``sha256  name`` lines; raises LabError that names what differs."""
    locked = {name: checksum for checksum, name in (line.split() for line in lock.read_text().splitlines())}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    wrong = sorted(name for name in locked.keys() | found.keys() if locked.get(name) != found.get(name))
    if wrong:
        raise LabError(
            f"these files are not the ones {lock.name} names: {', '.join(wrong)}; "
            "a mirror served something else, or the lock has to be made anew with the version"
        )
