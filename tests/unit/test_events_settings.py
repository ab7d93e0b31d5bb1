"""What the event bus reads from the environment, and how it refuses what makes no sense."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from manifests.client_config import ClientAccess, environment, secret_data
from pyairtable_events.errors import SettingsError
from pyairtable_events.kafka import client_configuration
from pyairtable_events.settings import VARIABLES, BusType, EventBusSettings, SaslMechanism, from_environment
from tests.events import SCHEMAS

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
GOOD = {
    "EVENT_BUS_TYPE": "kafka",
    "KAFKA_BROKERS": "kafka-service:9092",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_USERNAME": "auth-service",
    "KAFKA_PASSWORD": "pa$$ w'rd",
    "KAFKA_SSL_CA": PEM,
    "SCHEMA_REGISTRY_URL": "https://schema-registry-service:8081",
    "SCHEMA_REGISTRY_USERNAME": "auth-service",
    "SCHEMA_REGISTRY_PASSWORD": "s3cret",
    "SCHEMA_REGISTRY_SSL_CA": PEM,
}


def read(changes: Mapping[str, str | None]) -> EventBusSettings:
    values = {**GOOD, **changes}
    return from_environment({name: value for name, value in values.items() if value is not None})


def test_what_the_platform_hands_out_is_enough() -> None:
    settings = read({})
    assert settings.type is BusType.KAFKA
    assert settings.service == "auth-service"
    assert settings.kafka is not None
    assert client_configuration(settings.kafka) == {
        "bootstrap.servers": "kafka-service:9092",
        "security.protocol": "SASL_SSL",
        "client.id": "auth-service",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "auth-service",
        "sasl.password": "pa$$ w'rd",
        "ssl.ca.pem": PEM,
        "ssl.endpoint.identification.algorithm": "https",
    }
    assert settings.registry is not None
    assert settings.registry.url == "https://schema-registry-service:8081"


def test_the_variables_of_a_services_secret_are_known() -> None:
    access = ClientAccess(
        bootstrap_servers="kafka-service:9092",
        mtls_bootstrap_servers="kafka-service:9093",
        ca_pem=PEM,
        mechanism="SCRAM-SHA-512",
        username="auth-service",
        password="p",
        certificate_pem="",
        private_key_pem="",
    )
    given = {name for name in secret_data(access) if name.isupper()}
    assert set(environment(access)) <= given
    assert given - set(VARIABLES) == set()


def test_no_secret_is_shown() -> None:
    shown = repr(read({}))
    assert "pa$$" not in shown
    assert "s3cret" not in shown


def test_an_error_shows_no_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        read({"KAFKA_BROKERS": "nowhere", "SCHEMA_REGISTRY_USERNAME": None})
    assert "pa$$" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_defaults_are_the_safe_ones() -> None:
    settings = read({"KAFKA_SECURITY_PROTOCOL": None, "KAFKA_SASL_MECHANISM": None, "KAFKA_SSL_CA": None})
    assert settings.kafka is not None
    assert settings.kafka.security_protocol.value == "SASL_SSL"
    assert settings.kafka.sasl_mechanism is SaslMechanism.SCRAM_SHA_512


def test_mutual_tls(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ca.pem", "tls.crt", "tls.key")}
    for file in files.values():
        file.write_text(PEM)
    settings = read(
        {
            "EVENT_BUS_SERVICE": "auth-service",
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_USERNAME": None,
            "KAFKA_PASSWORD": None,
            "KAFKA_SSL_CA": None,
            "KAFKA_SSL_CA_LOCATION": str(files["ca.pem"]),
            "KAFKA_SSL_CERTIFICATE_LOCATION": str(files["tls.crt"]),
            "KAFKA_SSL_KEY_LOCATION": str(files["tls.key"]),
        }
    )
    assert settings.kafka is not None
    configuration = client_configuration(settings.kafka)
    assert configuration["security.protocol"] == "SSL"
    assert configuration["ssl.certificate.location"] == str(files["tls.crt"])
    assert not any(name.startswith("sasl.") for name in configuration)


def test_a_memory_bus_needs_schemas_and_nothing_else() -> None:
    environment = {"EVENT_BUS_TYPE": "memory", "EVENT_BUS_SERVICE": "auth-service", "EVENT_BUS_SCHEMAS": str(SCHEMAS)}
    settings = from_environment(environment)
    assert settings.schemas == SCHEMAS
    assert settings.kafka is None


def test_several_registries_and_brokers() -> None:
    settings = read({"KAFKA_BROKERS": "a:1, b:2,[::1]:3", "SCHEMA_REGISTRY_URL": "https://a:1/, https://b:2"})
    assert settings.kafka is not None
    assert settings.registry is not None
    assert settings.kafka.brokers == "a:1,b:2,[::1]:3"
    assert settings.registry.url == "https://a:1,https://b:2"


@pytest.mark.parametrize(
    "name",
    [
        "SCHEMA_REGISTRY_SERVICE_SERVICE_HOST",
        "SCHEMA_REGISTRY_SERVICE_PORT_8081_TCP_ADDR",
        "SCHEMA_REGISTRY_SERVICE_PORT",
        "KAFKA_SERVICE_SERVICE_PORT_SASL",
        "KAFKA_HEAP_OPTS",
        "KAFKA_PLATFORM_LAB",
    ],
)
def test_other_programs_variables_are_left_alone(name: str) -> None:
    assert read({name: "x"}) == read({})


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"EVENT_BUS_TYPE": None}, ["EVENT_BUS_TYPE: it is missing; use one of kafka, memory"]),
        (
            {"EVENT_BUS_TYPE": "nats"},
            ["EVENT_BUS_TYPE: 'nats' is refused: allowed are kafka, memory; choose one of them"],
        ),
        ({"KAFKA_BROKERS": ""}, ["KAFKA_BROKERS: it is missing; write host:port, several with commas"]),
        (
            {"KAFKA_BROKERS": "kafka-service,b:99999"},
            [
                "KAFKA_BROKERS: 'kafka-service' is no host:port; write host:port, several with commas",
                "KAFKA_BROKERS: 'b:99999' is no host:port; write host:port, several with commas",
            ],
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
            [
                "KAFKA_SECURITY_PROTOCOL: PLAINTEXT sends everything in the clear; "
                "use SASL_SSL or SSL, or set EVENT_BUS_ALLOW_PLAINTEXT=true"
            ],
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL"},
            [
                "KAFKA_SECURITY_PROTOCOL: 'SASL' is refused: allowed are SASL_SSL, SSL, SASL_PLAINTEXT, PLAINTEXT; "
                "choose one of them"
            ],
        ),
        (
            {"KAFKA_SASL_MECHANISM": "PLAIN"},
            ["KAFKA_SASL_MECHANISM: 'PLAIN' is refused: allowed are SCRAM-SHA-512, SCRAM-SHA-256; choose one of them"],
        ),
        ({"KAFKA_PASSWORD": None}, ["KAFKA_PASSWORD: it is missing; SASL_SSL needs it"]),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL"},
            [
                "KAFKA_SSL_CERTIFICATE_LOCATION: it is missing; SSL is mutual TLS on this platform",
                "KAFKA_SSL_KEY_LOCATION: it is missing; SSL is mutual TLS on this platform",
            ],
        ),
        (
            {"KAFKA_SSL_CA": "/etc/ca.pem"},
            ["KAFKA_SSL_CA: it holds no PEM certificate; put the PEM text here, or its path in KAFKA_SSL_CA_LOCATION"],
        ),
        (
            {"KAFKA_SSL_CA_LOCATION": "/nowhere/ca.pem"},
            [
                "KAFKA_SSL_CA_LOCATION: KAFKA_SSL_CA is set as well; set one of them",
                "KAFKA_SSL_CA_LOCATION: there is no file '/nowhere/ca.pem'; correct the path",
            ],
        ),
        (
            {"KAFKA_USERNAME": "Auth Service"},
            ["KAFKA_USERNAME: 'Auth Service' is no service id: it has a-z, 0-9 and inner -; correct it"],
        ),
        (
            {"SCHEMA_REGISTRY_URL": None},
            ["SCHEMA_REGISTRY_URL: it is missing; events are Avro, whose schemas the registry has"],
        ),
        (
            {"SCHEMA_REGISTRY_URL": "http://registry:8081"},
            [
                "SCHEMA_REGISTRY_URL: http sends everything in the clear; "
                "use https, or set EVENT_BUS_ALLOW_PLAINTEXT=true"
            ],
        ),
        (
            {"SCHEMA_REGISTRY_URL": "registry:8081"},
            ["SCHEMA_REGISTRY_URL: 'registry:8081' is no address like https://host:8081; correct it"],
        ),
        (
            {"SCHEMA_REGISTRY_URL": "u:p@registry"},
            ["SCHEMA_REGISTRY_URL: credentials don't belong in an address; use SCHEMA_REGISTRY_USERNAME, …_PASSWORD"],
        ),
        (
            {"SCHEMA_REGISTRY_PASSWORD": None},
            ["SCHEMA_REGISTRY_PASSWORD: it is missing beside its counterpart; set both, or neither"],
        ),
        (
            {"SCHEMA_REGISTRY_USERNAME": "a:b"},
            ["SCHEMA_REGISTRY_USERNAME: HTTP basic authentication allows no colon; correct the name"],
        ),
        (
            {"KAFKA_SASL_MECHANISMS": "x"},
            ["KAFKA_SASL_MECHANISMS: there is no such setting; did you mean KAFKA_SASL_MECHANISM?"],
        ),
        ({"KAFKA_BROKER": "x"}, ["KAFKA_BROKER: there is no such setting; did you mean KAFKA_BROKERS?"]),
        ({"EVENT_BUS_X": "x"}, ["EVENT_BUS_X: there is no such setting; did you mean EVENT_BUS_TYPE?"]),
        (
            {"EVENT_BUS_SCHEMAS": "/tmp"},
            ["EVENT_BUS_SCHEMAS: only the memory bus reads schemas from a folder; remove it"],
        ),
        (
            {"EVENT_BUS_TYPE": "memory", "EVENT_BUS_SCHEMAS": "/nowhere"},
            ["EVENT_BUS_SCHEMAS: there is no folder '/nowhere'; correct the path"],
        ),
        (
            {"EVENT_BUS_ALLOW_PLAINTEXT": "yes"},
            ["EVENT_BUS_ALLOW_PLAINTEXT: 'yes' is refused: allowed are true, false; choose one of them"],
        ),
    ],
)
def test_what_is_refused(changes: dict[str, str | None], problems: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read(changes)
    assert list(caught.value.problems) == problems


def test_all_problems_come_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        from_environment({"EVENT_BUS_TYPE": "kafka"})
    assert str(caught.value).splitlines() == [
        "5 problems in the event bus's environment:",
        "  KAFKA_USERNAME: it is missing; SASL_SSL needs it",
        "  KAFKA_PASSWORD: it is missing; SASL_SSL needs it",
        "  KAFKA_BROKERS: it is missing; write host:port, several with commas",
        "  SCHEMA_REGISTRY_URL: it is missing; events are Avro, whose schemas the registry has",
        "  EVENT_BUS_SERVICE: it is missing: there is no KAFKA_USERNAME to take; set the service's id",
    ]
