"""Who is turned away, and by whom: each case against the real brokers."""

import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.harness import Platform, deliver

pytestmark = pytest.mark.e2e

OWN = "pyairtable.auth.events"
FOREIGN = "pyairtable.ai.events"


def connection_errors(settings: Mapping[str, str], seconds: float = 8) -> list[KafkaError]:
    """What librdkafka reports while it tries to connect; a success ends the wait with an empty list."""
    seen: list[KafkaError] = []
    producer = Producer({**settings, "error_cb": seen.append, "log_level": 0})
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            producer.list_topics(timeout=1)
        except KafkaException as error:
            # A broker that only hangs up may be reported by nothing but the request that fails.
            seen.append(error.args[0])
            producer.poll(0)
        else:
            return []
    return seen


def codes(errors: list[KafkaError]) -> set[int]:
    return {error.code() for error in errors}


def other_ca(folder: Path, common_name: str) -> Path:
    """A certificate authority nobody knows, and a certificate for ``common_name`` by it: ca.pem, tls.crt, tls.key."""
    now = datetime.now(UTC)

    def certificate(subject: str, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other CA")]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(hours=1),
            not_valid_after=now + timedelta(days=1),
        )
        return builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True).sign(
            issuer, hashes.SHA256()
        )

    issuer = ec.generate_private_key(ec.SECP256R1())
    leaf = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate("other CA", issuer.public_key(), True).public_bytes(pem))
    (folder / "tls.crt").write_bytes(certificate(common_name, leaf.public_key(), False).public_bytes(pem))
    (folder / "tls.key").write_bytes(
        leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def mutual_tls(platform: Platform, service: str) -> dict[str, str]:
    from tests.e2e.harness import configuration

    return configuration(platform.client(service) / "librdkafka-mtls.conf")


def test_plaintext(platform: Platform) -> None:
    errors = connection_errors(
        {
            "bootstrap.servers": platform.librdkafka("auth-service")["bootstrap.servers"],
            "security.protocol": "plaintext",
        }
    )
    assert codes(errors) & {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


def test_sasl_without_tls(platform: Platform) -> None:
    errors = connection_errors(platform.librdkafka("auth-service", security_protocol="sasl_plaintext"))
    assert codes(errors) & {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


def test_no_client_certificate_on_the_mutual_tls_listener(platform: Platform) -> None:
    settings = mutual_tls(platform, "auth-service")
    assert connection_errors(settings) == []
    bare = {
        key: value for key, value in settings.items() if key not in ("ssl.certificate.location", "ssl.key.location")
    }
    errors = connection_errors(bare)
    assert KafkaError._SSL in codes(errors) or KafkaError._TRANSPORT in codes(errors)


def test_client_certificate_of_another_ca(platform: Platform, tmp_path: Path) -> None:
    folder = other_ca(tmp_path, "auth-service")
    settings = mutual_tls(platform, "auth-service") | {
        "ssl.certificate.location": str(folder / "tls.crt"),
        "ssl.key.location": str(folder / "tls.key"),
    }
    errors = connection_errors(settings)
    assert KafkaError._SSL in codes(errors) or KafkaError._TRANSPORT in codes(errors)


def test_wrong_ca_of_the_brokers(platform: Platform, tmp_path: Path) -> None:
    errors = connection_errors(
        platform.librdkafka("auth-service", ssl_ca_location=str(other_ca(tmp_path, "x") / "ca.pem"))
    )
    assert KafkaError._SSL in codes(errors)
    assert any("certificate verify failed" in error.str() for error in errors)


def test_wrong_host_name(platform: Platform) -> None:
    """The brokers' certificates hold for the names they are reached by and for no other."""
    settings = platform.librdkafka("auth-service")
    context = ssl.create_default_context(cafile=settings["ssl.ca.location"])
    host, port = settings["bootstrap.servers"].split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as plain, context.wrap_socket(plain, server_hostname=host):
        pass
    with (
        socket.create_connection((host, int(port)), 10) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        context.wrap_socket(plain, server_hostname="kafka.example.com")


def test_wrong_password(platform: Platform) -> None:
    errors = connection_errors(platform.librdkafka("auth-service", sasl_password="wrong"))
    assert KafkaError._AUTHENTICATION in codes(errors)


def test_another_services_password(platform: Platform) -> None:
    errors = connection_errors(platform.librdkafka("auth-service", sasl_username="ai-service"))
    assert KafkaError._AUTHENTICATION in codes(errors)


def test_unknown_user(platform: Platform) -> None:
    errors = connection_errors(platform.librdkafka("auth-service", sasl_username="nobody"))
    assert KafkaError._AUTHENTICATION in codes(errors)


def test_anonymous(platform: Platform) -> None:
    """TLS without SASL on the SCRAM listener: the broker hangs up."""
    errors = connection_errors(
        platform.librdkafka(
            "auth-service", security_protocol="ssl", sasl_mechanism=None, sasl_username=None, sasl_password=None
        )
    )
    assert codes(errors) & {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


def test_writing_to_a_foreign_topic(platform: Platform) -> None:
    settings = platform.librdkafka("auth-service")
    assert deliver(settings, OWN, [b"mine"]) == []
    assert codes(deliver(settings, FOREIGN, [b"not mine"])) == {KafkaError.TOPIC_AUTHORIZATION_FAILED}


def test_writing_to_a_foreign_topic_by_mutual_tls(platform: Platform) -> None:
    settings = mutual_tls(platform, "auth-service")
    assert deliver(settings, OWN, [b"mine"]) == []
    assert codes(deliver(settings, FOREIGN, [b"not mine"])) == {KafkaError.TOPIC_AUTHORIZATION_FAILED}


def consumed_error(settings: Mapping[str, str], group: str, topic: str) -> int:
    consumer = Consumer({**settings, "group.id": group, "log_level": 0})
    consumer.subscribe([topic])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                message = consumer.poll(1)
            except KafkaException as error:
                return int(error.args[0].code())
            if message is not None and message.error() is not None:
                return int(message.error().code())
        raise AssertionError("the consumer was not refused")
    finally:
        consumer.close()


def test_reading_a_foreign_topic(platform: Platform) -> None:
    settings = platform.librdkafka("ai-service")
    code = consumed_error(settings, "ai-service", "pyairtable.auth.events")
    assert code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_a_foreign_consumer_group(platform: Platform) -> None:
    code = consumed_error(platform.librdkafka("analytics-service"), "auth-service", OWN)
    assert code == KafkaError.GROUP_AUTHORIZATION_FAILED


def test_a_service_is_no_administrator(platform: Platform) -> None:
    admin = AdminClient(platform.librdkafka("auth-service"))
    with pytest.raises(KafkaException) as caught:
        next(iter(admin.describe_configs([ConfigResource(ResourceType.BROKER, "0")]).values())).result(20)
    assert caught.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_topics_are_not_created_by_writing(platform: Platform) -> None:
    """Even the super user gets no topic that the catalogue doesn't name."""
    import json

    outputs = json.loads(platform.pulumi("stack", "output", "--json", "--show-secrets").out)
    admin = outputs["clients"]["admin"]
    settings = platform.librdkafka(
        "auth-service", sasl_username=admin["username"], sasl_password=admin["password"], message_timeout_ms="8000"
    )
    errors = deliver(settings, "pyairtable.typo.events", [b"lost?"])
    assert codes(errors) <= {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._MSG_TIMED_OUT}
    assert errors
    assert "pyairtable.typo.events" not in {topic["name"] for topic in platform.status()["topics"]}
