"""The schema registry of the dev stack: who gets in, who may what, what evolves, what survives."""

import base64
import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import DeserializingConsumer, SerializingProducer, TopicPartition
from confluent_kafka.error import ValueSerializationError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

from contracts.repository import history, subjects
from tests.e2e.checkout import copied
from tests.e2e.event_platform import access
from tests.e2e.harness import Platform, wait_for
from tests.e2e.test_changes import operations

pytestmark = pytest.mark.e2e

OWN = "pyairtable.auth.events-value"
FOREIGN = "pyairtable.ai.events-value"
TOPIC = "pyairtable.auth.events"


def administrator(platform: Platform) -> dict[str, str]:
    outputs = json.loads(platform.pulumi("stack", "output", "schema_registry", "--json", "--show-secrets").out)
    return {
        **access(platform, "auth-service"),
        "SCHEMA_REGISTRY_USERNAME": "admin",
        "SCHEMA_REGISTRY_PASSWORD": outputs["passwords"]["admin"],
    }


def ask(
    variables: dict[str, str], method: str, path: str, body: object = None, *, user: bool = True
) -> tuple[int, Any]:
    url = variables["SCHEMA_REGISTRY_URL"].split(",")[0]
    host, port = url.removeprefix("https://").rsplit(":", 1)
    context = ssl.create_default_context(cafile=variables["SCHEMA_REGISTRY_SSL_CA_LOCATION"])
    connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    if user:
        login = f"{variables['SCHEMA_REGISTRY_USERNAME']}:{variables['SCHEMA_REGISTRY_PASSWORD']}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text) if text else None


def content(name: str) -> dict[str, Any]:
    """The body that stands for a committed schema."""
    subject = next(one for one in subjects() if one.name == name)
    return {
        "schemaType": "AVRO",
        "schema": json.dumps(json.loads(subject.schema), separators=(",", ":"), ensure_ascii=False),
        "references": [
            {"name": one.name, "subject": one.subject, "version": one.version} for one in subject.references
        ],
    }


def test_every_committed_schema_is_registered_with_its_history(platform: Platform) -> None:
    variables = access(platform, "auth-service")
    status, names = ask(variables, "GET", "/subjects")
    assert (status, sorted(names)) == (200, sorted(subject.name for subject in subjects()))
    for subject in subjects():
        status, found = ask(variables, "GET", f"/subjects/{subject.name}/versions")
        assert (status, len(found)) == (200, len(history(subject.name))), subject.name
        assert ask(variables, "GET", f"/config/{subject.name}") == (200, {"compatibilityLevel": subject.level.value})
    assert ask(variables, "GET", "/config") == (200, {"compatibilityLevel": "BACKWARD"})
    assert len(platform.status()["schema_registry"]["subjects"]) == len(subjects())


def test_nobody_gets_in_without_the_right_password(platform: Platform) -> None:
    variables = access(platform, "auth-service")
    assert ask(variables, "GET", "/subjects", user=False)[0] == 401
    assert ask({**variables, "SCHEMA_REGISTRY_PASSWORD": "wrong"}, "GET", "/subjects")[0] == 401
    kafkas = {**variables, "SCHEMA_REGISTRY_PASSWORD": variables["KAFKA_PASSWORD"]}
    assert ask(kafkas, "GET", "/subjects")[0] == 401, "the password towards Kafka is another one"


def test_plain_http_is_hung_up_on(platform: Platform) -> None:
    host, port = access(platform, "auth-service")["SCHEMA_REGISTRY_URL"].split(",")[0].split("//")[1].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", "/subjects")
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()


def test_a_service_registers_its_own_subject_and_no_other(platform: Platform) -> None:
    variables = access(platform, "auth-service")
    assert ask(variables, "POST", f"/subjects/{OWN}/versions", content(OWN))[0] == 200
    for method, path in (
        ("POST", f"/subjects/{FOREIGN}/versions"),
        ("DELETE", f"/subjects/{OWN}"),
        ("PUT", f"/config/{OWN}"),
        ("PUT", "/config"),
    ):
        status, said = ask(variables, method, path, content(FOREIGN))
        assert (status, said["error_code"]) == (403, 40301), path
    assert ask(access(platform, "ai-service"), "POST", f"/subjects/{OWN}/versions", content(OWN))[0] == 403


def test_a_broken_schema_is_refused_by_the_registry_too(platform: Platform) -> None:
    body = content(OWN)
    schema = json.loads(body["schema"])
    schema["fields"].append({"name": "no_default", "type": "string"})
    status, said = ask(
        access(platform, "auth-service"), "POST", f"/subjects/{OWN}/versions", {**body, "schema": json.dumps(schema)}
    )
    assert (status, said["error_code"]) == (409, 409)


def with_a_region(folder: Path, **more: str) -> Path:
    """Copy the checkout and give one of its events a further field; ``more`` is of the field."""
    root = copied(folder / "checkout")
    file = root / "schemas" / f"{FOREIGN}.avsc"
    schema = json.loads(file.read_text())
    schema["fields"].append({"name": "region", "type": "string", "doc": "Where it happened.", **more})
    file.write_text(json.dumps(schema, indent=2))
    return root


def test_a_breaking_change_is_refused_in_the_preview(platform: Platform, tmp_path: Path) -> None:
    root = with_a_region(tmp_path)
    done = platform.pulumi("--cwd", str(root), "preview", "--non-interactive", check=False)
    assert done.code != 0
    assert f"{FOREIGN}: at level BACKWARD_TRANSITIVE, the new schema can't read what version 1 wrote: " in done.text
    assert ".region (string) has no default" in done.text
    assert "Traceback" not in done.text


def latest(variables: dict[str, str]) -> int:
    """The last version, as one of the replicas has it."""
    return int(ask(variables, "GET", f"/subjects/{FOREIGN}/versions/latest")[1]["version"])


def test_a_schema_evolves_in_place(platform: Platform, tmp_path: Path) -> None:
    elsewhere = ("--cwd", str(with_a_region(tmp_path, default="")))
    variables = administrator(platform)
    released = len(history(FOREIGN))
    try:
        steps = json.loads(platform.pulumi(*elsewhere, "preview", "--json").out)["steps"]
        changed = {step["urn"].split("::")[-1]: step for step in steps if step["op"] not in ("same", "read", "refresh")}
        assert operations(changed) == {FOREIGN: "update"}
        platform.pulumi(*elsewhere, "up", "--yes", "--skip-preview", "--non-interactive")
        # A version is never given twice, so it needn't be the next number.
        assert latest(variables) > released
    finally:
        # Versions go forward only: the unreleased one is taken out of the registry, then out of the state.
        if (made := latest(variables)) > released:
            ask(variables, "DELETE", f"/subjects/{FOREIGN}/versions/{made}")
        wait_for("both replicas' forgetting it", lambda: all(latest(variables) == released for _ in range(12)))
        platform.pulumi("refresh", "--yes", "--skip-preview", "--non-interactive")
        platform.up()
    assert platform.pulumi("preview", "--expect-no-changes", "--non-interactive").code == 0


def test_a_refresh_finds_no_change(platform: Platform) -> None:
    done = platform.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive")
    assert done.code == 0


@contextmanager
def registry_client(platform: Platform, service: str) -> Iterator[SchemaRegistryClient]:
    variables = access(platform, service)
    settings = {
        "url": variables["SCHEMA_REGISTRY_URL"],
        "basic.auth.user.info": f"{variables['SCHEMA_REGISTRY_USERNAME']}:{variables['SCHEMA_REGISTRY_PASSWORD']}",
        "ssl.ca.location": variables["SCHEMA_REGISTRY_SSL_CA_LOCATION"],
    }
    with SchemaRegistryClient(settings) as client:
        yield client


def example(kind: Any, named: dict[str, Any]) -> Any:
    """Some value of an Avro type."""
    if isinstance(kind, list):
        return None if "null" in kind else example(kind[0], named)
    if isinstance(kind, str):
        plain = {
            "string": str(uuid.uuid4()),
            "int": 1,
            "long": 1,
            "boolean": True,
            "double": 1.0,
            "float": 1.0,
            "bytes": b"",
        }
        return plain[kind] if kind in plain else example(named[kind], named)
    if kind["type"] in ("record", "enum", "fixed"):
        name = kind["name"] if "." in kind["name"] else f"{kind.get('namespace', '')}.{kind['name']}"
        named |= {name: kind, kind["name"]: kind}
    if kind["type"] == "record":
        return {field["name"]: field.get("default", example(field["type"], named)) for field in kind["fields"]}
    if kind["type"] == "enum":
        return kind["symbols"][0]
    if kind["type"] == "array":
        return []
    if kind["type"] == "map":
        return {}
    logical = {"timestamp-millis": 1_700_000_000_000, "timestamp-micros": 1_700_000_000_000_000}
    return logical.get(kind.get("logicalType", ""), example(kind["type"], named))


def test_avro_from_one_service_to_another(platform: Platform) -> None:
    sent: list[tuple[int, int]] = []
    with registry_client(platform, "auth-service") as client:
        text = client.get_latest_version(OWN).schema.schema_str
        envelope = json.loads(client.get_latest_version("com.pyairtable.events.EventEnvelope").schema.schema_str)
        value = example(json.loads(text), {"com.pyairtable.events.EventEnvelope": envelope})
        settings = {"auto.register.schemas": False, "use.latest.version": True}
        producer = SerializingProducer(
            {**platform.librdkafka("auth-service"), "value.serializer": AvroSerializer(client, conf=settings)}
        )
        producer.produce(TOPIC, value=value, on_delivery=lambda _, one: sent.append((one.partition(), one.offset())))
        assert producer.flush(60) == 0
    ((partition, offset),) = sent
    with registry_client(platform, "analytics-service") as reader:
        consumer = DeserializingConsumer(
            {
                **platform.librdkafka("analytics-service"),
                "group.id": "analytics-service-avro",
                "value.deserializer": AvroDeserializer(reader),
            }
        )
        try:
            consumer.assign([TopicPartition(TOPIC, partition, offset)])
            message = consumer.poll(60)
            assert message is not None and message.error() is None
            assert message.value().keys() == value.keys()
        finally:
            consumer.close()


def test_an_undeclared_schema_is_refused(platform: Platform) -> None:
    text = json.dumps({"type": "record", "name": "Undeclared", "namespace": "x", "fields": []})
    with registry_client(platform, "auth-service") as client:
        serializer = AvroSerializer(client, text, conf={"auto.register.schemas": False})
        producer = SerializingProducer({**platform.librdkafka("auth-service"), "value.serializer": serializer})
        with pytest.raises(ValueSerializationError):
            producer.produce(TOPIC, value={})


def test_replicas_are_in_two_zones(platform: Platform) -> None:
    nodes = {pod["spec"]["nodeName"] for pod in platform.pods("schema-registry")}
    assert len(nodes) == 2


def test_a_killed_pod_leaves_the_registry_answering(platform: Platform) -> None:
    variables = access(platform, "auth-service")
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in platform.pods("schema-registry")}
    platform.kubectl("delete", "pod", "schema-registry-0", "-n", "kafka", "--wait=false")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert ask(variables, "GET", f"/subjects/{OWN}/versions/latest")[0] == 200
        time.sleep(0.2)

    def replaced() -> bool:
        pods = {pod["metadata"]["name"]: pod for pod in platform.pods("schema-registry")}
        pod = pods.get("schema-registry-0")
        return (
            pod is not None
            and pod["metadata"]["uid"] != before["schema-registry-0"]
            and all(status["ready"] for status in pod["status"].get("containerStatuses", []))
        )

    wait_for("the killed pod's return", replaced)
    assert ask(variables, "GET", "/subjects")[0] == 200


def test_logs_hold_no_password(platform: Platform) -> None:
    outputs = json.loads(platform.pulumi("stack", "output", "schema_registry", "--json", "--show-secrets").out)
    for pod in platform.pods("schema-registry"):
        log = platform.kubectl("logs", "-n", "kafka", pod["metadata"]["name"], "--all-containers")
        assert [user for user, password in outputs["passwords"].items() if password in log] == []
