"""Kafka's protocol as far as librdkafka doesn't speak it: the login, and what brokers say of their log directories."""

import socket
import struct
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ops.kafka_wire import Connection, Reader, Scram, WireError
from ops.log_dirs import LogDirs, describe_log_dirs, parse
from ops.log_samples import lags, members_of

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
SAID = f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = f"c=biws,r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNATURE = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def scram() -> Scram:
    return Scram("user", "pencil", "SCRAM-SHA-256", NONCE)


def test_the_login_is_that_of_the_standard() -> None:
    login = scram()
    assert login.first() == f"n,,n=user,r={NONCE}"
    assert login.final(SAID) == PROOF
    login.verify(SIGNATURE)


def test_a_name_is_escaped() -> None:
    assert Scram("a,b=c", "x", "SCRAM-SHA-512", "n").first() == "n,,n=a=2Cb=3Dc,r=n"


def test_a_broker_that_doesn_t_know_the_password_is_refused() -> None:
    login = scram()
    login.final(SAID)
    with pytest.raises(WireError, match="doesn't prove that it knows the password"):
        login.verify(SIGNATURE.replace("6rri", "7rri"))


@pytest.mark.parametrize(
    "said", ["", "e=other-error", "r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", f"r={NONCE}x,i=1"]
)
def test_what_is_no_answer_to_a_login_is_refused(said: str) -> None:
    with pytest.raises(WireError, match="doesn't answer a login by SCRAM"):
        scram().final(said)


def compact(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()


def directory(path: str, replicas: dict[tuple[str, int], int], total: int, usable: int, error: int = 0) -> bytes:
    """One log directory as a broker describes it, a topic for each replica."""
    parts = [struct.pack(">h", error), compact(path), bytes([len(replicas) + 1])]
    for (topic, number), size in replicas.items():
        parts += [compact(topic), b"\x02", struct.pack(">iqq?", number, size, 0, False), b"\0", b"\0"]
    # A tagged field that isn't known here.
    return b"".join([*parts, struct.pack(">qq", total, usable), b"\x01\x07\x02ab"])


def answer(*directories: bytes, error: int = 0) -> bytes:
    return struct.pack(">ih", 0, error) + bytes([len(directories) + 1]) + b"".join(directories) + b"\0"


def test_directories_of_a_broker_are_added_up() -> None:
    said = [
        directory("/data/0", {("a", 0): 10, ("a", 1): 2**40}, 2**41, 2**40),
        directory("/data/1", {("b", 0): 5}, 100, 60),
    ]
    assert parse(Reader(answer(*said))) == LogDirs(
        sizes={("a", 0): 10, ("a", 1): 2**40, ("b", 0): 5}, total=2**41 + 100, usable=2**40 + 60
    )


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (answer(error=31), r"^it doesn't describe its log directories \(error 31\)$"),
        (answer(directory("/data", {}, 0, 0, error=57)), r"^its log directory /data is offline \(error 57\)$"),
        (answer(directory("/data", {("a", 0): 1}, 0, 0))[:-20], r"^its answer ends too early$"),
    ],
)
def test_what_a_broker_can_t_say(said: bytes, refusal: str) -> None:
    with pytest.raises(WireError, match=refusal):
        parse(Reader(said))


def asked(reply: Callable[[bytes], bytes]) -> LogDirs:
    """Describe the directories of a broker that answers the request's bytes so."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def serve() -> None:
            (length,) = struct.unpack(">i", theirs.recv(4, socket.MSG_WAITALL))
            theirs.sendall(reply(theirs.recv(length, socket.MSG_WAITALL)))
            theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return describe_log_dirs(Connection(ours))
        finally:
            thread.join()


def framed(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def test_a_request_asks_for_everything() -> None:
    seen: list[bytes] = []

    def reply(request: bytes) -> bytes:
        seen.append(request)
        return framed(request[4:8] + b"\0" + answer(directory("/data", {("a", 0): 1}, 9, 8)))

    assert asked(reply) == LogDirs(sizes={("a", 0): 1}, total=9, usable=8)
    assert seen == [struct.pack(">hhih", 35, 4, 1, 14) + b"kafka-platform" + b"\0" + b"\0\0"]


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (lambda _: framed(b"\0\0\0\x09\0"), "^it answers another request$"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n", "^its answer has 1213486160 bytes$"),
        (lambda _: b"", "^it closed the connection$"),
    ],
)
def test_what_is_no_answer(reply: Callable[[bytes], bytes], refusal: str) -> None:
    with pytest.raises(WireError, match=refusal):
        asked(reply)


def committed(topic: str, number: int, offset: int) -> SimpleNamespace:
    return SimpleNamespace(topic=topic, partition=number, offset=offset)


def test_lag_is_what_is_left_to_read() -> None:
    begins, ends = {("a", 0): 0, ("a", 1): 50, ("b", 0): 0}, {("a", 0): 100, ("a", 1): 80, ("b", 0): 10}
    groups = [
        committed("a", 0, 90),
        # What was deleted before isn't waited for.
        committed("a", 1, 10),
        committed("b", 0, 10),
        # Nothing was committed, and a topic that isn't the stack's.
        committed("b", 1, -1001),
        committed("c", 0, 5),
    ]
    assert lags(groups, begins, ends) == {"a": 10 + 30, "b": 0}


def test_members_are_counted_by_topic() -> None:
    def member(*topics: str) -> SimpleNamespace:
        partitions = [SimpleNamespace(topic=topic) for topic in topics]
        return SimpleNamespace(assignment=SimpleNamespace(topic_partitions=partitions))

    assert members_of(SimpleNamespace(members=[member("a", "a"), member("a", "b"), member()])) == {"a": 2, "b": 1}
