"""A real schema registry on a free loopback port, and its Confluent API."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from contracts.subject import CompatibilityLevel, Subject
from lab.images import apicurio

LONGEST: Final = 1800
"""Seconds after which the registry ends by itself, whatever becomes of the tests."""
READY: Final = 180
"""Seconds it may take to answer."""


class Registry:
    """The registry's API; one connection, one caller at a time."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        """Address of the Confluent API."""
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and document of an answer, whatever the status."""
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        self._connection.request(method, f"/apis/ccompat/v7{path}", text, headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read() or b"null")

    def register(self, subject: Subject) -> int:
        """Ask for a new version; return the status: 200 when it has one, 409 when it may have none."""
        status, _ = self.call("POST", f"/subjects/{quote(subject.name, safe='')}/versions", _request(subject))
        return status

    def set_level(self, name: str, level: CompatibilityLevel) -> None:
        status, answer = self.call("PUT", f"/config/{quote(name, safe='')}", {"compatibility": level.value})
        assert status == 200, answer

    def forget_latest(self, name: str) -> None:
        status, answer = self.call("DELETE", f"/subjects/{quote(name, safe='')}/versions/latest")
        assert status == 200, answer

    def compatible(self, subject: Subject) -> bool:
        """Ask whether the schema may follow the latest version, without registering it."""
        path = f"/compatibility/subjects/{quote(subject.name, safe='')}/versions/latest"
        status, answer = self.call("POST", path, _request(subject))
        assert status == 200, answer
        verdict = answer["is_compatible"]
        assert isinstance(verdict, bool)
        return verdict


def _request(subject: Subject) -> dict[str, Any]:
    references = [{"name": one.name, "subject": one.subject, "version": one.version} for one in subject.references]
    return {"schema": subject.schema, "schemaType": "AVRO", "references": references}


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """Run a registry that keeps everything in memory, with its log in ``folder``."""
    home = apicurio.distribution()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "registry.log"
    bounded = ["timeout", "--signal=KILL", str(LONGEST)]
    machine = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={folder}"]
    environment = {
        "PATH": os.environ["PATH"],
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "QUARKUS_LOG_LEVEL": "ERROR",
    }
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*bounded, *machine, "-jar", str(apicurio.runner(home))],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        registry = Registry(port)
        try:
            _wait(registry, process, log)
            yield registry
        finally:
            registry.close()
            process.terminate()


def _wait(registry: Registry, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY
    while True:
        try:
            if registry.call("GET", "/subjects") == (200, []):
                return
        except (OSError, HTTPException):
            registry.close()
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.2)
