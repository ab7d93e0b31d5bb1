"""PEM material as PKCS #12, for servers that read nothing else."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

_INPUTS: Final = ("certificate_pem", "private_key_pem", "ca_pem", "password")


def key_store(certificate_pem: str, private_key_pem: str, ca_pem: str, password: str) -> bytes:
    """Return a PKCS #12 store (RFC 7292) of a key and its chain; no two calls give the same bytes.

    Raises ValueError for PEM that can't be read, or a key on no elliptic curve, as all of the platform's are.
    """
    key = load_pem_private_key(private_key_pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the private key is on no elliptic curve")
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    authorities = x509.load_pem_x509_certificates(ca_pem.encode())
    encryption = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"server", key, certificate, authorities, encryption)


def trust_store(ca_pem: str, password: str) -> bytes:
    """Return a PKCS #12 store whose certificates Java trusts: they carry Oracle's attribute for that."""
    authorities = x509.load_pem_x509_certificates(ca_pem.encode())
    trusted = [pkcs12.PKCS12Certificate(each, f"ca-{number}".encode()) for number, each in enumerate(authorities)]
    return pkcs12.serialize_java_truststore(trusted, BestAvailableEncryption(password.encode()))


def _stores(inputs: Mapping[str, Any]) -> dict[str, Any]:
    stores = {
        "key_store": key_store(*(inputs[name] for name in _INPUTS)),
        "trust_store": trust_store(inputs["ca_pem"], inputs["password"]),
    }
    return {**inputs, **{name: base64.b64encode(content).decode() for name, content in stores.items()}}


class _KeyStoreProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="stores", outs=_stores(props))

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(old.get(name) != new.get(name) for name in _INPUTS))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_stores(new))


class KeyStore(Resource, module="index", name="KeyStore"):
    """A key store and a trust store of PKCS #12.

    A resource, because their salts are random: made in the program, they would be others in every preview.
    """

    key_store: pulumi.Output[str]
    """Secret: Base64 of the store with key and certificates."""
    trust_store: pulumi.Output[str]
    """Secret: Base64 of the store with the authority."""

    def __init__(
        self,
        name: str,
        *,
        certificate_pem: pulumi.Input[str],
        private_key_pem: pulumi.Input[str],
        ca_pem: pulumi.Input[str],
        password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Store a certificate and its key, which are PEM, under ``password``."""
        properties = {
            "certificate_pem": certificate_pem,
            "private_key_pem": pulumi.Output.secret(private_key_pem),
            "ca_pem": ca_pem,
            "password": pulumi.Output.secret(password),
            "key_store": None,
            "trust_store": None,
        }
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["key_store", "trust_store"])
        super().__init__(_KeyStoreProvider(), name, properties, pulumi.ResourceOptions.merge(opts, hidden))
