"""A schema registry on the loopback: nginx with the rendered configuration, and a real Apicurio behind it."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.literals import SCHEMA_REGISTRY_PORT, RegistryImplementation
from lab.images import apicurio
from manifests import schema_registry_paths as paths
from manifests.schema_registry_access import RegistryUser, password_file
from manifests.schema_registry_proxy import Replica, proxy_config
from toolchain.ensure import ensure
from toolchain.programs import program

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def certificate(folder: Path) -> None:
    """Make ``tls.crt``, which is its own authority and for localhost, and ``tls.key``."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt"), "-days", "1"),
            *("-subj", "/CN=schema-registry", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )


def configuration(
    folder: Path,
    implementation: RegistryImplementation,
    users: Sequence[RegistryUser],
    passwords: Mapping[str, str],
    replica: Replica,
    others: Sequence[Replica] = (),
    authority: str = "tls.crt",
) -> str:
    """The rendered configuration with this folder's files in place of the pod's paths."""
    certificate(folder)
    (folder / "users").write_text(password_file(passwords))
    with pytest.MonkeyPatch.context() as patch:
        for name, file in (
            ("CERTIFICATE", "tls.crt"),
            ("PRIVATE_KEY", "tls.key"),
            ("CLUSTER_CA", authority),
            ("PASSWORDS", "users"),
        ):
            patch.setattr(paths, name, str(folder / file))
        patch.setattr(paths, "TEMPORARY", str(folder))
        patch.setattr(paths, "FIRST_PROCESS_PORT", 0)
        return proxy_config(implementation, users, replica, others)


@contextmanager
def nginx(folder: Path, text: str, port: int) -> Iterator[Path]:
    """Run nginx, listening on ``port`` for what the pod's listens on; yields its output's file."""
    ensure(["tests"])
    file = folder / "nginx.conf"
    file.write_text(text.replace(f"listen {SCHEMA_REGISTRY_PORT} ssl", f"listen {port} ssl"))
    # Of root's nginx, the workers stay root: the folder is nobody else's.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    command = [str(program("nginx")), *user, "-e", "stderr", "-p", str(folder), "-c", str(file)]
    with (
        (folder / "out").open("w") as out,
        (folder / "errors").open("w") as errors,
        subprocess.Popen(command, stdout=out, stderr=errors) as running,
    ):
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection((HOST, port), 1).close()
                    break
                except OSError:
                    said = (folder / "errors").read_text()
                    assert running.poll() is None and time.monotonic() < deadline, f"nginx doesn't listen: {said}"
                    time.sleep(0.05)
            yield folder / "out"
        finally:
            running.terminate()


@dataclass(frozen=True)
class Registry:
    """A registry as clients reach it."""

    url: str
    ca_pem: str
    passwords: Mapping[str, str]
    process: "subprocess.Popen[bytes]"


@contextmanager
def apicurio_registry(folder: Path, users: Sequence[RegistryUser], passwords: Mapping[str, str]) -> Iterator[Registry]:
    """Run Apicurio Registry, its content in memory, with the proxy before it."""
    folder.mkdir(parents=True, exist_ok=True)
    inner, outer = free_port(), free_port()
    settings = {
        "quarkus.http.host": HOST,
        "quarkus.http.port": str(inner),
        "quarkus.http.access-log.enabled": "false",
        "quarkus.banner.enabled": "false",
    }
    (folder / "registry.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    jar = apicurio.runner(apicurio.distribution())
    arguments = ["-Xmx256m", "-XX:+UseSerialGC", f"-Dsmallrye.config.locations={folder}/registry.properties"]
    with (
        (folder / "registry.log").open("w") as log,
        subprocess.Popen(["java", *arguments, "-jar", str(jar)], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until_ready(f"http://{HOST}:{inner}/health/ready", process, folder / "registry.log")
            text = configuration(
                folder, RegistryImplementation.APICURIO, users, passwords, Replica(number=inner, host="localhost")
            )
            with nginx(folder, text, outer):
                yield Registry(f"https://localhost:{outer}", (folder / "tls.crt").read_text(), passwords, process)
        finally:
            process.terminate()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            said = log.read_text()
            assert process.poll() is None and time.monotonic() < deadline, f"the registry doesn't start: {said}"
            time.sleep(0.2)
