"""``ops smoke``: records go in and come out through the secured listener, and nothing goes in without security."""

import os
import socket
import struct
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from ops.failure import Failure
from ops.kafka import refusals, scram_settings
from ops.outputs import Outputs

PRODUCER: Final = "auth-service"
CONSUMER: Final = "analytics-service"
TOPIC: Final = "pyairtable.auth.events"
RECORDS: Final = 300
TIMEOUT: Final = 30.0
"""Seconds that producing, and consuming, may take each."""

_TLS_ALERT: Final = 0x15
"""First byte of a TLS alert record (RFC 8446, section 5.1)."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Who writes, who reads, and where."""

    producer: str = PRODUCER
    consumer: str = CONSUMER
    topic: str = TOPIC
    transactional_id: str = ""
    """Records are sent in a transaction of this id that is aborted: who reads committed records never sees them."""


LIVE: Final = Route(
    producer="workflow-engine", topic="pyairtable.workflows.events", transactional_id="workflow-engine-smoke"
)
"""Of a stack whose services are at work: their consumers, Kafka Connect's among them, read committed records."""


@dataclass(frozen=True, kw_only=True)
class SmokeResult:
    """What was seen."""

    topic: str
    records: int
    """Records acknowledged by all in-sync replicas and read back, equal and once each."""
    first_ack_seconds: float
    """From the first connection to the first acknowledgement."""
    seconds: float
    plaintext_refused: tuple[str, ...]
    """Addresses that were asked in plaintext and refused."""

    def document(self) -> dict[str, Any]:
        """Return the result as ``--json`` prints it."""
        return asdict(self)


def smoke(
    outputs: Outputs, route: Route = Route(), records: int = RECORDS, on_first_ack: Callable[[], None] = lambda: None
) -> SmokeResult:
    """Produce, consume, compare; raises Failure for whatever isn't as it must be."""
    begin = time.monotonic()
    sent = [f"smoke {uuid.uuid4().hex} {number:06d}".encode() for number in range(records)]
    with _produced(outputs, route, sent, begin, on_first_ack) as (first_ack, starts):
        received = _consume(outputs, route, starts, set(sent))
    if problem := compare(sent, received):
        raise Failure(f"the records of {route.topic} are not what was sent: {problem}", "see the brokers' logs")
    refused = tuple(outputs.bootstrap_servers.split(","))
    for address in refused:
        if not refuses_plaintext(address):
            raise Failure(f"{address} answers in plaintext", "no listener may be without TLS: see docs/adr")
    return SmokeResult(
        topic=route.topic,
        records=records,
        first_ack_seconds=first_ack,
        seconds=time.monotonic() - begin,
        plaintext_refused=refused,
    )


def compare(sent: list[bytes], received: list[bytes]) -> str:
    """Say how what was received differs from what was sent; empty when it doesn't."""
    counts = Counter(received)
    lost = sum(value not in counts for value in sent)
    doubled = sum(count > 1 for count in counts.values())
    return ", ".join(
        text for number, text in ((lost, f"{lost} lost"), (doubled, f"{doubled} more than once")) if number
    )


@contextmanager
def _produced(
    outputs: Outputs, route: Route, values: list[bytes], begin: float, on_first_ack: Callable[[], None]
) -> Iterator[tuple[float, dict[int, int]]]:
    """Send the values; yields the seconds to the first acknowledgement and each partition's first offset.

    A transaction is aborted on leaving. One that is left open by a kill is aborted by Kafka, after a minute.
    """
    first: list[float] = []
    starts: dict[int, int] = {}
    errors: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            errors.append(error.str())
            return
        if not first:
            first.append(time.monotonic() - begin)
            on_first_ack()
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            starts[partition] = min(offset, starts.get(partition, offset))

    credential = outputs.service(route.producer)
    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": int(TIMEOUT * 1000)}
    if route.transactional_id:
        settings |= {"transactional.id": route.transactional_id, "transaction.timeout.ms": int(TIMEOUT * 2000)}
    producer = Producer({**scram_settings(outputs, credential), **settings})
    try:
        if route.transactional_id:
            producer.init_transactions(TIMEOUT)
            producer.begin_transaction()
        for value in values:
            producer.produce(route.topic, value, key=value[-6:], on_delivery=delivered)
            producer.poll(0)
        left = producer.flush(TIMEOUT + 5)
    except KafkaException as error:
        raise Failure(f"{route.producer} could not produce to {route.topic}: {error}", "see `make status`") from None
    if errors or left:
        reason = errors[0] if errors else f"{left} records had no answer in {TIMEOUT:.0f} s"
        raise Failure(f"{route.producer} could not produce to {route.topic}: {reason}", "see `make status`")
    try:
        yield first[0], starts
    finally:
        if route.transactional_id:
            with refusals(outputs.bootstrap_servers):
                producer.abort_transaction(TIMEOUT)


def _consume(outputs: Outputs, route: Route, starts: dict[int, int], wanted: set[bytes]) -> list[bytes]:
    credential = outputs.service(route.consumer)
    level = "read_uncommitted" if route.transactional_id else "read_committed"
    group = {"group.id": f"{route.consumer}-smoke", "enable.auto.commit": False, "isolation.level": level}
    consumer = Consumer({**scram_settings(outputs, credential), **group})
    found: list[bytes] = []
    deadline = time.monotonic() + TIMEOUT
    try:
        # Assigned, not subscribed: joining a group takes seconds, and nothing here needs one.
        consumer.assign([TopicPartition(route.topic, partition, offset) for partition, offset in starts.items()])
        while len(found) < len(wanted) and time.monotonic() < deadline:
            for message in consumer.consume(1000, 0.5):
                if (error := message.error()) is not None:
                    raise Failure(
                        f"{route.consumer} could not consume {route.topic}: {error.str()}", "see `make status`"
                    )
                value = message.value()
                if value in wanted:
                    found.append(value)
    except KafkaException as error:
        raise Failure(f"{route.consumer} could not consume {route.topic}: {error}", "see `make status`") from None
    finally:
        consumer.close()
    return found


def refuses_plaintext(address: str, timeout: float = 5.0) -> bool:
    """Send an unencrypted Kafka request (ApiVersions) and tell whether it was refused, by closing or by a TLS alert."""
    host, _, port = address.rpartition(":")
    body = struct.pack(">hhih", 18, 0, os.getpid(), -1)
    try:
        with socket.create_connection((host, int(port)), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.recv(1)
    except ConnectionResetError:
        return True
    except OSError as error:
        raise Failure(f"{address} does not answer ({error.strerror or error})", "see `python -m lab status`") from None
    return answer == b"" or answer[0] == _TLS_ALERT
