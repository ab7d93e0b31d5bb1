"""Clients from outside the project, with nothing but what ``ops client`` wrote."""

import subprocess
import uuid

import pytest

from lab.images import tools_classpath
from tests.e2e.harness import Platform, deliver, read_log

pytestmark = pytest.mark.e2e

TOPIC = "pyairtable.auth.events"


def records(count: int) -> tuple[bytes, list[bytes]]:
    mark = uuid.uuid4().hex.encode()
    return mark, [b"%s %04d" % (mark, number) for number in range(count)]


def test_librdkafka_by_scram(platform: Platform) -> None:
    mark, values = records(200)
    assert deliver(platform.librdkafka("auth-service"), TOPIC, values) == []
    assert sorted(read_log(platform.librdkafka("analytics-service"), "analytics-service", TOPIC, mark)) == values


def test_java_tools_by_scram(platform: Platform) -> None:
    mark, values = records(50)
    java = ["java", "-Xmx256m", "-cp", tools_classpath()]
    produced = subprocess.run(
        [
            *java,
            "org.apache.kafka.tools.ConsoleProducer",
            *("--bootstrap-server", bootstrap(platform)),
            *("--topic", TOPIC),
            *("--producer.config", str(platform.client("auth-service") / "client.properties")),
        ],
        input=b"\n".join(values) + b"\n",
        capture_output=True,
        timeout=120,
    )
    assert produced.returncode == 0, produced.stderr.decode()
    consumed = subprocess.run(
        [
            *java,
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            *("--bootstrap-server", bootstrap(platform)),
            *("--topic", TOPIC, "--group", f"analytics-service-{mark.decode()}"),
            *("--consumer.config", str(platform.client("analytics-service") / "client.properties")),
            *("--from-beginning", "--timeout-ms", "15000"),
        ],
        capture_output=True,
        timeout=120,
    )
    assert sorted(line for line in consumed.stdout.splitlines() if line.startswith(mark)) == values, consumed.stderr


def test_kcat_by_mutual_tls(platform: Platform) -> None:
    mark, values = records(50)
    produced = subprocess.run(
        ["kcat", "-F", str(platform.client("auth-service") / "librdkafka-mtls.conf"), "-P", "-t", TOPIC],
        input=b"\n".join(values) + b"\n",
        capture_output=True,
        timeout=60,
    )
    assert produced.returncode == 0, produced.stderr.decode()
    consumed = subprocess.run(
        [
            *("kcat", "-F", str(platform.client("analytics-service") / "librdkafka-mtls.conf")),
            *("-C", "-t", TOPIC, "-o", "beginning", "-e", "-q"),
        ],
        capture_output=True,
        timeout=60,
    )
    assert consumed.returncode == 0, consumed.stderr.decode()
    assert sorted(line for line in consumed.stdout.splitlines() if line.startswith(mark)) == values


def bootstrap(platform: Platform) -> str:
    servers = platform.status()["bootstrap_servers"]
    assert isinstance(servers, str)
    return servers
