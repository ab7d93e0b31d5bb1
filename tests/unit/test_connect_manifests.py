"""Kafka Connect's workers, connectors and permissions, as functions of their declaration."""

from pathlib import Path
from typing import Any

import pytest

import versions
from config.build import build_platform
from config.connect import ConnectSpec
from config.literals import DEAD_LETTERS
from manifests.acl import Operation, Pattern
from manifests.connect_connector import ceiling, connector_config, plain_secrets
from manifests.connect_objects import connect_autoscaler
from manifests.connect_stateful_set import connect_stateful_set
from manifests.connect_topics import connect_acl, internal_topics
from manifests.connect_worker import worker_files, worker_properties
from manifests.unsafe import UnsafeManifest
from tests.specs import combined
from tests.unit.test_config_bad_inputs import dev

ROOT = Path(__file__).parents[2]
OUTBOX = {
    "name": "outbox",
    "plugin": "debezium-postgres",
    "value_format": "bytes",
    "dead_letters": "dlq",
    "outbox": {"host": "db", "database": "app", "user": "reader", "sslmode": "disable", "aggregates": ["auth"]},
    "secrets": {"database.password": "outbox"},
}
LAKE: dict[str, Any] = {
    "name": "lake",
    "plugin": "iceberg-sink",
    "tasks": 9,
    "reads": ["a", "b"],
    "value_format": "json",
    "dead_letters": "dlq",
    "tolerate_errors": True,
    "iceberg": {"catalog": "glue", "warehouse": "s3://lake/w", "table": "lake.events"},
}


def spec(**changes: Any) -> ConnectSpec:
    return ConnectSpec.model_validate(
        {
            "image": {"name": "connect"},
            "resources": {"cpu": "1", "memory": "2Gi"},
            "jvm": {"heap": "1Gi"},
            "connectors": [OUTBOX, LAKE],
            **changes,
        }
    )


def config_of(name: str, **changes: Any) -> dict[str, str]:
    connect = spec(**changes)
    (connector,) = (each for each in connect.connectors if each.name == name)
    return connector_config(connector, connect, "kafka", 3)


def test_an_outbox_routes_by_aggregate_and_keeps_its_order() -> None:
    config = config_of("outbox")
    assert config["exactly.once.support"] == "required"
    assert config["transforms.route.table.field.event.key"] == "aggregateid"
    assert config["transforms.route.route.topic.replacement"] == "pyairtable.${routedByValue}.events"
    assert config["transforms.unknown.replacement"] == "dlq"
    assert config["value.converter"] == "io.debezium.converters.BinaryDataConverter"
    assert config["value.converter.delegate.converter.type"] == "org.apache.kafka.connect.json.JsonConverter"
    headers = "transforms.route.table.fields.additional.placement"
    assert config[headers] == "aggregatetype:header:aggregateType,type:header:eventType"
    assert config["database.password"] == "${dir:/etc/kafka-connect/secrets:outbox}"


def test_an_outbox_looks_for_rows_twenty_times_a_second_unless_it_says_otherwise() -> None:
    assert config_of("outbox")["poll.interval.ms"] == "50"
    slower = OUTBOX | {"config": {"poll.interval.ms": 500}}
    assert config_of("outbox", connectors=[slower, LAKE])["poll.interval.ms"] == "500"
    assert "poll.interval.ms" not in config_of("lake")


def test_a_sinks_poison_goes_to_the_dead_letters_with_its_headers() -> None:
    config = config_of("lake")
    assert config["errors.tolerance"] == "all"
    assert config["errors.deadletterqueue.topic.name"] == "dlq"
    assert config["errors.deadletterqueue.context.headers.enable"] == "true"
    assert config["errors.log.include.messages"] == "false"


def test_what_failed_is_restarted_unless_that_is_off() -> None:
    config = config_of("lake")
    assert (config["auto.restart.max.restarts"], config["auto.restart.backoff.ms"]) == ("7", "60000")
    often = {**LAKE, "auto_restart": {"max_restarts": 3, "backoff": "2s"}}
    config = config_of("lake", connectors=[often])
    assert (config["auto.restart.max.restarts"], config["auto.restart.backoff.ms"]) == ("3", "2000")
    off = config_of("lake", connectors=[{**LAKE, "auto_restart": {"enabled": False}}])
    assert [name for name in off if name.startswith("auto.restart")] == []


@pytest.mark.parametrize(
    ("whose", "converter", "folder"),
    [
        ("confluent", "io.confluent.connect.avro.AvroConverter", "confluent-avro"),
        ("apicurio", "io.apicurio.registry.utils.converter.AvroConverter", "apicurio-avro"),
    ],
)
def test_avro_is_read_by_a_converter_that_waits_for_its_registry(whose: str, converter: str, folder: str) -> None:
    """It lies beside the one it waits for, whose settings it has too."""
    lake = {**LAKE, "value_format": "avro"}
    config = config_of("lake", connectors=[lake], avro_converter=whose)
    assert config["value.converter"] == "platform.converter.PatientConverter"
    assert config["value.converter.patient.converter"] == converter
    assert int(config["value.converter.patient.timeout.ms"]) < 300_000, "max.poll.interval.ms"
    assert any(name.endswith("registry.url") for name in config)
    names = {"health": "jars", "config": "c", "kafka": "k", "rest": "r", "secrets": "s"}
    connect = spec(connectors=[lake], avro_converter=whose)
    pod = connect_stateful_set(connect, "kafka", "a", names, "x", scaled=False)["spec"]["template"]["spec"]
    mounts = {each["mountPath"]: each.get("subPath") for each in pod["containers"][0]["volumeMounts"]}
    assert mounts[f"/opt/kafka/plugins/{folder}/patient-converter.jar"] == "patient-converter.jar"


def test_where_nothing_is_avro_no_plugin_is_added_to() -> None:
    pod = connect_stateful_set(spec(), "kafka", "a", {"health": "jars"}, "x", scaled=False)["spec"]["template"]["spec"]
    assert [each["mountPath"] for each in pod["containers"][0]["volumeMounts"] if "plugins" in each["mountPath"]] == []


def test_a_sinks_first_commit_can_be_taken_up_by_the_next_coordinator() -> None:
    """Announcements of files aren't skipped because nothing was committed; how many are read again is bounded."""
    assert config_of("lake")["iceberg.kafka.auto.offset.reset"] == "by_duration:PT90000S"
    often = {**LAKE, "iceberg": {**LAKE["iceberg"], "commit_interval": "5s"}}
    assert config_of("lake", connectors=[often])["iceberg.kafka.auto.offset.reset"] == "by_duration:PT1500S"


def test_a_sink_without_records_is_called_often_enough_to_join_its_group() -> None:
    """A connection takes a dozen calls of the task, with TLS and SCRAM: it must not be given up before."""
    calls = int(worker_properties(combined(), "kafka")["offset.flush.interval.ms"])
    assert int(config_of("lake")["iceberg.kafka.socket.connection.setup.timeout.ms"]) >= 24 * calls


def test_workers_wait_for_a_machines_metadata_unless_their_stack_says_otherwise() -> None:
    connect = spec(jvm={"heap": "1Gi", "options": ["-Daws.ec2MetadataServiceTimeout=9"]})
    options = worker_files(connect, combined(), "kafka", "")["options"].splitlines()
    asked = [option for option in options if "MetadataServiceTimeout" in option]
    # The last one counts.
    assert asked == ['"-Daws.ec2MetadataServiceTimeout=5"', '"-Daws.ec2MetadataServiceTimeout=9"']


def test_a_secret_in_a_connectors_own_settings_is_refused() -> None:
    bad = {**LAKE, "config": {"iceberg.catalog.s3.secret-access-key": "plain"}}
    with pytest.raises(UnsafeManifest, match=r"^connector lake must hold no secret in plain: iceberg\.catalog\.s3"):
        config_of("lake", connectors=[bad])


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("database.password", "x", True),
        ("database.password", "${dir:/etc/kafka-connect/secrets:x}", False),
        ("key.converter", "org.example.Converter", False),
        ("key.converter.basic.auth.user.info", "me:x", True),
        ("value.converter.schema.registry.url", "https://me:x@host", True),
        ("value.converter.schema.registry.url", "https://host", False),
        ("value.converter.basic.auth.credentials.source", "USER_INFO", False),
        ("transforms.route.table.field.event.key", "aggregateid", False),
        ("consumer.override.sasl.jaas.config", "a LoginModule required", True),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str, found: bool) -> None:
    assert plain_secrets({name: value}) == ([name] if found else [])


def test_permissions_are_the_declarations() -> None:
    entries = connect_acl(spec())
    written = {each.name for each in entries if each.operation is Operation.WRITE and each.resource_type == "Topic"}
    internal = {topic.name for topic in internal_topics(spec())}
    assert written == {*internal, "pyairtable.auth.events", "dlq"}
    read = {each.name for each in entries if each.operation is Operation.READ and each.resource_type == "Topic"}
    assert read == {"connect-configs", "connect-control", "connect-offsets", "connect-status", "a", "b"}
    assert {(each.name, each.pattern) for each in entries if each.resource_type == "TransactionalID"} == {
        ("connect-cluster-connect", Pattern.LITERAL),
        ("connect-outbox-", Pattern.PREFIXED),
        ("connect-lake-", Pattern.PREFIXED),
    }
    assert {(each.name, each.pattern) for each in entries if each.resource_type == "Group"} == {
        ("connect", Pattern.LITERAL),
        ("connect-lake", Pattern.LITERAL),
        ("connect-lake-", Pattern.PREFIXED),
    }


def test_workers_state_is_compacted_and_there_whatever_the_connectors_are() -> None:
    assert internal_topics(spec(connectors=[])) == internal_topics(spec())
    assert {topic.name: topic.cleanup_policy.value for topic in internal_topics(spec())} == {
        "connect-configs": "compact",
        "connect-offsets": "compact",
        "connect-status": "compact",
        "connect-heartbeats": "delete",
        "connect-control": "delete",
    }


def test_workers_hold_no_secret_and_support_exactly_once() -> None:
    settings = worker_properties(combined(), "kafka")
    assert settings["exactly.once.source.support"] == "enabled"
    assert settings["connector.client.config.override.policy"] == "None"
    passwords = {name: value for name, value in settings.items() if name.endswith(("password", "jaas.config"))}
    assert passwords
    assert all("${dir:/etc/kafka-connect/" in value for value in passwords.values())


def test_a_dead_letter_may_be_larger_than_its_record() -> None:
    """Kafka's own limit is 1 MiB, which the largest records of other topics exceed with their headers."""
    largest = int(worker_properties(combined(), "kafka")["producer.max.request.size"])
    sizes = {topic.name: topic.max_message_bytes for topic in build_platform("dev", dev()).topics}
    assert sizes[DEAD_LETTERS] == 2 * 2**20 <= largest


@pytest.mark.parametrize(("partitions", "most"), [({"a": 1, "b": 2}, 4), ({"a": 6, "b": 12}, 10)])
def test_no_more_workers_than_tasks_that_can_work(partitions: dict[str, int], most: int) -> None:
    connect = spec(autoscaling={"max_replicas": 20})
    assert ceiling(connect, partitions) == most
    scaler = connect_autoscaler(connect, "kafka", most)
    assert scaler is not None
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, most)


def test_nothing_is_scaled_where_one_task_is_all() -> None:
    assert connect_autoscaler(spec(autoscaling={"max_replicas": 20}), "kafka", 1) is None


def test_the_image_is_built_from_the_brokers_version() -> None:
    lines = (ROOT / "assets/connect/Dockerfile").read_text().splitlines()
    assert f"ARG KAFKA={versions.KAFKA}" in lines
