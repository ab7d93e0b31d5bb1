"""Certificates of a cluster: two authorities, and a leaf for every node."""

from dataclasses import dataclass
from ipaddress import ip_address

import pulumi

from components.certificates import SubjectNames, authority, leaf
from config.literals import (
    BOOTSTRAP_SERVICE,
    EXTERNAL_BOOTSTRAP_SERVICE,
    HEADLESS_SERVICE,
    NODE_PRINCIPAL,
    ExternalAccess,
)
from manifests.nodes import Node, Topology


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


@dataclass(frozen=True, kw_only=True)
class TlsMaterialArgs:
    """What ``TlsMaterial`` is made of."""

    topology: Topology
    protect: bool


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
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        child = pulumi.ResourceOptions(parent=self)
        cluster = authority(f"{name}-cluster-ca", "Kafka cluster CA", spec, kept)
        clients = authority(f"{name}-clients-ca", "Kafka clients CA", spec, kept)
        self.leaves = {
            node.pod: leaf(
                f"{name}-{node.pod}",
                (NODE_PRINCIPAL, "kafka-nodes"),
                subject_names(node, args.topology),
                ("server_auth", "client_auth"),
                spec,
                cluster,
                child,
            )
            for node in args.topology.nodes
        }
        self.ca_pem = cluster.certificate.cert_pem
        self.ca_private_key_pem = pulumi.Output.secret(cluster.key.private_key_pem)
        self.clients_ca_pem = clients.certificate.cert_pem
        self.clients_ca_private_key_pem = pulumi.Output.secret(clients.key.private_key_pem)
        self.register_outputs(
            {
                "ca_pem": self.ca_pem,
                "ca_private_key_pem": self.ca_private_key_pem,
                "clients_ca_pem": self.clients_ca_pem,
                "clients_ca_private_key_pem": self.clients_ca_private_key_pem,
            }
        )
