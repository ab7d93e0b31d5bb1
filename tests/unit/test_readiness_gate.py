"""The gate, against TLS servers on the loopback."""

import base64
import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc

from resources.readiness_gate import BrokersUnreachable, _GateProvider, wait_for_brokers


@dataclass(frozen=True)
class Authority:
    """A CA and a server certificate by it."""

    ca_pem: str
    chain: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context


def authority(folder: Path, *names: x509.GeneralName) -> Authority:
    now = datetime.now(UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def sign(subject: str, public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=False)
            .sign(ca_key, hashes.SHA256())
        )

    ca = sign(folder.name, ca_key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
    leaf = sign("kafka-node", key.public_key(), x509.SubjectAlternativeName(names))
    chain = folder / "chain.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + leaf.public_bytes(Encoding.PEM))
    return Authority(ca.public_bytes(Encoding.PEM).decode(), chain)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return authority(tmp_path_factory.mktemp("trusted"), loopback, x509.DNSName("kafka-0"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("other"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


class Server:
    """Accepts connections and answers each by ``answer``; None: never says a word, not even TLS."""

    def __init__(self, tls: ssl.SSLContext | None, answer: bytes | None, port: int) -> None:
        self._tls, self._answer = tls, answer
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self.requests: list[bytes] = []
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            if self._tls is None or self._answer is None:
                self._held.append(plain)
                continue
            plain.settimeout(5)
            with contextlib.suppress(OSError), self._tls.wrap_socket(plain, server_side=True) as connection:
                self.requests.append(connection.recv(1024))
                connection.sendall(self._answer)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for held in self._held:
            held.close()


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None, answer: bytes | None, port: int = 0) -> Iterator[Server]:
    server = Server(tls, answer, port)
    try:
        yield server
    finally:
        server.close()


BROKER = struct.pack(">iih", 6, 0x6B61666B, 0)
"""What a broker's answer begins with: its length and the request's correlation id."""


def refusal(endpoints: list[str], ca_pem: str) -> str:
    with pytest.raises(BrokersUnreachable) as caught:
        wait_for_brokers(endpoints, ca_pem, 0, attempt=0.5)
    return str(caught.value)


def message(failed: int, total: int, listed: str) -> str:
    return (
        f"{failed} of {total} brokers can't be used from here after 0 s: {listed}. Topics and users need every broker: "
        "see that the pods are ready, open the network path to these addresses, or correct kafka.external.hosts"
    )


def test_all_answer(trusted: Authority) -> None:
    with serving(trusted.server(), BROKER) as one, serving(trusted.server(), BROKER) as two:
        wait_for_brokers([f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"], trusted.ca_pem, 0)
    # Length, ApiVersions (key 18), version 0, correlation id, no client id: the Kafka protocol guide.
    assert one.requests == two.requests == [bytes.fromhex("0000000a 0012 0000 6b61666b ffff")]


def test_another_ca(trusted: Authority, other: Authority) -> None:
    with serving(other.server(), BROKER) as server:
        endpoint = f"127.0.0.1:{server.port}"
        listed = f"{endpoint}: its certificate is not by this cluster's CA (unable to get local issuer certificate)"
        assert refusal([endpoint], trusted.ca_pem) == message(1, 1, listed)
    assert server.requests == []


def test_another_name(trusted: Authority) -> None:
    with serving(trusted.server(), BROKER) as server:
        endpoint = f"localhost:{server.port}"
        listed = f"{endpoint}: its certificate is not for this name but for 127.0.0.1, kafka-0"
        assert refusal([endpoint], trusted.ca_pem) == message(1, 1, listed)


def test_another_address(tmp_path: Path) -> None:
    named = authority(tmp_path, x509.DNSName("kafka-0"))
    with serving(named.server(), BROKER) as server:
        endpoint = f"127.0.0.1:{server.port}"
        listed = f"{endpoint}: its certificate is not for this name but for kafka-0"
        assert refusal([endpoint], named.ca_pem) == message(1, 1, listed)


def test_nobody_listens(trusted: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal([f"127.0.0.1:{port}"], trusted.ca_pem) == message(1, 1, f"127.0.0.1:{port}: connection refused")


def test_silence(trusted: Authority) -> None:
    with serving(None, None) as server:
        endpoint = f"127.0.0.1:{server.port}"
        assert refusal([endpoint], trusted.ca_pem) == message(1, 1, f"{endpoint}: no answer within 0.5 s")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n"])
def test_not_kafka(trusted: Authority, answer: bytes) -> None:
    with serving(trusted.server(), answer) as server:
        endpoint = f"127.0.0.1:{server.port}"
        assert refusal([endpoint], trusted.ca_pem) == message(1, 1, f"{endpoint}: it does not speak Kafka's protocol")


def test_no_such_name(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    assert refusal(["kafka.invalid:1"], trusted.ca_pem) == message(1, 1, "kafka.invalid:1: its name can't be resolved")


def test_only_those_that_fail_are_named(trusted: Authority) -> None:
    with serving(trusted.server(), BROKER) as good, serving(trusted.server(), b"") as bad:
        endpoints = [f"127.0.0.1:{good.port}", f"127.0.0.1:{bad.port}"]
        listed = f"127.0.0.1:{bad.port}: it does not speak Kafka's protocol"
        assert refusal(endpoints, trusted.ca_pem) == message(1, 2, listed)


def test_it_waits_for_a_broker_that_comes_later(trusted: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pauses: list[float] = []
    with contextlib.ExitStack() as stack:

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                stack.enter_context(serving(trusted.server(), BROKER, port))

        wait_for_brokers([f"127.0.0.1:{port}"], trusted.ca_pem, 60, pause=0.25, sleep=sleep)
    assert pauses == [0.25, 0.25]


def test_it_gives_up_in_time(trusted: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(BrokersUnreachable, match=r"^1 of 1 brokers can't be used from here after 60 s: "):
        wait_for_brokers([f"127.0.0.1:{port}"], trusted.ca_pem, 60, pause=7, clock=lambda: now[0], sleep=sleep)
    assert now[0] == 63


INPUTS: Mapping[str, Any] = {
    "endpoints": ["h:1"],
    "bootstrap_servers": ["h:0"],
    "ca_pem": "ca",
    "rollout": "1",
    "timeout": 180,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"timeout": 5}, False),
        ({"endpoints": ["h:1", "h:2"]}, True),
        ({"bootstrap_servers": ["h:9"]}, True),
        ({"ca_pem": "another"}, True),
        ({"rollout": "2"}, True),
        ({"rollout": rpc.UNKNOWN}, True),
    ],
)
def test_it_asks_again_only_after_a_change(change: dict[str, Any], expected: bool) -> None:
    result = _GateProvider().diff("brokers", dict(INPUTS), {**INPUTS, **change})
    assert (result.changes, result.replaces) == (expected, None)


def test_create_and_update_ask_the_brokers_and_a_refresh_does_not(trusted: Authority) -> None:
    provider = _GateProvider()
    with serving(trusted.server(), BROKER) as server:
        inputs = {**INPUTS, "endpoints": [f"127.0.0.1:{server.port}"], "ca_pem": trusted.ca_pem}
        made = provider.create(inputs)
        assert (made.id, made.outs) == ("brokers", inputs)
        assert provider.update("brokers", {}, inputs).outs == inputs
        assert len(server.requests) == 2
    assert provider.read("brokers", inputs).outs == inputs
    provider.delete("brokers", inputs)


def test_the_state_holds_no_code() -> None:
    """By reference: the same on every run and machine, and following the code when it changes."""
    pickled = serialize_provider(_GateProvider())
    assert pickled == serialize_provider(_GateProvider())
    assert len(pickled) < 100
    assert b"resources.readiness_gate" in base64.b64decode(pickled)
