"""``ops client SERVICE --out DIR``: everything a client outside Kubernetes needs, ready to use."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from manifests.client_config import ClientAccess, client_files, environment
from ops.outputs import Credential, Outputs
from ops.workspace import write_private


def external_access(outputs: Outputs, credential: Credential) -> ClientAccess:
    """Return a client's way to the brokers from outside Kubernetes."""
    key = load_pem_private_key(credential.private_key_pem.encode(), None)
    return ClientAccess(
        bootstrap_servers=outputs.bootstrap_servers,
        mtls_bootstrap_servers=outputs.mtls_bootstrap_servers,
        ca_pem=outputs.ca_pem,
        mechanism=credential.mechanism,
        username=credential.username,
        password=credential.password,
        certificate_pem=credential.certificate_pem,
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def exports(variables: Mapping[str, str]) -> str:
    """Render shell exports."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def write_client(outputs: Outputs, service: str, folder: Path) -> list[Path]:
    """Write a service's files, mode 0600, a new directory 0700; raises UsageFailure for an unknown service."""
    access = external_access(outputs, outputs.service(service))
    target = folder.absolute()
    if not target.is_dir():
        target.mkdir(parents=True)
        target.chmod(0o700)
    variables = {**environment(access), "KAFKA_SSL_CA_LOCATION": f"{target}/ca.pem"}
    files = {**client_files(access, str(target)), "producer.env": exports(variables)}
    for name, content in files.items():
        write_private(target / name, content)
    return [target / name for name in files]
