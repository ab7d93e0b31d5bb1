"""What fails on a real Kafka Connect worker, and comes back: tasks whose store is away, records whose registry is.

A broker, a registry and a worker of the test's own, with the platform's two jars. Needs java, and no lab.
"""

import json
import shutil
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from assets.connect.build import CONVERTER, HEALTH
from assets.readiness.build import build, pack
from config.literals import DEAD_LETTERS
from contracts.subject import Subject
from lab.images import tools_classpath
from lab.images.connect_plugins import plugins
from manifests.connect_worker import HEALTH_EXTENSION
from ops.bare_connect import BareConnect, bare_connect
from tests.e2e import broker, registry
from tests.e2e.cuttable import Cuttable, way_to
from tests.e2e.harness import wait_for

pytestmark = pytest.mark.broker

HEALTH_PORT: Final = 9404
SCHEMA: Final = json.dumps({"type": "record", "name": "Line", "fields": [{"name": "text", "type": "string"}]})
UNIT_MS: Final = 500


@dataclass
class Connect:
    """The worker, with what its connectors need."""

    worker: BareConnect
    bootstrap: str
    folder: Path
    registry: registry.Registry
    way: Cuttable
    """How the worker gets to the registry."""

    def sink(self, name: str, **config: str) -> Path:
        """Run a sink of one topic of its name; return its file."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
        file = self.folder / f"{name}.lines"
        base = {"connector.class": "testing.LineSink", "tasks.max": "1", "topics": name, "line.file": str(file)}
        string = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
        self.worker.rest.put(name, {**base, **string, **config})
        wait_for(f"a task of {name}", lambda: self.tasks(name) != [])
        return file

    def tasks(self, name: str) -> list[dict[str, Any]]:
        status = self.worker.rest.status(name)
        return [] if status is None else list(status["tasks"])

    def produce(self, topic: str, *values: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for value in values:
            producer.produce(topic, value)
        assert producer.flush(30) == 0

    def parked(self) -> list[bytes]:
        """Values of all dead letters, sorted."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "parked", "enable.auto.commit": False})
        found: list[bytes] = []
        try:
            partitions = [TopicPartition(DEAD_LETTERS, number, 0) for number in range(broker.TOPICS[DEAD_LETTERS])]
            ends = [consumer.get_watermark_offsets(each, timeout=20)[1] for each in partitions]
            consumer.assign(partitions)
            while len(found) < sum(ends):
                found += [message.value() or b"" for message in consumer.consume(100, 0.2)]
        finally:
            consumer.close()
        return sorted(found)


def restarts() -> dict[str, dict[str, Any]]:
    """What the extension says it has restarted, by connector and task."""
    with urllib.request.urlopen(f"http://127.0.0.1:{HEALTH_PORT}/restarts", timeout=10) as answer:
        return {one["of"]: one for one in json.load(answer)["restarts"]}


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def avro(schema_id: int, text: str) -> bytes:
    """Confluent's wire format; a short string's length is a zigzag varint of one byte."""
    return b"\0" + schema_id.to_bytes(4, "big") + bytes([2 * len(text)]) + text.encode()


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    folder = tmp_path_factory.mktemp("connect-failures")
    home = plugins()
    place = folder / "plugins"
    shutil.copytree(home / "plugins" / "apicurio-avro", place / "apicurio-avro")
    shutil.copy(CONVERTER.path, place / "apicurio-avro")
    (place / "lines").mkdir()
    sink = build(
        tools_classpath(),
        sources=Path(__file__).parent / "line_sink",
        manifest="Manifest-Version: 1.0\r\n\r\n",
        services={"org.apache.kafka.connect.sink.SinkConnector": "testing.LineSink"},
    )
    (place / "lines" / "lines.jar").write_bytes(pack(sink))
    settings = {
        "plugin.path": str(place),
        "rest.extension.classes": HEALTH_EXTENSION,
        "offset.flush.interval.ms": "1000",
        "consumer.auto.offset.reset": "earliest",
    }
    with ExitStack() as running:
        bootstrap = running.enter_context(broker.running(folder))
        schemas = running.enter_context(registry.running(folder))
        way = running.enter_context(way_to(urlsplit(schemas.url).port or 0))
        worker = running.enter_context(
            bare_connect(
                bootstrap,
                home,
                folder / "worker",
                heap=384 * 2**20,
                replicas=1,
                settings=settings,
                jars=[HEALTH.path],
            )
        )
        yield Connect(worker, bootstrap, folder, schemas, way)


def test_the_jars_hold_what_the_worker_is_told_to_load() -> None:
    with zipfile.ZipFile(HEALTH.path) as jar:
        assert f"{HEALTH_EXTENSION.replace('.', '/')}.class" in jar.namelist()


def test_a_task_whose_store_was_away_goes_on_by_itself(connect: Connect) -> None:
    file = connect.sink("away", **{"auto.restart.max.restarts": "7", "auto.restart.backoff.ms": str(UNIT_MS)})
    connect.produce("away", b"before")
    wait_for("the first line", lambda: lines(file) == ["before"])
    store = file.with_name(f"{file.name}.away")
    store.touch()
    connect.produce("away", b"meanwhile 1", b"meanwhile 2")
    wait_for("two restarts", lambda: restarts().get("away/0", {}).get("restarts", 0) >= 2)
    assert not restarts()["away/0"]["given_up"]
    store.unlink()
    wait_for("all lines", lambda: lines(file) == ["before", "meanwhile 1", "meanwhile 2"])
    wait_for("the task's recovery", lambda: "away/0" not in restarts())
    assert [task["state"] for task in connect.tasks("away")] == ["RUNNING"]


def test_a_task_that_fails_each_time_stays_failed_with_its_trace(connect: Connect) -> None:
    (connect.folder / "poisoned.lines.away").touch()
    (connect.folder / "alone.lines.away").touch()
    connect.sink("poisoned", **{"auto.restart.max.restarts": "2", "auto.restart.backoff.ms": str(UNIT_MS)})
    connect.sink("alone")
    connect.produce("poisoned", b"x")
    connect.produce("alone", b"x")
    wait_for("the last restart", lambda: restarts().get("poisoned/0", {}).get("given_up") is True)
    # As long as two more waits would be.
    time.sleep((2 * 2 + 2) * UNIT_MS * 2 / 1000)
    found = restarts()
    assert found["poisoned/0"] == {"of": "poisoned/0", "restarts": 2, "most": 2, "given_up": True}
    assert found["alone/0"]["restarts"] == 0, "its configuration asks for nothing"
    (task,) = connect.tasks("poisoned")
    assert task["state"] == "FAILED"
    assert "the store is away" in task["trace"]


def test_no_record_is_parked_because_the_registry_is_away(connect: Connect) -> None:
    """It is away for longer than a conversion waits, so the task fails; a poison record is parked."""
    subject = Subject(name="registry-value", schema=SCHEMA)
    assert connect.registry.register(subject) == 200
    _, made = connect.registry.call("GET", "/subjects/registry-value/versions/1")
    connect.way.cut()
    file = connect.sink(
        "registry",
        **{
            "auto.restart.max.restarts": "7",
            "auto.restart.backoff.ms": str(UNIT_MS),
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": DEAD_LETTERS,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "value.converter": "platform.converter.PatientConverter",
            "value.converter.patient.converter": "io.apicurio.registry.utils.converter.AvroConverter",
            "value.converter.patient.timeout.ms": "2000",
            "value.converter.apicurio.registry.url": f"http://127.0.0.1:{connect.way.port}/apis/registry/v2",
            "value.converter.apicurio.registry.as-confluent": "true",
            "value.converter.apicurio.registry.use-id": "contentId",
            "value.converter.apicurio.registry.headers.enabled": "false",
        },
    )
    wanted = [f"line {number}" for number in range(5)]
    unknown, cut_short = avro(made["id"] + 1000, "x"), avro(made["id"], "y" * 9)[:-4]
    connect.produce("registry", avro(made["id"], wanted[0]), b"poison", unknown, cut_short)
    connect.produce("registry", *(avro(made["id"], text) for text in wanted[1:]))
    wait_for("a restart", lambda: restarts().get("registry/0", {}).get("restarts", 0) >= 1)
    assert "RegistryUnavailable: the schema registry could not be asked for 2 s" in connect.worker.log
    assert connect.parked() == []
    assert lines(file) == []
    connect.way.heal()
    wait_for("all lines", lambda: lines(file) == [f"Struct{{text={text}}}" for text in wanted])
    assert connect.parked() == sorted([b"poison", unknown, cut_short])
