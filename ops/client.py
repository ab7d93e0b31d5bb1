"""``ops client SERVICE --out DIR``: everything a client outside Kubernetes needs, ready to use."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from manifests.client_config import ClientAccess, RegistryAccess, client_files, producer_env
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
        registry=_registry(outputs, credential.username),
    )


def _registry(outputs: Outputs, user: str) -> RegistryAccess | None:
    password = outputs.registry_passwords.get(user)
    if password is None:
        return None
    return RegistryAccess(url=",".join(outputs.registry_urls), username=user, password=password)


def write_client(outputs: Outputs, service: str, folder: Path) -> list[Path]:
    """Write a service's files, mode 0600, a new directory 0700; raises UsageFailure for an unknown service."""
    access = external_access(outputs, outputs.service(service))
    target = folder.absolute()
    if not target.is_dir():
        target.mkdir(parents=True)
        target.chmod(0o700)
    files = {**client_files(access, str(target)), "producer.env": producer_env(access, str(target))}
    for name, content in files.items():
        write_private(target / name, content)
    return [target / name for name in files]
