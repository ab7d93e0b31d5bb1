"""The little of Kafka's protocol that librdkafka doesn't speak, over TLS: log in, then one request and its answer.

Messages: kafka.apache.org/protocol. SCRAM: RFC 5802, RFC 7677.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ops.outputs import Credential

SASL_HANDSHAKE: Final = 17
SASL_AUTHENTICATE: Final = 36
_CLIENT: Final = "kafka-platform"
_LARGEST: Final = 256 * 2**20
"""Bytes of an answer above which it is none."""


class WireError(Exception):
    """A broker doesn't answer as it should; the message says what it did, and holds no credential."""


class Reader:
    """Reads the types of the protocol; raises WireError where the answer ends before."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        part = self._data[self._at : self._at + count]
        if len(part) != count:
            raise WireError("its answer ends too early")
        self._at += count
        return part

    def integer(self, size: int) -> int:
        """Return a signed number of so many bytes."""
        return int.from_bytes(self.take(size), "big", signed=True)

    def uvarint(self) -> int:
        """Return an unsigned number of variable length."""
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def compact_string(self) -> str:
        """Return text whose length comes first, plus one."""
        return self.take(max(0, self.uvarint() - 1)).decode()

    def compact_count(self) -> int:
        """Return the length of an array, 0 where it is null."""
        return max(0, self.uvarint() - 1)

    def tags(self) -> None:
        """Pass over tagged fields."""
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())


def text(value: str | None) -> bytes:
    """Encode text as messages of old have it."""
    if value is None:
        return struct.pack(">h", -1)
    data = value.encode()
    return struct.pack(">h", len(data)) + data


class Connection:
    """A connection to one broker."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._correlation = 0

    def ask(self, api: int, version: int, body: bytes, *, flexible: bool = False) -> Reader:
        """Send a request and return its answer behind the header; raises WireError, OSError."""
        self._correlation += 1
        head = struct.pack(">hhi", api, version, self._correlation) + text(_CLIENT) + (b"\0" if flexible else b"")
        message = head + body
        self._stream.sendall(struct.pack(">i", len(message)) + message)
        (length,) = struct.unpack(">i", self._receive(4))
        if not 4 <= length <= _LARGEST:
            raise WireError(f"its answer has {length} bytes")
        answer = Reader(self._receive(length))
        if answer.integer(4) != self._correlation:
            raise WireError("it answers another request")
        if flexible:
            answer.tags()
        return answer

    def _receive(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            part = self._stream.recv(min(count, 2**16))
            if not part:
                raise WireError("it closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def log_in(self, credential: Credential) -> None:
        """Prove to be a user by SCRAM, and let the broker prove that it knows the password; raises WireError."""
        answer = self.ask(SASL_HANDSHAKE, 1, text(credential.mechanism))
        if error := answer.integer(2):
            raise WireError(f"it doesn't take {credential.mechanism} (error {error})")
        scram = Scram(credential.username, credential.password, credential.mechanism)
        scram.verify(self._authenticate(scram.final(self._authenticate(scram.first()))))

    def _authenticate(self, said: str) -> str:
        data = said.encode()
        answer = self.ask(SASL_AUTHENTICATE, 0, struct.pack(">i", len(data)) + data)
        if error := answer.integer(2):
            raise WireError(f"it refuses the login (error {error})")
        length = answer.integer(2)
        answer.take(max(0, length))
        return answer.take(max(0, answer.integer(4))).decode()


class Scram:
    """The client's side of one login."""

    def __init__(self, user: str, password: str, mechanism: str, nonce: str = "") -> None:
        self._hash = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
        self._password = password
        self._nonce = nonce or base64.b64encode(os.urandom(24)).decode()
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""

    def first(self) -> str:
        """Return what the client says first."""
        return f"n,,{self._bare}"

    def final(self, said: str) -> str:
        """Return the proof, from what the server said; raises WireError where that isn't an answer to ``first``."""
        fields = dict(part.split("=", 1) for part in said.split(",") if "=" in part)
        nonce = fields.get("r", "")
        if not nonce.startswith(self._nonce) or "s" not in fields or not fields.get("i", "").isdecimal():
            raise WireError("it doesn't answer a login by SCRAM")
        salt, rounds = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self._hash, self._password.encode(), salt, rounds)
        client = hmac.digest(salted, b"Client Key", self._hash)
        bare = f"c=biws,r={nonce}"
        signed = f"{self._bare},{said},{bare}".encode()
        signature = hmac.digest(hashlib.new(self._hash, client).digest(), signed, self._hash)
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), signed, self._hash)
        proof = bytes(one ^ other for one, other in zip(client, signature, strict=True))
        return f"{bare},p={base64.b64encode(proof).decode()}"

    def verify(self, said: str) -> None:
        """Raise WireError unless the server knows the password as well."""
        if not hmac.compare_digest(said.split(",")[0], f"v={base64.b64encode(self._signature).decode()}"):
            raise WireError("it doesn't prove that it knows the password")


@contextmanager
def connected(host: str, port: int, ca_pem: str, credential: Credential, timeout: float) -> Iterator[Connection]:
    """Connect to a broker's SASL_SSL listener and log in; raises WireError, OSError."""
    context = ssl.create_default_context(cadata=ca_pem)
    with (
        socket.create_connection((host, port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as stream,
    ):
        connection = Connection(stream)
        connection.log_in(credential)
        yield connection
