"""A bare Kafka Connect worker on loopback: what the platform's own workers are compared with, and tests run against."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from manifests.jvm_options import argument_file
from ops.bare_brokers import free_ports, guarded, render
from ops.failure import Failure
from resources.connect_rest import ConnectError, ConnectRest

MAIN: Final = "org.apache.kafka.connect.cli.ConnectDistributed"
"""Also the mark of a worker's command line. A standalone worker has another last argument, by which Iceberg's sink
finds the worker's settings."""
LIFETIME: Final = 2 * 3600
"""Seconds after which a worker ends by itself, whatever became of who started it."""
START_TIMEOUT: Final = 120.0
"""Seconds until it must have answered."""
_HOST: Final = "127.0.0.1"


class PlainRest(ConnectRest):
    """A worker's REST interface without TLS and login, which only a bare worker has."""

    def _send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        place = urlsplit(self.endpoints[0])
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ConnectError(f"the bare worker can't be asked: {error}") from None
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class BareConnect:
    """A worker that is up."""

    rest: ConnectRest
    folder: Path
    """Everything it has on disk; its command line names it."""

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(errors="replace")


def worker_properties(bootstrap: str, port: int, home: Path, replicas: int) -> dict[str, str]:
    """Return what a worker can't do without; everything else is Kafka Connect's default.

    ``home`` has ``libs`` and ``plugins``, ``replicas`` is the replication factor of its topics.
    """
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "bare-connect",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        **{
            name: value
            for kind in ("config", "offset", "status")
            for name, value in (
                (f"{kind}.storage.topic", f"bare-connect-{kind}s"),
                (f"{kind}.storage.replication.factor", str(replicas)),
            )
        },
        "plugin.path": str(home / "plugins"),
        # Looking at every class costs seconds at the start, and changes nothing afterwards.
        "plugin.discovery": "service_load",
        "listeners": f"http://{_HOST}:{port}",
        "rest.advertised.host.name": _HOST,
        "rest.advertised.port": str(port),
    }


@contextlib.contextmanager
def bare_connect(
    bootstrap: str,
    home: Path,
    folder: Path,
    *,
    heap: int,
    replicas: int = 3,
    settings: Mapping[str, str] | None = None,
    jars: Sequence[Path] = (),
) -> Iterator[BareConnect]:
    """Run a worker for a block.

    ``home`` as above, ``heap`` is in bytes; ``settings`` are further ones of the worker, ``jars`` go onto its class
    path. Raises Failure when it doesn't start. In the end its process is gone; ``folder`` is the caller's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    properties = folder / "worker.properties"
    properties.write_text(render({**worker_properties(bootstrap, port, home, replicas), **(settings or {})}))
    options = folder / "options"
    classes = ":".join([f"{home}/libs/*", *map(str, jars)])
    options.write_text(argument_file([f"-Xmx{heap // 2**20}m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-cp", classes]))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            guarded(["java", f"@{options}", MAIN, str(properties)], LIFETIME),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    worker = BareConnect(
        rest=PlainRest(endpoints=[f"http://{_HOST}:{port}"], ca_pem="", username="", password=""), folder=folder
    )
    try:
        _wait(worker, process)
        yield worker
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(worker: BareConnect, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        with contextlib.suppress(ConnectError):
            if worker.rest.ready():
                return
        if process.poll() is not None or time.monotonic() > deadline:
            lines = worker.log.strip().splitlines() or ["it said nothing"]
            raise Failure(f"the bare Kafka Connect worker did not start: {lines[-1]}")
        time.sleep(0.3)
