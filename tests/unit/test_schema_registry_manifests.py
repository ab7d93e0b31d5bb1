"""The schema registry's settings, permissions and objects."""

import json
from typing import Any

import pytest

from config.literals import RegistryImplementation
from config.schema_registry import SchemaRegistrySpec
from config.service import QuotaSpec, ServiceSpec
from manifests.acl import service_user
from manifests.schema_registry import Registry, network_policies, server_names, services, stateful_set
from manifests.schema_registry_access import (
    RegistryUser,
    external_urls,
    kafka_users,
    password_file,
    registry_users,
    storage_topics,
)
from manifests.schema_registry_settings import KafkaAccount, registry_jvm_options, registry_properties
from manifests.unsafe import UnsafeManifest
from tests.specs import combined

ACCOUNT = KafkaAccount(
    bootstrap_servers="kafka-service:9092",
    mechanism="SCRAM-SHA-512",
    username="schema-registry",
    password="pass-word_1",
)
NAMES = {key: f"schema-registry-{key}" for key in ("config", "proxy", "passwords", "keys", "runtime", "trust")}


def spec(implementation: str = "confluent", **changes: Any) -> SchemaRegistrySpec:
    return SchemaRegistrySpec.model_validate(
        {
            "implementation": implementation,
            "image": {"name": "registry.example.org/schema-registry", "digest": "sha256:" + "1" * 64},
            "external": {"type": "node-port"},
            **changes,
        }
    )


def registry(implementation: str = "confluent", **changes: Any) -> Registry:
    return Registry(spec=spec(implementation, **changes), cluster="kafka", namespace="events")


def settings(made: Registry, number: int) -> dict[str, str]:
    text = registry_properties(made.spec, ACCOUNT, made.replicas[number], 3)
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(
    ("implementation", "prefix"), [("confluent", "kafkastore."), ("apicurio", "apicurio.kafka.common.")]
)
def test_both_programs_reach_kafka_encrypted_verified_and_logged_in(implementation: str, prefix: str) -> None:
    found = settings(registry(implementation), 0)
    assert {key: found[f"{prefix}{key}"] for key in ("security.protocol", "sasl.mechanism")} == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
    }
    assert found[f"{prefix}ssl.endpoint.identification.algorithm"] == "https"
    assert found[f"{prefix}ssl.truststore.location"] == "/etc/schema-registry/trust/ca.pem"
    assert found[f"{prefix}sasl.jaas.config"].endswith('username="schema-registry" password="pass-word_1";')


def test_processes_listen_on_the_loopback_each_on_its_own_port() -> None:
    assert settings(registry("confluent"), 0)["listeners"] == "http://127.0.0.1:8090"
    assert settings(registry("confluent"), 1)["listeners"] == "http://127.0.0.1:8091"
    found = settings(registry("apicurio"), 1)
    assert (found["quarkus.http.host"], found["quarkus.http.port"]) == ("127.0.0.1", "8091")


def test_the_level_is_in_force_from_the_first_second() -> None:
    assert settings(registry("confluent", level="FULL"), 0)["schema.compatibility.level"] == "full"
    assert settings(registry("apicurio"), 0)["apicurio.rules.global.compatibility"] == "BACKWARD"


def test_neither_program_makes_topics() -> None:
    assert settings(registry("apicurio"), 0)["apicurio.kafkasql.topic.auto-create"] == "false"
    confluent, apicurio = spec("confluent"), spec("apicurio")
    assert [(topic.name, topic.partitions, topic.cleanup_policy.value) for topic in storage_topics(confluent)] == [
        ("_schemas", 1, "compact")
    ]
    journal = storage_topics(apicurio)[0]
    assert (journal.name, journal.cleanup_policy.value, journal.config["retention.ms"]) == (
        "_schemas.journal",
        "delete",
        -1,
    )
    assert storage_topics(None) == ()


@pytest.mark.parametrize(
    ("implementation", "expected"),
    [
        (
            "confluent",
            {
                "schema-registry-group-schema-registry-read",
                "schema-registry-topic-_schemas-read",
                "schema-registry-topic-_schemas-write",
                "schema-registry-topic-_schemas-describeconfigs",
            },
        ),
        (
            "apicurio",
            {
                "schema-registry-group-schema-registry-read",
                *(
                    f"schema-registry-topic-_schemas.{topic}-{operation}"
                    for topic in ("journal", "snapshots", "events")
                    for operation in ("read", "write")
                ),
            },
        ),
    ],
)
def test_the_registry_may_touch_its_own_topics_only(implementation: str, expected: set[str]) -> None:
    (user,) = kafka_users(spec(implementation))
    assert {entry.key for entry in user.entries} == expected
    assert kafka_users(None) == ()


def test_whoever_writes_a_topic_registers_its_value_subject() -> None:
    quota = QuotaSpec(producer_bytes_per_second=1, consumer_bytes_per_second=1)
    service = ServiceSpec(id="auth", produces=("b.events", "a.events"), consumes=("c.events",), quota=quota)
    users = registry_users([service_user(service), *kafka_users(spec())])
    assert users == (RegistryUser(name="auth", subjects=("a.events-value", "b.events-value")),)


def test_the_password_file_is_the_same_each_time_and_holds_no_password() -> None:
    passwords = {"b": "second", "a": "first"}
    made = password_file(passwords)
    assert made == password_file(dict(reversed(passwords.items())))
    assert [line.partition(":")[0] for line in made.splitlines()] == ["a", "b"]
    assert "first" not in made
    assert len(set(password_file({"a": "x", "b": "x"}).replace("a:", "").replace("b:", "").split())) == 2


def test_a_name_that_would_end_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^user 'a:b' is refused: a name in a password file is printable"):
        password_file({"a:b": "x"})


def test_no_password_in_arguments_or_map() -> None:
    made = registry()
    assert "pass-word_1" not in registry_jvm_options(made.spec) + json.dumps(stateful_set(made, NAMES, "sum"))
    assert "pass-word_1" not in repr(ACCOUNT)


def test_replicas_are_spread_over_zones_and_run_by_digest() -> None:
    pod = stateful_set(registry(), NAMES, "sum")["spec"]["template"]["spec"]
    zone = pod["topologySpreadConstraints"][0]
    assert (zone["topologyKey"], zone["whenUnsatisfiable"], zone["maxSkew"]) == (
        "topology.kubernetes.io/zone",
        "DoNotSchedule",
        1,
    )
    assert pod["containers"][0]["image"] == "registry.example.org/schema-registry@sha256:" + "1" * 64


def test_only_confluents_replicas_talk_to_each_other() -> None:
    assert set(services(registry("apicurio"))) == {
        "schema-registry-service",
        "schema-registry-headless",
        "schema-registry-external",
    }
    assert {"schema-registry-0", "schema-registry-1"} <= set(services(registry("confluent")))
    assert "schema-registry-1.events.svc.cluster.local" in server_names(registry("confluent"), ())
    assert not [name for name in server_names(registry("apicurio"), ()) if "registry-1" in name]
    (policy,) = network_policies(registry("apicurio")).values()
    assert [rule["ports"][0]["port"] for rule in policy["spec"]["egress"]] == [9092, 53]


def test_the_certificate_holds_for_every_name_clients_use() -> None:
    assert server_names(registry("apicurio"), ("198.18.0.2", "registry.example.org")) == (
        "schema-registry-service",
        "schema-registry-service.events",
        "schema-registry-service.events.svc",
        "schema-registry-service.events.svc.cluster.local",
        "198.18.0.2",
        "registry.example.org",
    )


def test_clients_outside_use_the_brokers_hosts_or_those_that_are_named() -> None:
    kafka = combined()
    assert external_urls(spec(), kafka) == (
        "https://198.18.0.2:32081",
        "https://kafka-b.example.org:32081",
        "https://198.18.0.4:32081",
    )
    named = {"type": "load-balancer", "hosts": ["registry.example.org"], "port": 443}
    assert external_urls(spec(external=named), kafka) == ("https://registry.example.org:443",)
    assert services(registry(external=named))["schema-registry-external"]["spec"]["ports"][0]["port"] == 443
    assert services(registry())["schema-registry-external"]["spec"]["ports"][0]["nodePort"] == 32081


def test_a_registry_pulumi_could_not_reach_is_refused() -> None:
    with pytest.raises(UnsafeManifest, match=r"^schema_registry\.external\.type none would leave Pulumi no way"):
        services(registry(external={"type": "none"}))


def test_a_password_can_not_end_its_quotes() -> None:
    account = KafkaAccount(bootstrap_servers="b", mechanism="SCRAM-SHA-512", username="u", password='x" y="')
    with pytest.raises(ValueError, match=r"^sasl\.jaas\.config: user and password must hold no double quote$"):
        registry_properties(spec(), account, registry().replicas[0], 3)


def test_the_main_class_is_the_programs() -> None:
    options = registry_jvm_options(spec("confluent", jvm={"heap": "256Mi", "gc": "Serial"})).splitlines()
    assert options[:3] == ['"-Xms256m"', '"-Xmx256m"', '"-XX:+UseSerialGC"']
    assert options[-2:] == [
        '"io.confluent.kafka.schemaregistry.rest.SchemaRegistryMain"',
        '"/etc/schema-registry/registry.properties"',
    ]
    assert registry_jvm_options(spec("apicurio")).splitlines()[-1] == '"io.quarkus.runner.GeneratedMain"'
    assert {one.value for one in RegistryImplementation} == {"confluent", "apicurio"}
