"""Compile Java sources into a jar that depends on nothing but them and javac's major version.

Without further arguments it is the readiness agent; assets/connect/build.py builds its own by the same functions.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

HERE: Final = Path(__file__).parent
JAR: Final = HERE / "readiness-agent.jar"
"""The committed jar, mounted into every Kafka pod."""
JAVA: Final = "17"
"""Major version of the javac that reproduces the jar; newer ones write other bytes even with ``--release 17``."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip entry can have."""
_UNIX: Final = 3
_MANIFEST: Final = "Manifest-Version: 1.0\r\nPremain-Class: platform.readiness.Agent\r\n\r\n"


class BuildError(Exception):
    """The agent can't be compiled; the message says why and what to do."""


def build(
    classpath: str,
    javac: str = "javac",
    *,
    sources: Path = HERE / "src",
    manifest: str = _MANIFEST,
    services: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """Return what belongs into the jar, by entry name, from sources compiled against a class path with Kafka's jars.

    ``services`` are what a ServiceLoader finds in it: interface to implementation.

    Raises BuildError when javac is missing, of another version, or reports anything, a warning included.
    """
    version = _run([javac, "-version"]).removeprefix("javac ").strip()
    if version.split(".")[0] != JAVA:
        raise BuildError(
            f"{javac} is version {version}, which writes other bytes than {JAVA}; install openjdk-{JAVA}-jdk"
        )
    with tempfile.TemporaryDirectory() as directory:
        files = sorted(str(path) for path in sources.rglob("*.java"))
        # So few classes are compiled before the JVM's optimising compiler would be of use.
        quick = ["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]
        options = [*quick, "--release", JAVA, "-g:none", "-proc:none", "-encoding", "UTF-8", "-Xlint:all", "-Werror"]
        _run([javac, *options, "-cp", classpath, "-d", directory, *files])
        classes = {
            path.relative_to(directory).as_posix(): path.read_bytes() for path in Path(directory).rglob("*.class")
        }
    found = {f"META-INF/services/{name}": f"{implementation}\n".encode() for name, implementation in services.items()}
    return {"META-INF/MANIFEST.MF": manifest.encode(), **found, **dict(sorted(classes.items()))}


def read(jar: Path = JAR) -> dict[str, bytes]:
    """Return the entries of a jar; none when it doesn't exist."""
    if not jar.is_file():
        return {}
    with zipfile.ZipFile(jar) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(entries: Mapping[str, bytes]) -> bytes:
    """Return the jar with these entries in their order, without times or owners."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return jar.getvalue()


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not there; install openjdk-{JAVA}-jdk or name one with --javac") from None
    if done.returncode != 0:
        raise BuildError(f"{command[0]} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def main(
    arguments: list[str] | None = None,
    *,
    jar: Path = JAR,
    sources: Path = HERE / "src",
    manifest: str = _MANIFEST,
    services: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Write the jar, or with ``--check`` only compare; 1 means that it can't be built or isn't current."""
    parser = argparse.ArgumentParser(description=f"Build {jar.name}.")
    parser.add_argument("--classpath", required=True, help="class path with kafka-clients, as javac takes it")
    parser.add_argument("--javac", default="javac", help=f"compiler, version {JAVA}")
    parser.add_argument("--check", action="store_true", help="compare with the committed jar, write nothing")
    chosen = parser.parse_args(arguments)
    try:
        entries = build(chosen.classpath, chosen.javac, sources=sources, manifest=manifest, services=services)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # Entries, not bytes: another zlib packs them differently, and that alone must not roll a cluster.
    if entries == read(jar):
        return 0
    if chosen.check:
        sys.stderr.write(f"{jar} is not what its sources give; build it again without --check\n")
        return 1
    jar.write_bytes(pack(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
