"""A single Kafka broker of the test's own (KRaft), on free loopback ports, with the platform's topics."""

import base64
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient, NewTopic

from lab.images import tools_classpath
from tests.e2e.harness import wait_for

LONGEST: Final = 1800
"""Seconds after which the broker ends by itself, whatever becomes of the tests."""
TOPICS: Final = {
    "pyairtable.workflows.events": 10,
    "pyairtable.saga.events": 6,
    "pyairtable.dlq.events": 3,
}
_PROPERTIES: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the broker and give its address; its log is in ``folder``."""
    port, controller = _free_ports(2)
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller=controller, data=folder / "data"))
    java = ["java", "-Xmx400m", "-cp", tools_classpath()]
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    storage = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(properties)]
    subprocess.run([*java, *storage], check=True, capture_output=True, timeout=120)
    log = folder / "broker.log"
    command = ["timeout", "--signal=KILL", str(LONGEST), *java, "kafka.Kafka", str(properties)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            address = f"127.0.0.1:{port}"
            _wait(address, process, log)
            yield address
        finally:
            process.terminate()


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def listening() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        host, _, port = address.partition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True

    wait_for("a listening broker", listening)
    admin = AdminClient({"bootstrap.servers": address})
    # A dead letter is larger than its record, see config/catalogue.yaml.
    room = {"pyairtable.dlq.events": {"max.message.bytes": str(2 * 2**20)}}
    topics = [NewTopic(name, count, 1, config=room.get(name, {})) for name, count in TOPICS.items()]
    made = admin.create_topics(topics, request_timeout=60)
    for future in made.values():
        future.result(60)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
