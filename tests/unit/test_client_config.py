"""What clients are given."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from manifests.client_config import (
    MOUNT,
    PRODUCER,
    ClientAccess,
    client_files,
    environment,
    exports,
    producer_env,
    properties,
    secret_data,
)

ACCESS = ClientAccess(
    bootstrap_servers="h0:9092,h1:9092",
    mtls_bootstrap_servers="h0:9093",
    ca_pem="-----BEGIN CERTIFICATE-----\nca\n",
    mechanism="SCRAM-SHA-512",
    username="auth",
    password="pass-word_1",
    certificate_pem="-----BEGIN CERTIFICATE-----\nauth\n",
    private_key_pem="-----BEGIN PRIVATE KEY-----\nauth\n",
)


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_it_prints_without_secrets() -> None:
    assert "pass-word_1" not in repr(ACCESS)
    assert "PRIVATE KEY" not in repr(ACCESS)


def test_librdkafka() -> None:
    files = client_files(ACCESS, "/out")
    assert parsed(files["librdkafka.conf"]) == {
        "bootstrap.servers": "h0:9092,h1:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "auth",
        "sasl.password": "pass-word_1",
        "ssl.ca.location": "/out/ca.pem",
        "ssl.endpoint.identification.algorithm": "https",
        "socket.timeout.ms": "20000",
        "socket.keepalive.enable": "true",
    }
    assert parsed(files["librdkafka-mtls.conf"]) == {
        "bootstrap.servers": "h0:9093",
        "security.protocol": "SSL",
        "ssl.ca.location": "/out/ca.pem",
        "ssl.certificate.location": "/out/tls.crt",
        "ssl.key.location": "/out/tls.key",
        "ssl.endpoint.identification.algorithm": "https",
        "socket.timeout.ms": "20000",
        "socket.keepalive.enable": "true",
    }


def test_java() -> None:
    files = client_files(ACCESS, "/out")
    assert parsed(files["client.properties"]) == {
        "bootstrap.servers": "h0:9092,h1:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="auth" password="pass-word_1";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/out/ca.pem",
        "ssl.endpoint.identification.algorithm": "https",
    }
    assert parsed(files["client-mtls.properties"]) == {
        "bootstrap.servers": "h0:9093",
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/out/ca.pem",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "/out/keystore.pem",
        "ssl.endpoint.identification.algorithm": "https",
    }


def test_every_path_is_a_file_that_is_delivered() -> None:
    files = client_files(ACCESS, "/out")
    named = {
        value.removeprefix("/out/")
        for name in files
        if name.endswith((".conf", ".properties"))
        for key, value in parsed(files[name]).items()
        if key.endswith(".location")
    }
    assert named == {"ca.pem", "tls.crt", "tls.key", "keystore.pem"} <= files.keys()
    assert files["keystore.pem"] == files["tls.key"] + files["tls.crt"]


def test_librdkafka_takes_the_producers_settings(tmp_path: Path) -> None:
    """librdkafka refuses names and values it doesn't know; the CA has to be a file to get that far."""
    ca = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=ca"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = client_files(replace(ACCESS, ca_pem=ca), str(tmp_path))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    settings = parsed(files["librdkafka.conf"]) | parsed(files["producer.properties"]) | {"log_level": "0"}
    assert {key: settings[key] for key in ("acks", "enable.idempotence")} == {
        "acks": "all",
        "enable.idempotence": "true",
    }
    Producer(settings).flush(0)
    with pytest.raises(KafkaException, match="No such configuration property"):
        Producer({**settings, "no.such.setting": "1"})


def test_the_documents_environment() -> None:
    assert environment(ACCESS) == {
        "EVENT_BUS_TYPE": "kafka",
        "KAFKA_BROKERS": "h0:9092,h1:9092",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_USERNAME": "auth",
        "KAFKA_PASSWORD": "pass-word_1",
    }
    assert "export KAFKA_SSL_CA_LOCATION=/out/ca.pem\n" in producer_env(ACCESS, "/out")


def test_a_shell_reads_what_was_written() -> None:
    value = "pa$$ 'w\"rd `id` \\ *"
    script = exports({"SECRET": value}) + 'printf %s "$SECRET"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == value


def test_the_secret_holds_files_variables_and_parts() -> None:
    data = secret_data(ACCESS)
    assert set(data) == {"KAFKA_SSL_CA", "password", "username"} | set(client_files(ACCESS, MOUNT)) | set(
        environment(ACCESS)
    )
    assert data["KAFKA_SSL_CA"] == data["ca.pem"] == ACCESS.ca_pem
    assert (data["username"], data["password"]) == ("auth", "pass-word_1")
    assert f"ssl.ca.location={MOUNT}/ca.pem\n" in data["librdkafka.conf"]
    assert parsed(data["producer.properties"]) == PRODUCER


@pytest.mark.parametrize("value", ["a\\b", "a\nb", "a\rb", " a", "a ", "\ta"])
def test_values_that_clients_read_differently_are_refused(value: str) -> None:
    with pytest.raises(ValueError) as caught:
        properties({"sasl.password": value})
    assert str(caught.value) == (
        "sasl.password: a value must hold no backslash and no line break, nor begin or end with space"
    )


def test_a_password_can_not_end_its_quotes() -> None:
    with pytest.raises(ValueError, match=r"^sasl\.jaas\.config: user and password must hold no double quote$"):
        client_files(replace(ACCESS, password='x" other="y'), "/out")
