"""``ops client SERVICE --out DIR``: everything a client outside Kubernetes needs, ready to use."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ops.outputs import Credential, Outputs
from ops.workspace import write_private


def client_files(outputs: Outputs, credential: Credential, folder: Path) -> dict[str, str]:
    """Return name and content of each file for the external listeners; paths in them are absolute, below ``folder``."""
    ca, certificate, key, keystore = (str(folder / name) for name in ("ca.pem", "tls.crt", "tls.key", "keystore.pem"))
    pkcs8 = _pkcs8(credential.private_key_pem)
    return {
        "ca.pem": outputs.ca_pem,
        "librdkafka.conf": properties(
            {
                "bootstrap.servers": outputs.bootstrap_servers,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": credential.mechanism,
                "sasl.username": credential.username,
                "sasl.password": credential.password,
                "ssl.ca.location": ca,
                "ssl.endpoint.identification.algorithm": "https",
            }
        ),
        "client.properties": properties(
            {
                "bootstrap.servers": outputs.bootstrap_servers,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": credential.mechanism,
                "sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required "
                    f'username="{credential.username}" password="{credential.password}";'
                ),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": ca,
            },
            java=True,
        ),
        "producer.env": exports(
            {
                "EVENT_BUS_TYPE": "kafka",
                "KAFKA_BROKERS": outputs.bootstrap_servers,
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_MECHANISM": credential.mechanism,
                "KAFKA_USERNAME": credential.username,
                "KAFKA_PASSWORD": credential.password,
                "KAFKA_SSL_CA_LOCATION": ca,
            }
        ),
        "tls.crt": credential.certificate_pem,
        "tls.key": pkcs8,
        "keystore.pem": pkcs8 + credential.certificate_pem,
        "librdkafka-mtls.conf": properties(
            {
                "bootstrap.servers": outputs.mtls_bootstrap_servers,
                "security.protocol": "SSL",
                "ssl.ca.location": ca,
                "ssl.certificate.location": certificate,
                "ssl.key.location": key,
                "ssl.endpoint.identification.algorithm": "https",
            }
        ),
        "client-mtls.properties": properties(
            {
                "bootstrap.servers": outputs.mtls_bootstrap_servers,
                "security.protocol": "SSL",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": ca,
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": keystore,
            },
            java=True,
        ),
    }


def _pkcs8(private_key_pem: str) -> str:
    """Return the key as PKCS #8, the only form Kafka's PEM key store reads (KIP-651)."""
    key = load_pem_private_key(private_key_pem.encode(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def properties(settings: Mapping[str, str], *, java: bool = False) -> str:
    """Render ``key=value`` lines; Java's properties want backslashes doubled."""
    return "".join(
        f"{key}={value.replace(chr(92), chr(92) * 2) if java else value}\n" for key, value in settings.items()
    )


def exports(variables: Mapping[str, str]) -> str:
    """Render shell exports."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def write_client(outputs: Outputs, service: str, folder: Path) -> list[Path]:
    """Write a service's files, mode 0600, a new directory 0700; raises UsageFailure for an unknown service."""
    credential = outputs.service(service)
    target = folder.absolute()
    if not target.is_dir():
        target.mkdir(parents=True)
        target.chmod(0o700)
    written = []
    for name, content in client_files(outputs, credential, target).items():
        write_private(target / name, content)
        written.append(target / name)
    return written
