"""Three bare Kafka nodes on loopback for the time of a bench: what the platform's own brokers are compared with.

Kafka's default settings, no Kubernetes, no container. They run once in plaintext, which the platform itself never
does, and once with TLS and SCRAM of throwaway certificates.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from manifests.jvm_options import argument_file
from ops.failure import Failure
from ops.throwaway_pki import Throwaway

NODES: Final = 3
LIFETIME: Final = 2 * 3600
"""Seconds after which a node ends by itself, whatever became of the bench."""
START_TIMEOUT: Final = 90.0
"""Seconds until all nodes must have answered."""

_USER: Final = "bench"
_MECHANISM: Final = "SCRAM-SHA-512"
_HOST: Final = "127.0.0.1"
_PLACE: Final = Path("/var/tmp")  # noqa: S108 - on disk, as the lab's volumes are; /tmp is often memory
_PREFIX: Final = "kafka-platform-bench-"


@dataclass(frozen=True, kw_only=True)
class BareCluster:
    """Three nodes that are up."""

    settings: Mapping[str, Any] = field(repr=False)
    """librdkafka settings of a client."""
    folder: Path
    """Everything they have on disk; their command lines name it."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One combined node: broker and controller in one process."""

    id: int
    client_port: int
    replication_port: int
    controller_port: int
    folder: Path

    @property
    def data(self) -> Path:
        """Its log directory."""
        return self.folder / f"data-{self.id}"

    @property
    def properties(self) -> Path:
        """Its server.properties."""
        return self.folder / f"server-{self.id}.properties"


def node_properties(node: Node, nodes: Sequence[Node], *, secured: bool) -> dict[str, str]:
    """Return what a node can't do without; everything else is Kafka's default.

    ``secured``: clients by SCRAM over TLS, nodes among themselves by mutual TLS, as the platform's own do.
    """
    voters = ",".join(f"{one.id}@{_HOST}:{one.controller_port}" for one in nodes)
    ports = {
        "CLIENT": node.client_port,
        "REPLICATION": node.replication_port,
        "CONTROLLER": node.controller_port,
    }
    protocols = dict.fromkeys(ports, "SSL" if secured else "PLAINTEXT") | {
        "CLIENT": "SASL_SSL" if secured else "PLAINTEXT"
    }
    opened = {name: f"{name}://{_HOST}:{port}" for name, port in ports.items()}
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(opened.values()),
        "advertised.listeners": ",".join(opened[name] for name in ("CLIENT", "REPLICATION")),
        "inter.broker.listener.name": "REPLICATION",
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": str(node.data),
    }
    if secured:
        settings |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(node.folder / "node.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(node.folder / "ca.pem"),
            "listener.name.replication.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": _MECHANISM,
            f"listener.name.client.{_MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        }
    return settings


def jvm_arguments(heap: int, libraries: Path) -> list[str]:
    """Return the JVM's arguments: the given heap, in bytes, and the collector of upstream's kafka-run-class.sh."""
    return [
        *(f"-Xms{heap // 2**20}m", f"-Xmx{heap // 2**20}m"),
        *("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"),
        *("-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", "-XX:-UsePerfData"),
        *("-cp", f"{libraries}/*"),
    ]


def format_arguments(node: Node, cluster_id: str, password: str | None) -> list[str]:
    """Return the arguments that format a node's disk, with the client's credential if it has one (KIP-900)."""
    scram = ["--add-scram", f"{_MECHANISM}=[name={_USER},password={password}]"] if password else []
    return [
        *("kafka.tools.StorageTool", "format", "--cluster-id", cluster_id),
        *("--config", str(node.properties), *scram),
    ]


def client_settings(nodes: Sequence[Node], password: str | None, ca_pem: str) -> dict[str, Any]:
    """Return librdkafka settings of a client; without a password, of the plaintext nodes."""
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{_HOST}:{node.client_port}" for node in nodes),
        "security.protocol": "SASL_SSL" if password else "PLAINTEXT",
        "log_level": 2,
    }
    if password:
        settings |= {
            "sasl.mechanism": _MECHANISM,
            "sasl.username": _USER,
            "sasl.password": password,
            "ssl.ca.pem": ca_pem,
        }
    return settings


def guarded(command: Sequence[str], lifetime: int) -> list[str]:
    """Wrap a command so that it ends with the bench, even a killed one, and in any case after ``lifetime`` seconds."""
    return ["setpriv", "--pdeathsig", "TERM", "timeout", "--kill-after", "10", str(lifetime), *command]


@contextlib.contextmanager
def bare_brokers(libraries: Path, heap: int, *, secured: bool) -> Iterator[BareCluster]:
    """Run three nodes for a block.

    ``libraries`` has Kafka's jars, ``heap`` is in bytes. Raises Failure when they don't start. In the end no process
    and no file is left.
    """
    for program in ("java", "setpriv", "timeout"):
        if shutil.which(program) is None:
            raise Failure(f"there is no {program} program", "install it, or leave out the comparison")
    remove_remains(_PLACE)
    with (
        tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=_PLACE) as name,
        contextlib.ExitStack() as running,
    ):
        folder = Path(name)
        ports = free_ports(3 * NODES)
        nodes = [
            Node(
                id=number,
                client_port=ports[3 * number],
                replication_port=ports[3 * number + 1],
                controller_port=ports[3 * number + 2],
                folder=folder,
            )
            for number in range(NODES)
        ]
        password = secrets.token_urlsafe(24) if secured else None
        ca_pem = _write_certificates(folder) if secured else ""
        _format(nodes, libraries, password)
        processes = [running.enter_context(_started(node, heap, libraries)) for node in nodes]
        settings = client_settings(nodes, password, ca_pem)
        _wait(settings, processes, nodes)
        yield BareCluster(settings=settings, folder=folder)


def remove_remains(place: Path) -> None:
    """Delete the files of benches that were killed: their folders are named after processes that are gone."""
    for folder in place.glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on; all are held until all are found, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]


def _write_certificates(folder: Path) -> str:
    pki = Throwaway.make(_HOST)
    (folder / "ca.pem").write_text(pki.ca_pem)
    key = folder / "node.pem"
    key.touch(mode=0o600)
    key.write_text(pki.key_pem + pki.certificate_pem)
    return pki.ca_pem


def _format(nodes: Sequence[Node], libraries: Path, password: str | None) -> None:
    """Write the nodes' properties and format their disks side by side; the password stands in files of ours only."""
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    with contextlib.ExitStack() as running:
        formatting = []
        for node in nodes:
            node.properties.write_text(render(node_properties(node, nodes, secured=password is not None)))
            arguments = node.folder / f"format-{node.id}"
            arguments.touch(mode=0o600)
            java = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
            arguments.write_text(
                argument_file([*java, "-cp", f"{libraries}/*", *format_arguments(node, cluster_id, password)])
            )
            formatting.append(
                running.enter_context(
                    subprocess.Popen(
                        guarded(["java", f"@{arguments}"], 60),
                        cwd=node.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                )
            )
        for process in formatting:
            _, said = process.communicate()
            if process.returncode:
                last = (said.strip().splitlines() or ["no reason given"])[-1]
                raise Failure(f"a bare node's disk could not be formatted: {last}")


@contextlib.contextmanager
def _started(node: Node, heap: int, libraries: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = ["java", *jvm_arguments(heap, libraries), "kafka.Kafka", str(node.properties)]
    with (node.folder / f"log-{node.id}").open("wb") as log:
        process = subprocess.Popen(
            guarded(command, LIFETIME),
            cwd=node.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # Nothing on its disk is wanted any more, so it isn't asked to leave its quorum in good order.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(settings: Mapping[str, Any], processes: Sequence[subprocess.Popen[bytes]], nodes: Sequence[Node]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    admin = AdminClient(dict(settings))
    while time.monotonic() < deadline:
        for node, process in zip(nodes, processes, strict=True):
            if process.poll() is not None:
                raise Failure(f"a bare node ended: {_last_words(node)}")
        with contextlib.suppress(KafkaException):
            if len(admin.describe_cluster(request_timeout=2.0).result().nodes) == len(nodes):
                return
        time.sleep(0.2)
    raise Failure(f"the bare nodes did not start within {START_TIMEOUT:.0f} s: {_last_words(nodes[0])}")


def _last_words(node: Node) -> str:
    lines = (node.folder / f"log-{node.id}").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def render(settings: Mapping[str, str]) -> str:
    """Return settings as Java reads them from a file."""
    return "".join(f"{key}={value}\n" for key, value in settings.items())
