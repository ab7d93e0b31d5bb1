"""Key stores as files, for Java servers that read no PEM."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, PKCS12Certificate
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

_ROUNDS: Final = 10_000
"""Of PBKDF2, as in Java's own key stores (JDK-8228481). The password is random: more would slow down nobody but us."""
_INPUTS: Final = ("private_key_pem", "certificate_pem", "authorities", "password")


def _encryption(password: str) -> Any:
    """What Java writes itself: PBES2 with HMAC-SHA-256 and AES-256-CBC (JDK-8153005); Java 8u301 and later read it."""
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS)
    builder = builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(SHA256())
    return builder.build(password.encode())


def key_store(private_key_pem: str, certificate_pem: str, authority_pem: str, password: str) -> bytes:
    """Return a PKCS #12 file (RFC 7292) with one key, its certificate and the authority that signed it.

    Raises ValueError for what is no PEM. Two calls give different bytes: salts are random.
    """
    # openssl and the tls provider write private keys in PEM without one.
    key = load_pem_private_key(private_key_pem.encode(), password=None)
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    chain = x509.load_pem_x509_certificates(authority_pem.encode())
    return pkcs12.serialize_key_and_certificates(b"server", key, certificate, chain, _encryption(password))  # type: ignore[arg-type]


def trust_store(authorities: Mapping[str, str], password: str) -> bytes:
    """Return a PKCS #12 file whose certificates Java trusts: each by its alias, in PEM."""
    trusted = [
        PKCS12Certificate(x509.load_pem_x509_certificate(pem.encode()), alias.encode())
        for alias, pem in sorted(authorities.items())
    ]
    return pkcs12.serialize_java_truststore(trusted, _encryption(password))


def _files(props: dict[str, Any]) -> dict[str, Any]:
    authorities, password = props["authorities"], props["password"]
    own = key_store(props["private_key_pem"], props["certificate_pem"], authorities[props["issuer"]], password)
    trusted = trust_store(authorities, password)
    encoded = {"key_store": own, "trust_store": trusted}
    return {**props, **{name: base64.b64encode(content).decode() for name, content in encoded.items()}}


class _KeyStoreProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="key-store", outs=_files(props))

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(old.get(key) != new.get(key) for key in _INPUTS))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_files(new))


class KeyStore(Resource, module="index", name="KeyStore"):
    """A server's key and the authorities it trusts, as PKCS #12 files.

    Their bytes are random and so they are kept in the state, encrypted: they change only when what is in them does.
    """

    key_store: pulumi.Output[str]
    """Secret: base64."""
    trust_store: pulumi.Output[str]
    """Secret: base64."""

    def __init__(
        self,
        name: str,
        *,
        private_key_pem: pulumi.Input[str],
        certificate_pem: pulumi.Input[str],
        authorities: Mapping[str, pulumi.Input[str]],
        issuer: str,
        password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Pack a key; ``authorities`` are certificates by alias, ``issuer`` is the alias of the one that signed it.

        ``password`` encrypts both files.
        """
        properties: dict[str, Any] = {
            "private_key_pem": pulumi.Output.secret(private_key_pem),
            "certificate_pem": certificate_pem,
            "authorities": dict(authorities),
            "issuer": issuer,
            "password": pulumi.Output.secret(password),
            "key_store": None,
            "trust_store": None,
        }
        secret = ["private_key_pem", "password", "key_store", "trust_store"]
        whole = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=secret))
        super().__init__(_KeyStoreProvider(), name, properties, whole)
