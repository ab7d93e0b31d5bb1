"""Certificates of a cluster: two authorities, and a leaf for every node."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import pulumi
import pulumi_tls as tls

from config.kafka import TlsSpec
from config.literals import (
    BOOTSTRAP_SERVICE,
    EXTERNAL_BOOTSTRAP_SERVICE,
    HEADLESS_SERVICE,
    NODE_PRINCIPAL,
    ExternalAccess,
)
from manifests.nodes import Node, Topology


@dataclass(frozen=True, kw_only=True)
class SubjectNames:
    """Subject alternative names of a leaf (RFC 5280)."""

    dns: Sequence[str]
    ip: Sequence[str]


def subject_names(node: Node, topology: Topology) -> SubjectNames:
    """Return every name and address a node is reached by, and no other."""
    namespace = topology.namespace
    dns = [node.host, f"{node.pod}.{HEADLESS_SERVICE}.{namespace}.svc", f"{node.pod}.{HEADLESS_SERVICE}"]
    addresses: list[str] = []
    if node.is_broker:
        service = BOOTSTRAP_SERVICE
        dns += [
            service,
            f"{service}.{namespace}",
            f"{service}.{namespace}.svc",
            f"{service}.{namespace}.svc.cluster.local",
        ]
        if topology.spec.external.type is not ExternalAccess.NONE:
            external = EXTERNAL_BOOTSTRAP_SERVICE
            dns += [f"{external}.{namespace}.svc", f"{external}.{namespace}.svc.cluster.local"]
            # The bootstrap node port of any zone may lead to any broker.
            for host in dict.fromkeys(topology.spec.external.hosts[broker.zone] for broker in topology.brokers):
                (addresses if _is_address(host) else dns).append(host)
    return SubjectNames(dns=dns, ip=addresses)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def hours(seconds: float) -> int:
    """Return whole hours, the unit of the tls provider."""
    return int(seconds // 3600)


@dataclass(frozen=True, kw_only=True)
class TlsMaterialArgs:
    """What ``TlsMaterial`` is made of."""

    topology: Topology
    protect: bool


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A node's certificate and key."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    """Secret; PKCS #8, the only form Kafka's PEM key store reads (KIP-651)."""


class TlsMaterial(pulumi.ComponentResource):
    """Cluster CA, clients CA, and a leaf per node. Type: kafka-platform:index:TlsMaterial."""

    ca_pem: pulumi.Output[str]
    """Certificate of the authority that signs the nodes."""
    ca_private_key_pem: pulumi.Output[str]
    """Secret: key of the nodes' authority, for other servers of the platform. It is in no Kubernetes object."""
    clients_ca_pem: pulumi.Output[str]
    """Certificate of the authority that signs clients."""
    clients_ca_private_key_pem: pulumi.Output[str]
    """Secret: key of the clients' authority. It is in no Kubernetes object."""

    def __init__(self, name: str, args: TlsMaterialArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create both authorities and all leaves."""
        super().__init__("kafka-platform:index:TlsMaterial", name, {}, opts)
        spec = args.topology.spec.tls
        cluster_key, cluster_ca = self._authority(f"{name}-cluster-ca", "Kafka cluster CA", spec, args.protect)
        clients_key, clients_ca = self._authority(f"{name}-clients-ca", "Kafka clients CA", spec, args.protect)
        self.leaves = {
            node.pod: self._leaf(
                f"{name}-{node.pod}", subject_names(node, args.topology), spec, cluster_key, cluster_ca
            )
            for node in args.topology.nodes
        }
        self.ca_pem = cluster_ca.cert_pem
        self.ca_private_key_pem = pulumi.Output.secret(cluster_key.private_key_pem)
        self.clients_ca_pem = clients_ca.cert_pem
        self.clients_ca_private_key_pem = pulumi.Output.secret(clients_key.private_key_pem)
        self.register_outputs(
            {
                "ca_pem": self.ca_pem,
                "ca_private_key_pem": self.ca_private_key_pem,
                "clients_ca_pem": self.clients_ca_pem,
                "clients_ca_private_key_pem": self.clients_ca_private_key_pem,
            }
        )

    def _authority(
        self, name: str, common_name: str, spec: TlsSpec, protect: bool
    ) -> tuple[tls.PrivateKey, tls.SelfSignedCert]:
        options = pulumi.ResourceOptions(parent=self, protect=protect)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=options)
        certificate = tls.SelfSignedCert(
            name,
            private_key_pem=key.private_key_pem,
            is_ca_certificate=True,
            subject={"common_name": common_name, "organization": "kafka-platform"},
            validity_period_hours=hours(spec.ca_validity.total_seconds()),
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            opts=options,
        )
        return key, certificate

    def _leaf(
        self, name: str, names: SubjectNames, spec: TlsSpec, ca_key: tls.PrivateKey, ca: tls.SelfSignedCert
    ) -> Leaf:
        child = pulumi.ResourceOptions(parent=self)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": NODE_PRINCIPAL, "organization": "kafka-nodes"},
            dns_names=list(names.dns),
            ip_addresses=list(names.ip),
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=ca.cert_pem,
            ca_private_key_pem=ca_key.private_key_pem,
            validity_period_hours=hours(spec.leaf_validity.total_seconds()),
            early_renewal_hours=hours(spec.leaf_renewal.total_seconds()),
            allowed_uses=["digital_signature", "key_encipherment", "server_auth", "client_auth"],
            opts=child,
        )
        return Leaf(
            certificate_pem=certificate.cert_pem, private_key_pem=pulumi.Output.secret(key.private_key_pem_pkcs8)
        )
