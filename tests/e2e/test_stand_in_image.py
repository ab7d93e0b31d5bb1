"""What the image runs that stands in for ksqlDB and Kafka UI: started as these are, it answers their probes."""

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assets.readiness.build import read
from lab.images import tools_classpath
from lab.images.stand_in.build import JAR, entries
from manifests.kafka_ui import TLS, application_yaml
from manifests.ksqldb_properties import ksqldb_properties
from manifests.server_properties import render
from resources.key_store import key_store
from tests.e2e.harness import wait_for
from tests.e2e.test_key_store import PASSWORD, certificate
from tests.schema_registry import free_port
from tests.unit.test_consoles import console
from tests.unit.test_ksqldb import cluster

pytestmark = pytest.mark.programs


def test_the_jar_is_current() -> None:
    assert read(JAR) == entries(tools_classpath())


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    options = ("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    with subprocess.Popen(
        ["java", *options, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and body, whoever signed the certificate, as kubelets ask; -1 when nobody answers yet."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=5, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return -1, ""


def answers(process: "subprocess.Popen[str]", port: int, path: str, program: str) -> None:
    wait_for("an answer", lambda: ask(port, path)[0] == 200 or process.poll() is not None, timeout=60)
    said = {"stand_in": f"this is not {program}, whose image can't be had here"}
    status, body = ask(port, path)
    assert (status, json.loads(body)) == (200, said)
    assert ask(port, "/ksql") == (501, body)


def test_it_answers_in_the_place_of_ksqldb(tmp_path: Path) -> None:
    port, authority = free_port(), certificate("authority")
    (tmp_path / "store-password").write_text(PASSWORD)
    store = tmp_path / "keystore.p12"
    store.write_bytes(key_store(*certificate("server", authority), authority[1], PASSWORD))
    settings = {
        **ksqldb_properties(cluster(), "ksqldb-server-0"),
        "listeners": f"https://0.0.0.0:{port}",
        "ssl.keystore.location": str(store),
        "ssl.keystore.password": f"${{dir:{tmp_path}:store-password}}",
    }
    file = tmp_path / "ksql-server.properties"
    file.write_text(render(settings))
    with running("-cp", str(JAR), "io.confluent.ksql.rest.server.KsqlServerMain", str(file)) as process:
        answers(process, port, "/info", "ksqlDB")


def test_it_answers_in_the_place_of_kafka_ui(tmp_path: Path) -> None:
    port = free_port()
    key, pem = certificate("server")
    (tmp_path / "tls.key").write_text(key)
    (tmp_path / "tls.crt").write_text(pem)
    settings = json.loads(application_yaml(console(), read_only=True, schema_registry_url=None))
    settings["server"]["port"] = port
    file = tmp_path / "application.yaml"
    file.write_text(json.dumps(settings, indent=2).replace(TLS, str(tmp_path)))
    with running("-jar", str(JAR), f"--spring.config.additional-location=file:{file}") as process:
        answers(process, port, "/actuator/health", "Kafka UI")
