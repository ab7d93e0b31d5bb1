"""What a client is given: librdkafka's and Java's configurations, PEM files, and environment variables."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOUNT: Final = "/etc/kafka-client"
"""Where a pod mounts its service's Secret: the paths inside the files say so."""

PRODUCER: Final[Mapping[str, str]] = {
    "acks": "all",
    "enable.idempotence": "true",
    "compression.type": "snappy",
    "linger.ms": "5",
}
"""What every producer should set, by names that librdkafka and Java share: nothing acknowledged is lost or doubled."""


LIBRDKAFKA: Final[Mapping[str, str]] = {
    # A broker cut off without a word holds a group's heartbeats until its session of 45 s is over, unless another
    # request times out before and ends the connection. librdkafka's 60 s are too long for that; Java's are 30 s.
    "socket.timeout.ms": "20000",
    "socket.keepalive.enable": "true",
}
"""What every librdkafka client should set on top of its defaults, so that a lost zone costs no consumer its group."""


@dataclass(frozen=True, kw_only=True)
class ClientAccess:
    """One client's way to the brokers, and what it proves itself with."""

    bootstrap_servers: str
    """host:port,… of a SCRAM listener."""
    mtls_bootstrap_servers: str
    """host:port,… of a mutual-TLS listener."""
    ca_pem: str
    """CA of the brokers' certificates."""
    mechanism: str
    username: str
    password: str = field(repr=False)
    certificate_pem: str
    private_key_pem: str = field(repr=False)
    """PKCS #8, the only form Kafka's PEM key store reads (KIP-651)."""


def client_files(access: ClientAccess, folder: str) -> dict[str, str]:
    """Return name and content of each file; paths in them are below ``folder``, which should be absolute."""
    return {
        "ca.pem": access.ca_pem,
        "client-mtls.properties": client_mtls_properties(access, folder),
        "client.properties": client_properties(access, folder),
        "keystore.pem": access.private_key_pem + access.certificate_pem,
        "librdkafka-mtls.conf": librdkafka_mtls_conf(access, folder),
        "librdkafka.conf": librdkafka_conf(access, folder),
        "producer.properties": properties(PRODUCER),
        "tls.crt": access.certificate_pem,
        "tls.key": access.private_key_pem,
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
            **LIBRDKAFKA,
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
            **LIBRDKAFKA,
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
            f'username="{_quotable(access.username)}" password="{_quotable(access.password)}";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": f"{folder}/ca.pem",
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
            "ssl.endpoint.identification.algorithm": "https",
        }
    )


def environment(access: ClientAccess) -> dict[str, str]:
    """Return the platform document's variables of the event bus, and what a SCRAM client needs besides."""
    return {
        "EVENT_BUS_TYPE": "kafka",
        "KAFKA_BROKERS": access.bootstrap_servers,
        "KAFKA_PASSWORD": access.password,
        "KAFKA_SASL_MECHANISM": access.mechanism,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_USERNAME": access.username,
    }


def producer_env(access: ClientAccess, folder: str) -> str:
    """Return ``environment`` with the CA's path as a file for a shell to read."""
    return exports({**environment(access), "KAFKA_SSL_CA_LOCATION": f"{folder}/ca.pem"})


def secret_data(access: ClientAccess) -> dict[str, str]:
    """Return all keys of a service's Secret: the files, to be mounted at MOUNT, and the variables, for ``envFrom``."""
    return {
        **client_files(access, MOUNT),
        **environment(access),
        "KAFKA_SSL_CA": access.ca_pem,
        "password": access.password,
        "username": access.username,
    }


def properties(settings: Mapping[str, str]) -> str:
    """Render ``key=value`` lines that mean the same to librdkafka, to Java and to a human.

    Raises ValueError for a value with a backslash, which Java takes for an escape, with a line break, or with space
    around it, which librdkafka takes away.
    """
    for key, value in settings.items():
        if "\\" in value or "\n" in value or "\r" in value or value != value.strip():
            raise ValueError(f"{key}: a value must hold no backslash and no line break, nor begin or end with space")
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def exports(variables: Mapping[str, str]) -> str:
    """Render ``export NAME=value`` lines, quoted for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _quotable(value: str) -> str:
    if '"' in value:
        raise ValueError("sasl.jaas.config: user and password must hold no double quote")
    return value
