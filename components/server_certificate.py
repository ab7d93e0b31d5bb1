"""A certificate of the cluster CA for a server of the platform that is no Kafka node."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import pulumi
import pulumi_tls as tls

from components.certificates import hours
from config.kafka import TlsSpec


def split_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split names into DNS names and addresses, each once, as a certificate lists them apart (RFC 5280)."""
    dns: list[str] = []
    addresses: list[str] = []
    for name in dict.fromkeys(names):
        try:
            ip_address(name)
        except ValueError:
            dns.append(name)
        else:
            addresses.append(name)
    return dns, addresses


@dataclass(frozen=True, kw_only=True)
class ServerCertificateArgs:
    """What ``ServerCertificate`` is made of."""

    common_name: str
    names: Sequence[str]
    """Every DNS name and address clients reach the server by."""
    tls: TlsSpec
    """Lifetimes."""
    ca_pem: pulumi.Input[str]
    ca_private_key_pem: pulumi.Input[str]
    """Secret."""


class ServerCertificate(pulumi.ComponentResource):
    """A server's key and certificate. Type: kafka-platform:index:ServerCertificate.

    It is for servers only: no Kafka listener takes it for a node, whose certificates are for clients as well.
    """

    certificate_pem: pulumi.Output[str]
    """The certificate."""
    private_key_pem: pulumi.Output[str]
    """Secret: its key, PKCS #8."""

    def __init__(self, name: str, args: ServerCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create key and certificate."""
        super().__init__("kafka-platform:index:ServerCertificate", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
        dns, addresses = split_names(args.names)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": args.common_name, "organization": "kafka-platform"},
            dns_names=dns,
            ip_addresses=addresses,
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=args.ca_pem,
            ca_private_key_pem=args.ca_private_key_pem,
            validity_period_hours=hours(args.tls.leaf_validity.total_seconds()),
            early_renewal_hours=hours(args.tls.leaf_renewal.total_seconds()),
            allowed_uses=["digital_signature", "server_auth"],
            opts=child,
        )
        self.certificate_pem = certificate.cert_pem
        self.private_key_pem = pulumi.Output.secret(key.private_key_pem_pkcs8)
        self.register_outputs({"certificate_pem": self.certificate_pem, "private_key_pem": self.private_key_pem})
