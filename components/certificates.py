"""Authorities and the certificates they sign."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from config.kafka import TlsSpec


@dataclass(frozen=True, kw_only=True)
class SubjectNames:
    """Subject alternative names of a leaf (RFC 5280)."""

    dns: Sequence[str]
    ip: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority: its key stays in the state."""

    key: tls.PrivateKey
    certificate: tls.SelfSignedCert


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate and its key."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    """Secret; PKCS #8, the only form Kafka's PEM key store reads (KIP-651)."""


def hours(seconds: float) -> int:
    """Return whole hours, the unit of the tls provider."""
    return int(seconds // 3600)


def authority(name: str, common_name: str, spec: TlsSpec, opts: pulumi.ResourceOptions) -> Authority:
    """Create an authority."""
    key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=opts)
    certificate = tls.SelfSignedCert(
        name,
        private_key_pem=key.private_key_pem,
        is_ca_certificate=True,
        subject={"common_name": common_name, "organization": "kafka-platform"},
        validity_period_hours=hours(spec.ca_validity.total_seconds()),
        allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
        opts=opts,
    )
    return Authority(key=key, certificate=certificate)


def leaf(
    name: str,
    subject: tuple[str, str],
    names: SubjectNames,
    uses: Sequence[str],
    spec: TlsSpec,
    issuer: Authority,
    opts: pulumi.ResourceOptions,
) -> Leaf:
    """Create a certificate of ``subject``, common name and organisation, for ``uses`` (extended key usage)."""
    key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=opts)
    request = tls.CertRequest(
        f"{name}-request",
        private_key_pem=key.private_key_pem,
        subject={"common_name": subject[0], "organization": subject[1]},
        dns_names=list(names.dns),
        ip_addresses=list(names.ip),
        opts=opts,
    )
    certificate = tls.LocallySignedCert(
        f"{name}-certificate",
        cert_request_pem=request.cert_request_pem,
        ca_cert_pem=issuer.certificate.cert_pem,
        ca_private_key_pem=issuer.key.private_key_pem,
        validity_period_hours=hours(spec.leaf_validity.total_seconds()),
        early_renewal_hours=hours(spec.leaf_renewal.total_seconds()),
        allowed_uses=["digital_signature", "key_encipherment", *uses],
        opts=opts,
    )
    return Leaf(certificate_pem=certificate.cert_pem, private_key_pem=pulumi.Output.secret(key.private_key_pem_pkcs8))
