"""The resolver of the prod-shaped lab: names of Route 53 lead to load balancers, others lead nowhere."""

import struct

import pytest

from tests.prod_lab.names import CNAME, A, Kept, answer, chain, question

NAMES = {"kafka-1a.prod.example.org": "one.kafka.elb.lab", "round.example.org": "round.example.org"}
ADDRESSES = {"one.kafka.elb.lab": "198.18.80.7"}
AAAA = 28


def query(name: str, kind: int = A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_a_name_is_followed_to_its_balancers_address() -> None:
    assert chain("kafka-1a.prod.example.org", NAMES, ADDRESSES) == [
        ("kafka-1a.prod.example.org", CNAME, "one.kafka.elb.lab"),
        ("one.kafka.elb.lab", A, "198.18.80.7"),
    ]


def test_a_circle_ends() -> None:
    assert len(chain("round.example.org", NAMES, ADDRESSES)) == 8


def test_a_question_is_read_in_whatever_case() -> None:
    name, kind, asked = question(query("Kafka-1A.prod.example.org"))
    assert (name, kind) == ("kafka-1a.prod.example.org", A)
    assert asked == query("Kafka-1A.prod.example.org")[12:]


@pytest.mark.parametrize(
    ("name", "kind", "code", "answers"),
    [
        ("kafka-1a.prod.example.org", A, 0, 2),
        ("kafka-1a.prod.example.org", AAAA, 0, 1),
        ("one.kafka.elb.lab", A, 0, 1),
        ("kafka-1d.prod.example.org", A, 3, 0),
    ],
)
def test_an_answer_says_how_many_records_there_are_or_that_there_is_no_such_name(
    name: str, kind: int, code: int, answers: int
) -> None:
    response = answer(query(name, kind), NAMES, ADDRESSES)
    number, flags, questions, records, *_ = struct.unpack_from("!HHHHHH", response)
    assert (number, flags & 0xF, questions, records) == (4711, code, 1, answers)
    assert flags & 0x8000
    if kind == A and answers:
        assert response.endswith(bytes([198, 18, 80, 7]))


def test_an_answer_is_kept_for_half_a_minute_and_a_name_it_lacks_is_looked_for() -> None:
    now, lookups = [0.0], [({}, {}), (NAMES, ADDRESSES), (NAMES, {}), (NAMES, ADDRESSES)]
    kept = Kept(lambda: lookups.pop(0), lambda: now[0])
    assert kept.of("one.kafka.elb.lab") == ({}, {})
    assert kept.of("one.kafka.elb.lab") == (NAMES, ADDRESSES)
    now[0] = 30.0
    assert kept.of("kafka-1a.prod.example.org") == (NAMES, ADDRESSES)
    now[0] = 30.1
    assert kept.of("kafka-1a.prod.example.org") == (NAMES, {})
    assert kept.of("kafka-1a.prod.example.org") == (NAMES, ADDRESSES)
    assert lookups == []
