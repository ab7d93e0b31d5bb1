"""Kafka UI and CMAK: access in Kafka, settings, objects."""

import json
from typing import Any

import pytest

from config.consoles import CmakSpec, KafkaUiSpec
from config.literals import CMAK_PORT
from manifests.cmak import (
    application_conf,
    cmak,
    cmak_command,
    cmak_deployment,
    cmak_network_policy,
)
from manifests.console import Console, console_service
from manifests.kafka_ui import (
    application_yaml,
    jvm_options,
    kafka_ui,
    kafka_ui_deployment,
    kafka_ui_network_policy,
    kafka_ui_user,
)
from tests.specs import combined
from tests.unit.test_ksqldb import may


def console(**changes: Any) -> Console:
    return kafka_ui(KafkaUiSpec.model_validate(changes), combined(), "kafka")


def settings(*, read_only: bool = True, registry: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(application_yaml(console(), read_only=read_only, schema_registry_url=registry))
    return found


READER = kafka_ui_user(KafkaUiSpec(reads=("dlq",)))


@pytest.mark.parametrize(
    ("operation", "kind", "name", "answer"),
    [
        ("Describe", "Topic", "*", True),
        ("DescribeConfigs", "Topic", "*", True),
        ("Describe", "Group", "*", True),
        ("Describe", "Cluster", "kafka-cluster", True),
        ("DescribeConfigs", "Cluster", "kafka-cluster", True),
        ("Read", "Topic", "dlq", True),
        ("Read", "Topic", "auth.events", False),
        ("Read", "Topic", "*", False),
        ("Write", "Topic", "dlq", False),
        ("Read", "Group", "*", False),
        ("Delete", "Group", "*", False),
        ("Create", "Cluster", "kafka-cluster", False),
        ("Alter", "Cluster", "kafka-cluster", False),
        ("AlterConfigs", "Topic", "*", False),
        ("Write", "TransactionalID", "*", False),
    ],
)
def test_what_the_user_may_do(operation: str, kind: str, name: str, answer: bool) -> None:
    assert may(READER.entries, operation, kind, name) is answer


def test_records_are_written_only_where_it_is_said() -> None:
    assert may(kafka_ui_user(KafkaUiSpec(writes=("dlq",))).entries, "Write", "Topic", "dlq")
    assert {entry.operation for entry in READER.entries} == {"Describe", "DescribeConfigs", "Read"}


def test_the_page_asks_for_a_password_and_is_encrypted() -> None:
    found = settings()
    assert found["auth"] == {"type": "LOGIN_FORM"}
    assert found["spring"]["security.user"] == {"name": "admin", "password": "${login-password}"}
    assert found["server"]["ssl"]["certificate"] == "file:/etc/kafka-ui/tls/tls.crt"
    assert found["dynamic.config.enabled"] is False


@pytest.mark.parametrize("read_only", [True, False])
def test_the_cluster_is_read_only(read_only: bool) -> None:
    (cluster,) = settings(read_only=read_only)["kafka"]["clusters"]
    assert cluster["readOnly"] is read_only


def test_kafka_is_reached_by_scram_over_tls() -> None:
    (cluster,) = settings()["kafka"]["clusters"]
    assert cluster["bootstrapServers"] == "kafka-service.kafka.svc.cluster.local:9092"
    assert cluster["properties"]["security.protocol"] == "SASL_SSL"
    assert 'username="kafka-ui" password="${kafka-password}"' in cluster["properties"]["sasl.jaas.config"]


def test_every_secret_that_is_named_is_mounted() -> None:
    """Spring reads them as a tree of files, whose names are the settings'."""
    manifest = kafka_ui_deployment(console(), "kafka-ui-tls", "kafka-ui-secrets", "checksum")
    (secrets,) = (
        volume["projected"] for volume in manifest["spec"]["template"]["spec"]["volumes"] if "projected" in volume
    )
    assert secrets["defaultMode"] == 0o440
    assert secrets["sources"] == [
        {"secret": {"name": "kafka-ui-secrets"}},
        {"secret": {"name": "kafka-client-kafka-ui", "items": [{"key": "password", "path": "kafka-password"}]}},
    ]
    assert settings()["spring"]["config.import"] == "configtree:/etc/kafka-ui/secrets/"


def test_the_registry_is_shown_where_there_is_one() -> None:
    (cluster,) = settings(registry="https://registry:8081")["kafka"]["clusters"]
    assert cluster["schemaRegistry"] == "https://registry:8081"
    assert cluster["schemaRegistryAuth"] == {"username": "kafka-ui", "password": "${registry-password}"}
    assert "schemaRegistry" not in settings()["kafka"]["clusters"][0]


def test_the_program_is_started_with_its_settings() -> None:
    assert jvm_options(KafkaUiSpec(heap=2**29)).splitlines()[-3:] == [
        '"-jar"',
        '"/api.jar"',
        '"--spring.config.additional-location=file:/etc/kafka-ui/config/application.yaml"',
    ]


def test_probes_ask_for_health_over_tls() -> None:
    manifest = kafka_ui_deployment(console(), "kafka-ui-tls", "kafka-ui-secrets", "checksum")
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/actuator/health", "port": 8080, "scheme": "HTTPS"}
    assert settings()["management"]["endpoints.web.exposure.include"] == "health"


def test_only_a_stand_in_is_not_awaited() -> None:
    manifest = kafka_ui_deployment(console(), "tls", "secrets", "checksum")
    assert "annotations" not in manifest["metadata"]
    manifest = kafka_ui_deployment(console(stand_in=True), "tls", "secrets", "checksum")
    assert manifest["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_the_pod_reaches_brokers_and_the_registry_only() -> None:
    policy = kafka_ui_network_policy(console(), schema_registry=False)["spec"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {9092, 53}
    (ingress,) = policy["ingress"]
    assert ingress["from"] == [{"podSelector": {"matchLabels": {"kafka.pyairtable.dev/console-client": "true"}}}]
    policy = kafka_ui_network_policy(console(), schema_registry=True)["spec"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {9092, 8081, 53}


def test_the_services_are_the_documents() -> None:
    (port,) = console_service(console())["spec"]["ports"]
    assert (console().app, port["port"]) == ("kafka-ui", 8080)
    manager = cmak(plain(), combined(), "kafka")
    (port,) = console_service(manager)["spec"]["ports"]
    assert (manager.app, port["port"]) == ("kafka-manager", 9000)


def plain(**changes: Any) -> CmakSpec:
    values = {"zookeeper": "zk-0:2181,zk-1:2182/kafka", "unencrypted_zookeeper": True, **changes}
    return CmakSpec.model_validate(values)


def test_cmak_asks_for_a_password_and_changes_no_topic() -> None:
    text = application_conf(plain(), password="login", session_secret="session", store_password="store")
    first, _, rest = text.partition("\n")
    assert first == 'include classpath("application.conf")'
    found = json.loads(rest)
    assert found["basicAuthentication.enabled"] is True
    assert found["basicAuthentication.password"] == "login"
    assert found["cmak.zkhosts"] == "zk-0:2181,zk-1:2182/kafka"
    assert found["application.features"] == ["KMClusterManagerFeature"]


def test_cmak_has_no_plain_port() -> None:
    command = cmak_command(plain())
    assert "-Dhttp.port=disabled" in command
    assert f"-Dhttps.port={CMAK_PORT}" in command


def test_cmak_encrypts_what_it_tells_zookeeper_unless_plain_text_is_asked_for() -> None:
    assert not [option for option in cmak_command(plain()) if "zookeeper" in option]
    encrypted = cmak_command(plain(unencrypted_zookeeper=False, zookeeper_ca="PEM"))
    assert "-Dzookeeper.client.secure=true" in encrypted
    assert "-Dzookeeper.ssl.trustStore.location=/etc/kafka-manager/zookeeper-ca.pem" in encrypted


def test_cmak_is_no_client_of_this_cluster() -> None:
    manager = cmak(plain(), combined(), "kafka")
    labels = cmak_deployment(manager, plain(), "checksum")["spec"]["template"]["metadata"]["labels"]
    assert "kafka.pyairtable.dev/client" not in labels
    egress = cmak_network_policy(manager, plain(kafka_ports=[9092, 9192]))["spec"]["egress"]
    assert {port["port"] for rule in egress for port in rule["ports"]} == {2181, 2182, 9092, 9192, 53}
