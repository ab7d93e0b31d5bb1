"""The running dev stack as the end-to-end tests use it: commands, clients, faults."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run(
    *command: str, environment: Mapping[str, str] | None = None, timeout: float = 600, check: bool = True
) -> Finished:
    """Run a command in the checkout; with ``check`` a failure shows everything it printed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    finished = Finished(done.returncode, done.stdout, done.stderr)
    if check and finished.code != 0:
        raise AssertionError(f"{' '.join(command)} exited {finished.code}:\n{finished.text}")
    return finished


def ops(*arguments: str, environment: Mapping[str, str] | None = None, check: bool = True) -> Finished:
    """Run ``python -m ops …`` as a user does."""
    return run(sys.executable, "-m", "ops", *arguments, environment=environment, check=check)


def wait_for(what: str, condition: Callable[[], bool], timeout: float = 120) -> None:
    """Poll until the condition holds; the failure names what was waited for."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout:.0f} s")
        time.sleep(0.5)


def configuration(file: Path) -> dict[str, str]:
    """Read a ``key=value`` client configuration."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def variables(folder: Path) -> dict[str, str]:
    """Read a service's variables from what ``ops client`` wrote."""
    lines = (folder / "producer.env").read_text().splitlines()
    pairs = (line.removeprefix("export ").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name: value.strip("'\"") for name, value in pairs}


@dataclass
class Platform:
    """The dev stack that ``ops up`` brought up."""

    clients: Path
    made: dict[str, Path] = field(default_factory=dict)

    def client(self, service: str) -> Path:
        """The folder ``ops client SERVICE`` wrote."""
        if service not in self.made:
            folder = self.clients / service
            ops("client", service, "--out", str(folder))
            self.made[service] = folder
        return self.made[service]

    def librdkafka(self, service: str, **changes: str | None) -> dict[str, str]:
        """The service's librdkafka configuration, with settings changed (``_`` for ``.``) or, by None, left out."""
        settings: dict[str, str | None] = {**configuration(self.client(service) / "librdkafka.conf")}
        settings.update({key.replace("_", "."): value for key, value in changes.items()})
        return {key: value for key, value in settings.items() if value is not None}

    def environment(self) -> dict[str, str]:
        """What ``. .state/env`` exports."""
        shell = f"set -a; . {ROOT}/.state/env; env -0"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, cwd=ROOT)
        return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)

    def pulumi(self, *arguments: str, overlay: Path | None = None, check: bool = True) -> Finished:
        """Run the Pulumi CLI on the dev stack, as a user who sourced ``.state/env`` does."""
        environment = self.environment()
        if overlay is not None:
            environment["PLATFORM_OVERLAY"] = str(overlay)
        return run("pulumi", *arguments, "--stack", "dev", environment=environment, check=check)

    def preview(self, overlay: Path) -> dict[str, dict[str, Any]]:
        """Every step of a preview that is no «same», by the resource's name."""
        document = json.loads(self.pulumi("preview", "--json", overlay=overlay).out)
        return {
            step["urn"].split("::")[-1]: step
            for step in document["steps"]
            if step["op"] not in ("same", "read", "refresh")
        }

    def up(self, overlay: Path | None = None, check: bool = True) -> Finished:
        return self.pulumi("up", "--yes", "--skip-preview", "--non-interactive", overlay=overlay, check=check)

    def status(self) -> dict[str, Any]:
        document = json.loads(ops("status", "--json").out)
        assert isinstance(document, dict)
        return document

    def kubectl(self, *arguments: str) -> str:
        from toolchain.programs import program

        kubeconfig = os.environ.get("KAFKA_PLATFORM_LAB", "/var/lib/kafka-platform/lab") + "/kubeconfig"
        return run(str(program("kubectl")), "--kubeconfig", kubeconfig, *arguments).out

    def pods(self, app: str = "kafka") -> list[dict[str, Any]]:
        """Pods of an application, the brokers' by default."""
        selector = f"app.kubernetes.io/name={app}"
        document = json.loads(self.kubectl("get", "pods", "-n", "kafka", "-l", selector, "-o", "json"))
        items = document["items"]
        assert isinstance(items, list)
        return items

    def incarnation(self, pod: str, app: str = "kafka") -> tuple[str, int]:
        """What is another one after a restart in place, and after a new pod; empty while there is no pod."""
        for item in self.pods(app):
            if item["metadata"]["name"] == pod:
                statuses = item["status"].get("containerStatuses", [])
                return item["metadata"]["uid"], sum(int(one["restartCount"]) for one in statuses)
        return "", 0

    def delete_pod(self, pod: str) -> None:
        """Delete a pod without grace. The kubelet lets one that only restarts wait ever longer."""
        self.kubectl("delete", "pod", "-n", "kafka", pod, "--grace-period=0", "--force")

    def wait_healthy(self) -> None:
        """Wait until three brokers are there and no partition lacks a replica."""

        def healthy() -> bool:
            done = ops("status", "--json", check=False)
            if done.code != 0:
                return False
            status = json.loads(done.out)
            return len(status["brokers"]) == 3 and status["under_replicated_partitions"] == 0

        wait_for("a healthy cluster", healthy)


def deliver(settings: Mapping[str, str], topic: str, values: list[bytes], timeout: float = 60) -> list[KafkaError]:
    """Produce the values and return the error of every one that was not acknowledged."""
    errors: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            errors.append(error)

    producer = Producer(dict(settings))
    for value in values:
        producer.produce(topic, value, on_delivery=on_delivery)
    left = producer.flush(timeout)
    assert left == 0, f"{left} records had no answer within {timeout} s"
    return errors


@contextmanager
def subscribed(settings: Mapping[str, str], group: str, topic: str, start: str = "earliest") -> Iterator[Consumer]:
    consumer = Consumer({**settings, "group.id": group, "auto.offset.reset": start, "enable.auto.commit": "false"})
    consumer.subscribe([topic])
    try:
        yield consumer
    finally:
        consumer.close()


def read_log(settings: Mapping[str, str], group: str, topic: str, wanted: bytes) -> list[bytes]:
    """Read every partition from its beginning to its present end; return the values that start with ``wanted``."""
    consumer = Consumer({**settings, "group.id": group, "enable.auto.commit": "false", "enable.partition.eof": "true"})
    try:
        partitions = consumer.list_topics(topic, 20).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[bytes] = []
        open_partitions = set(partitions)
        deadline = time.monotonic() + 120
        while open_partitions:
            assert time.monotonic() < deadline, f"{topic} could not be read to its end: {open_partitions} left"
            for message in consumer.consume(1000, 1.0):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error.str()
                    open_partitions.discard(message.partition())
                elif (value := message.value()) is not None and value.startswith(wanted):
                    found.append(value)
        return found
    finally:
        consumer.close()
