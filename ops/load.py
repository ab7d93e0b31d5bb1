"""Load: one producer and one consumer, each in a process of its own, so that they don't wait for each other."""

import math
import multiprocessing
import os
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from ops.failure import Failure

_TICK: Final = 0.002
"""Seconds between two bursts of the paced producer."""
_STAMP: Final = 8
"""Bytes of each record that hold its time of production."""
_VARIANTS: Final = 64
"""Different random payloads: enough that no compression finds repetitions within a batch."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of the cluster."""

    topic: str
    partitions: int
    settings: Mapping[str, Any]
    """librdkafka settings of connection and credentials."""
    producer: Mapping[str, Any]
    """librdkafka settings of the producer alone."""
    seconds: float
    rate: int | None = None
    """Records a second; None: as fast as possible."""
    record_bytes: int = 1024
    warm_up: float = 2.0
    """Seconds at the beginning that are not counted."""


@dataclass(frozen=True)
class Produced:
    """What the producer saw after its warm-up."""

    records: int
    seconds: float
    latencies: Sequence[float]
    """Seconds from ``produce`` to the acknowledgement by all in-sync replicas."""
    failed: int


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all are not above (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def due(elapsed: float, rate: int | None, sent: int, burst: int = 2000) -> int:
    """Return how many records a producer of that rate should send now."""
    return burst if rate is None else min(burst, max(0, int(elapsed * rate) - sent))


def produce(load: Load) -> Produced:
    """Produce for the load's time and wait for every answer."""
    latencies = array("d")
    failed = 0
    begin = time.monotonic()
    counting_from = begin + load.warm_up

    def delivered(error: KafkaError | None, message: Message) -> None:
        nonlocal failed
        if error is not None:
            failed += 1
        elif time.monotonic() >= counting_from:
            latencies.append(message.latency() or 0.0)

    producer = Producer({**load.settings, **load.producer})
    payloads = [os.urandom(load.record_bytes - _STAMP) for _ in range(_VARIANTS)]
    sent = 0
    end = counting_from + load.seconds
    while (now := time.monotonic()) < end:
        stamp = time.monotonic_ns().to_bytes(_STAMP, "big")
        for _ in range(due(now - begin, load.rate, sent)):
            try:
                producer.produce(load.topic, stamp + payloads[sent % _VARIANTS], on_delivery=delivered)
            except BufferError:
                producer.poll(0.01)
                break
            sent += 1
        producer.poll(0)
        if load.rate is not None:
            time.sleep(max(0.0, _TICK - (time.monotonic() - now)))
    counted, seconds = len(latencies), time.monotonic() - counting_from
    failed += producer.flush(60)
    return Produced(counted, seconds, latencies, failed)


def consume(load: Load, starts: Sequence[int], ready: Event, stop: Event, results: Connection) -> None:
    """Read the topic until told to stop; send the end-to-end latencies, in seconds, of what came after the warm-up."""
    consumer = Consumer(
        {
            **load.settings,
            "group.id": "admin-bench",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            "fetch.min.bytes": 1,
        }
    )
    consumer.assign([TopicPartition(load.topic, number, offset) for number, offset in enumerate(starts)])
    latencies = array("d")
    consumer.poll(0.5)
    ready.set()
    begin = time.monotonic()
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        value = message.value()
        now = time.monotonic_ns()
        if value is not None and time.monotonic() - begin > load.warm_up:
            latencies.append((now - int.from_bytes(value[:_STAMP], "big")) / 1e9)
    consumer.close()
    results.send(latencies)


def _produce_into(load: Load, results: Connection) -> None:
    results.send(produce(load))


def run(load: Load, *, end_to_end: bool = False, starts: Sequence[int] = ()) -> tuple[Produced, Sequence[float]]:
    """Run the load; return what the producer saw and, if asked for, the end-to-end latencies in seconds.

    Settings, passwords among them, go to the processes through a pipe.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    seen_receiver, seen_sender = context.Pipe(duplex=False)
    ready, stop = context.Event(), context.Event()
    processes = [context.Process(target=_produce_into, args=(load, sender), daemon=True)]
    try:
        if end_to_end:
            reader = context.Process(target=consume, args=(load, starts, ready, stop, seen_sender), daemon=True)
            processes.insert(0, reader)
            reader.start()
            if not ready.wait(60):
                raise Failure("the consumer of the load did not start within 60 s", "see `make status`")
        processes[-1].start()
        limit = load.seconds + load.warm_up + 90
        if not receiver.poll(limit):
            raise Failure(f"the producer of the load did not end within {limit:.0f} s", "see `make status`")
        produced: Produced = receiver.recv()
        stop.set()
        latencies: Sequence[float] = ()
        if end_to_end and seen_receiver.poll(30):
            latencies = seen_receiver.recv()
        for process in processes:
            process.join(30)
        return produced, latencies
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
