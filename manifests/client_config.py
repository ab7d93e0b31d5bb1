"""What a client is given: librdkafka and Java configurations, and environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MOUNT: Final = "/etc/kafka-client"
"""Where the paths in a service's Secret expect it to be mounted."""


@dataclass(frozen=True, kw_only=True)
class ClientAccess:
    """One client's way to the brokers."""

    bootstrap_servers: str
    mtls_bootstrap_servers: str
    ca_pem: str
    mechanism: str
    username: str
    password: str
    certificate_pem: str
    private_key_pem: str
    """PKCS #8, the only form Kafka's PEM key store reads (KIP-651)."""


def client_files(access: ClientAccess, folder: str) -> dict[str, str]:
    """Return name and content of each file; paths in them are below ``folder``."""
    return {
        "ca.pem": access.ca_pem,
        "librdkafka.conf": librdkafka_conf(access, folder),
        "client.properties": client_properties(access, folder),
        "tls.crt": access.certificate_pem,
        "tls.key": access.private_key_pem,
        "keystore.pem": access.private_key_pem + access.certificate_pem,
        "librdkafka-mtls.conf": librdkafka_mtls_conf(access, folder),
        "client-mtls.properties": client_mtls_properties(access, folder),
    }


def librdkafka_conf(access: ClientAccess, folder: str) -> str:
    """Return the SCRAM configuration of librdkafka's clients."""
    return properties(
        {
            "bootstrap.servers": access.bootstrap_servers,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": access.mechanism,
            "sasl.username": access.username,
            "sasl.password": access.password,
            "ssl.ca.location": f"{folder}/ca.pem",
            "ssl.endpoint.identification.algorithm": "https",
        }
    )


def client_properties(access: ClientAccess, folder: str) -> str:
    """Return the SCRAM configuration of Java clients."""
    return properties(
        {
            "bootstrap.servers": access.bootstrap_servers,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": access.mechanism,
            "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{access.username}" password="{access.password}";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": f"{folder}/ca.pem",
        }
    )


def librdkafka_mtls_conf(access: ClientAccess, folder: str) -> str:
    """Return the mutual-TLS configuration of librdkafka's clients."""
    return properties(
        {
            "bootstrap.servers": access.mtls_bootstrap_servers,
            "security.protocol": "SSL",
            "ssl.ca.location": f"{folder}/ca.pem",
            "ssl.certificate.location": f"{folder}/tls.crt",
            "ssl.key.location": f"{folder}/tls.key",
            "ssl.endpoint.identification.algorithm": "https",
        }
    )


def client_mtls_properties(access: ClientAccess, folder: str) -> str:
    """Return the mutual-TLS configuration of Java clients."""
    return properties(
        {
            "bootstrap.servers": access.mtls_bootstrap_servers,
            "security.protocol": "SSL",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": f"{folder}/ca.pem",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": f"{folder}/keystore.pem",
        }
    )


def environment(access: ClientAccess) -> dict[str, str]:
    """Return the environment variables of the platform document's event bus, and what a SCRAM client needs besides."""
    return {
        "EVENT_BUS_TYPE": "kafka",
        "KAFKA_BROKERS": access.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": access.mechanism,
        "KAFKA_USERNAME": access.username,
        "KAFKA_PASSWORD": access.password,
    }


def secret_data(access: ClientAccess) -> dict[str, str]:
    """Return all keys of a service's Secret: the files, to be mounted at MOUNT, and the variables, for ``envFrom``."""
    return {
        **client_files(access, MOUNT),
        **environment(access),
        "KAFKA_SSL_CA": access.ca_pem,
        "username": access.username,
        "password": access.password,
    }


def properties(settings: Mapping[str, str]) -> str:
    """Render ``key=value`` lines. Backslashes would mean something else to Java than to librdkafka, so there are none.

    Raises ValueError for a value with a backslash or a line break.
    """
    for key, value in settings.items():
        if "\\" in value or "\n" in value:
            raise ValueError(f"{key} must hold neither a backslash nor a line break")
    return "".join(f"{key}={value}\n" for key, value in settings.items())
