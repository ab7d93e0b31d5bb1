"""Outputs, client files, and what the smoke test decides."""

import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ops.client import write_client
from ops.failure import Failure, UsageFailure
from ops.kafka import Topic, summarise
from ops.outputs import Outputs, parse_outputs
from ops.smoke import compare, refuses_plaintext


def certificate() -> tuple[str, str]:
    """A self-signed certificate and its key in the traditional (SEC 1) form."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auth-service")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, SHA256())
    )
    return (
        made.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
    )


@pytest.fixture(scope="module")
def outputs() -> Outputs:
    crt, key = certificate()
    client = {"mechanism": "SCRAM-SHA-512", "certificate_pem": crt, "private_key_pem": key}
    return parse_outputs(
        {
            "namespace": "kafka",
            "bootstrap_servers": "198.18.0.2:32100",
            "mtls_bootstrap_servers": "198.18.0.2:32200",
            "internal_bootstrap_servers": "kafka-service.kafka.svc.cluster.local:9092",
            "ca_pem": crt,
            "zones": ["az-a"],
            "clients": {
                "auth-service": {"username": "auth-service", "password": "pa$$ w'rd", **client},
                "admin": {"username": "admin", "password": "root", "mechanism": "SCRAM-SHA-512"},
            },
        },
        "dev",
    )


def test_outputs_show_no_secret(outputs: Outputs) -> None:
    shown = f"{outputs!r} {outputs.admin!r} {outputs.service('auth-service')!r}"
    assert "pa$$" not in shown
    assert "root" not in shown
    assert "PRIVATE KEY" not in shown


def test_a_stack_that_is_not_up() -> None:
    with pytest.raises(
        Failure, match=r"^stack dev is not up: it has no output bootstrap_servers, ca_pem, clients; bring"
    ):
        parse_outputs({"namespace": "kafka"}, "dev")


def test_backups_that_need_no_key_name_none(outputs: Outputs) -> None:
    assert outputs.backup_key_arn == ""
    up = {
        "bootstrap_servers": "a:1",
        "ca_pem": "pem",
        "clients": {"admin": dict.fromkeys(("username", "password", "mechanism"), "")},
    }
    elsewhere = {"backup": {"location": "https://store/b/kafka", "role_arn": "", "key_arn": ""}}
    ours = {"backup": {"location": "s3://b/kafka", "role_arn": "arn:role", "key_arn": "arn:key"}}
    assert [parse_outputs(up | one, "prod").backup_key_arn for one in ({}, elsewhere, ours)] == ["", "", "arn:key"]


def test_an_unknown_service(outputs: Outputs) -> None:
    with pytest.raises(UsageFailure) as caught:
        outputs.service("auth-servce")
    assert str(caught.value) == (
        "there is no service 'auth-servce'; did you mean auth-service? known are: auth-service"
    )
    with pytest.raises(UsageFailure, match=r"^there is no service 'admin'; known are: auth-service$"):
        outputs.service("admin")


def settings(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_client_files(outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = write_client(outputs, "auth-service", Path("out"))
    folder = tmp_path / "out"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(folder.iterdir()) == sorted(written)
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}

    scram = settings(folder / "librdkafka.conf")
    assert scram["bootstrap.servers"] == "198.18.0.2:32100"
    assert scram["sasl.password"] == "pa$$ w'rd"
    assert scram["ssl.ca.location"] == str(folder / "ca.pem")
    mutual = settings(folder / "librdkafka-mtls.conf")
    assert mutual["bootstrap.servers"] == "198.18.0.2:32200"
    assert mutual["security.protocol"] == "SSL"
    context = ssl.create_default_context(cafile=mutual["ssl.ca.location"])
    context.load_cert_chain(mutual["ssl.certificate.location"], mutual["ssl.key.location"])
    java = settings(folder / "client-mtls.properties")
    keystore = Path(java["ssl.keystore.location"]).read_text()
    assert keystore.startswith("-----BEGIN PRIVATE KEY-----\n"), "Kafka reads PKCS #8 only"
    assert "-----BEGIN CERTIFICATE-----" in keystore
    load_pem_private_key(keystore.encode(), None)
    assert 'ScramLoginModule required username="auth-service"' in (folder / "client.properties").read_text()


def test_producer_env_is_what_a_shell_reads(outputs: Outputs, tmp_path: Path) -> None:
    write_client(outputs, "auth-service", tmp_path / "out")
    shown = subprocess.run(
        ["sh", "-c", f". {tmp_path}/out/producer.env; env"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    expected = {
        "EVENT_BUS_TYPE": "kafka",
        "KAFKA_BROKERS": "198.18.0.2:32100",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_USERNAME": "auth-service",
        "KAFKA_PASSWORD": "pa$$ w'rd",
        "KAFKA_SSL_CA_LOCATION": f"{tmp_path}/out/ca.pem",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_a_directory_that_is_there_keeps_its_mode(outputs: Outputs, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_client(outputs, "auth-service", tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_topics_of_users_and_partitions_behind() -> None:
    def partition(replicas: int, in_sync: int) -> SimpleNamespace:
        return SimpleNamespace(replicas=list(range(replicas)), isrs=list(range(in_sync)))

    topics = {
        "b": SimpleNamespace(partitions={0: partition(3, 3), 1: partition(3, 2)}),
        "a": SimpleNamespace(partitions={0: partition(1, 1)}),
        "__consumer_offsets": SimpleNamespace(partitions={0: partition(3, 1)}),
    }
    assert summarise(topics) == ((Topic("a", 1, 1), Topic("b", 2, 3)), 2)


@pytest.mark.parametrize(
    ("received", "problem"),
    [
        ([b"1", b"2"], ""),
        ([b"2"], "1 lost"),
        ([b"1", b"2", b"2"], "1 more than once"),
        ([b"2", b"2"], "1 lost, 1 more than once"),
    ],
)
def test_what_was_sent_and_what_came(received: list[bytes], problem: str) -> None:
    assert compare([b"1", b"2"], received) == problem


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on a free port and handle one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def test_a_tls_listener_refuses_plaintext(tmp_path: Path) -> None:
    crt, key = certificate()
    file = tmp_path / "server.pem"
    file.write_text(key + crt)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def handshake(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with server(handshake) as address:
        assert refuses_plaintext(address)


def test_a_listener_that_closes_refuses_plaintext() -> None:
    with server(lambda connection: connection.close()) as address:
        assert refuses_plaintext(address)


def test_a_plaintext_listener_is_recognised() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"\x00\x00\x00\x0a")

    with server(answer) as address:
        assert not refuses_plaintext(address)


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Failure, match=rf"^127\.0\.0\.1:{port} does not answer \(Connection refused\)"):
        refuses_plaintext(f"127.0.0.1:{port}")
