"""Advice on the running stack: known load goes in while it is watched, and comes out in the figures."""

import json
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.e2e.harness import ROOT, Platform, deliver, wait_for

pytestmark = pytest.mark.e2e

TOPIC, WRITER, READER = "pyairtable.workflows.events", "workflow-engine", "analytics-service"
RECORDS, SIZE = 400, 20_000
WINDOW = 50
"""Seconds in which each kubelet of the lab measures twice at least: it does so every half a minute."""


def group() -> str:
    return f"{READER}-advise"


def commit_ends(platform: Platform) -> None:
    """Let a group have read everything there is."""
    consumer = Consumer({**platform.librdkafka(READER), "group.id": group()})
    try:
        partitions = [
            TopicPartition(TOPIC, number) for number in consumer.list_topics(TOPIC, 20).topics[TOPIC].partitions
        ]
        ends = [consumer.get_watermark_offsets(each, 20)[1] for each in partitions]
        there = [TopicPartition(TOPIC, each.partition, end) for each, end in zip(partitions, ends, strict=True)]
        consumer.commit(offsets=there, asynchronous=False)
    finally:
        consumer.close()


def watched(platform: Platform) -> dict[str, Any]:
    """What was seen while the records were produced, all of them behind the first look and before the last."""
    said: list[str] = []
    command = [sys.executable, "-m", "ops", "advise", "--window", f"{WINDOW}s", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
        reader.start()
        wait_for("the first look", lambda: any("watching stack" in line for line in said) or process.poll() is not None)
        # Random, so that no compression makes it less.
        assert deliver(platform.librdkafka(WRITER), TOPIC, [os.urandom(SIZE) for _ in range(RECORDS)]) == []
        out = process.stdout.read()
        reader.join()
    assert process.returncode in (0, 2), said
    document: dict[str, Any] = json.loads(out)
    return document


def test_what_went_in_is_in_the_figures(platform: Platform) -> None:
    commit_ends(platform)
    document = watched(platform)
    seconds, seen = document["watched_seconds"], document["seen"]
    assert WINDOW <= seconds < WINDOW + 30

    topics = {each["name"]: each for each in seen["topics"]}
    came = topics[TOPIC]["bytes_per_second_mean"] * seconds
    assert RECORDS * SIZE * 0.95 <= came < RECORDS * SIZE * 1.2
    assert topics[TOPIC]["bytes_per_second_peak"] >= topics[TOPIC]["bytes_per_second_mean"]
    assert {each["id"]: each["bytes"] > RECORDS * SIZE for each in seen["brokers"]} == {0: True, 1: True, 2: True}
    lags = {(each["group"], each["topic"]): each for each in seen["groups"]}
    assert lags[group(), TOPIC] == {"group": group(), "topic": TOPIC, "lag": RECORDS, "members": 0}

    parts = {each["path"]: each for each in seen["containers"]}
    assert {"kafka.pools[0]", "schema_registry", "schema_registry.proxy"} <= parts.keys()
    brokers = parts["kafka.pools[0]"]
    assert 0 < brokers["cpu_mean"] <= brokers["cpu_peak"] <= (os.cpu_count() or 1)
    assert 100 * 2**20 < brokers["resident"] <= brokers["working_set"] < 2**30
    assert parts["schema_registry.proxy"]["working_set"] < parts["schema_registry"]["working_set"]

    assert (document["stack"], document["currency"]) == ("dev", "USD")
    # The lab's kubelets don't find the disk below their file system, without which they tell no network.
    told = ("network of node ", "how much of their heaps ")
    assert [sentence for sentence in document["unknown"] if not sentence.startswith(told)] == []
    for advice in document["advice"]:
        assert advice["confidence"] in ("low", "medium", "high")
        assert advice["current"] != advice["advised"]
