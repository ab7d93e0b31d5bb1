"""Apicurio Registry's distribution from Maven, checked against the committed lock."""

import tarfile
import tempfile
from pathlib import Path
from typing import Final

import versions
from lab.errors import LabError
from lab.images.command import run
from lab.images.kafka import verify
from toolchain.cache import Entry, digest, publish

LOCK: Final = Path(__file__).parent / "apicurio.lock"
_DESCRIPTOR: Final = Path(__file__).parent / "apicurio-pom.xml"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_RECIPE: Final = "1"
"""Raise it when what this file makes of the archive changes."""


def entry() -> Entry:
    """Return the cache entry of the distribution, keyed by the lock."""
    return Entry("apicurio", digest(_RECIPE, versions.APICURIO, LOCK.read_bytes()))


def distribution() -> Path:
    """Return the unpacked distribution, fetched if it isn't there: ``lib/`` and the runner's jar beside it.

    Raises LabError when the archive isn't the locked one.
    """
    unpacked = entry()
    publish(unpacked, _fill)
    return unpacked.path


def runner(home: Path) -> Path:
    """Return the jar that ``java -jar`` starts."""
    return home / f"apicurio-registry-app-{versions.APICURIO}-runner.jar"


def _fill(directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".apicurio~download-") as work:
        archives = Path(work) / "archives"
        run(
            [
                *("mvn", "-q", "-B", f"-Dmaven.repo.local={_repository(Path(work))}", _PLUGIN),
                f"-Dartifact=io.apicurio:apicurio-registry-app:{versions.APICURIO}:tar.gz:all",
                f"-DoutputDirectory={archives}",
            ],
            "fetching Apicurio Registry",
        )
        verify(archives.iterdir(), LOCK)
        for archive in archives.iterdir():
            with tarfile.open(archive) as tar:
                tar.extractall(directory, filter="data")
    if not runner(directory).is_file():
        raise LabError(f"the archive of Apicurio Registry holds no {runner(directory).name}; correct the version")


def _repository(work: Path) -> Path:
    """Make a local repository of Maven that knows a descriptor of Apicurio without its parent and libraries.

    The archive holds the libraries already, and not every mirror has the parent, without which Maven gives up.
    """
    repository = work / "repository"
    home = repository / "io/apicurio/apicurio-registry-app" / versions.APICURIO
    home.mkdir(parents=True)
    descriptor = home / f"apicurio-registry-app-{versions.APICURIO}.pom"
    descriptor.write_text(_DESCRIPTOR.read_text().replace("@apicurio@", versions.APICURIO))
    return repository
