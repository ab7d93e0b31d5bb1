"""A certificate authority that signs one certificate and is forgotten: for brokers that live as long as a bench."""

import datetime
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY: Final = datetime.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Throwaway:
    """An authority's certificate and one leaf, for servers and clients at one address."""

    ca_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)
    """Unencrypted PKCS 8, the one form Kafka's PEM key stores take (KIP-651)."""

    @classmethod
    def make(cls, address: str) -> "Throwaway":
        """Make both, of the kind the platform's own are: ECDSA on P-256, SHA-256. The authority's key is not kept."""
        authority, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka-platform bench")])
        ca = (
            _builder(issuer, issuer, authority.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(authority, hashes.SHA256())
        )
        certificate = (
            _builder(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")]),
                issuer,
                leaf.public_key(),
            )
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .sign(authority, hashes.SHA256())
        )
        return cls(
            ca_pem=ca.public_bytes(serialization.Encoding.PEM).decode(),
            certificate_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key_pem=leaf.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + VALIDITY)
    )
