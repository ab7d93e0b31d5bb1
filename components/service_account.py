"""One service's account on the cluster: user, certificate, permissions, quota, and the Secret that delivers them."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kafka as kafka
import pulumi_kubernetes as k8s
import pulumi_tls as tls

from config.kafka import TlsSpec
from config.literals import ScramMechanism
from config.service import QuotaSpec, ServiceSpec
from manifests.acl import service_acl
from manifests.client_config import ClientAccess, secret_data
from manifests.credential import derive_password

SCRAM_ITERATIONS = 8192
"""Twice Kafka's default and RFC 7677's minimum of 4096; the passwords are random, so more would only cost logins."""


def quota_config(quota: QuotaSpec) -> dict[str, str]:
    """Return a quota by Kafka's names; numbers as text, as the provider reads them back."""
    return {
        "consumer_byte_rate": str(quota.consumer_bytes_per_second),
        "producer_byte_rate": str(quota.producer_bytes_per_second),
        "request_percentage": f"{quota.request_percentage:g}",
    }


@dataclass(frozen=True, kw_only=True)
class ServiceAccountArgs:
    """What ``ServiceAccount`` is made of."""

    service: ServiceSpec
    mechanism: ScramMechanism
    tls: TlsSpec
    namespace: pulumi.Input[str]
    internal_bootstrap_servers: pulumi.Input[str]
    internal_mtls_bootstrap_servers: pulumi.Input[str]
    ca_pem: pulumi.Input[str]
    clients_ca_pem: pulumi.Input[str]
    clients_ca_private_key_pem: pulumi.Input[str]
    master_secret: pulumi.Input[str]
    kafka_provider: pulumi.ProviderResource


class ServiceAccount(pulumi.ComponentResource):
    """A service on the cluster. Type: kafka-platform:index:ServiceAccount."""

    credentials: pulumi.Output[dict[str, str]]
    """Secret: username, password, mechanism, certificate_pem, private_key_pem (PKCS #8)."""

    def __init__(self, name: str, args: ServiceAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create user, certificate, ACLs, quota and Secret."""
        super().__init__("kafka-platform:index:ServiceAccount", name, {}, opts)
        service = args.service
        on_kafka = pulumi.ResourceOptions(parent=self, provider=args.kafka_provider)
        password = pulumi.Output.secret(args.master_secret).apply(
            lambda secret: derive_password(secret, service.id, service.credential_generation)
        )
        user = kafka.UserScramCredential(
            f"{name}-user",
            username=service.id,
            scram_mechanism=args.mechanism.value,
            scram_iterations=SCRAM_ITERATIONS,
            password=password,
            opts=on_kafka,
        )
        for entry in service_acl(service):
            kafka.Acl(
                entry.key,
                acl_principal=f"User:{entry.principal}",
                acl_host="*",
                acl_permission_type="Allow",
                acl_operation=entry.operation.value,
                acl_resource_type=entry.resource_type.value,
                acl_resource_name=entry.name,
                resource_pattern_type_filter=entry.pattern.value,
                opts=on_kafka,
            )
        kafka.Quota(
            f"{name}-quota",
            entity_type="user",
            entity_name=service.id,
            config=quota_config(service.quota),
            opts=on_kafka,
        )
        certificate, private_key = self._certificate(name, args)
        credentials: pulumi.Output[dict[str, str]] = pulumi.Output.secret(
            pulumi.Output.all(
                username=user.username,
                password=password,
                mechanism=args.mechanism.value,
                certificate_pem=certificate,
                private_key_pem=private_key,
            ).apply(dict)
        )
        self.credentials = credentials
        self._secret(name, args)
        self.register_outputs({"credentials": self.credentials})

    def _certificate(self, name: str, args: ServiceAccountArgs) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        child = pulumi.ResourceOptions(parent=self)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": args.service.id, "organization": "kafka-clients"},
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=args.clients_ca_pem,
            ca_private_key_pem=args.clients_ca_private_key_pem,
            validity_period_hours=int(args.tls.leaf_validity.total_seconds() // 3600),
            early_renewal_hours=int(args.tls.leaf_renewal.total_seconds() // 3600),
            allowed_uses=["digital_signature", "client_auth"],
            opts=child,
        )
        return certificate.cert_pem, pulumi.Output.secret(key.private_key_pem_pkcs8)

    def _secret(self, name: str, args: ServiceAccountArgs) -> None:
        def data(parts: dict[str, Any]) -> dict[str, str]:
            credentials = parts.pop("credentials")
            return secret_data(ClientAccess(**parts, **credentials))

        k8s.core.v1.Secret(
            f"{name}-secret",
            metadata={
                "name": f"kafka-client-{args.service.id}",
                "namespace": args.namespace,
                "labels": {
                    "app.kubernetes.io/name": "kafka-client",
                    "app.kubernetes.io/instance": args.service.id,
                    "app.kubernetes.io/managed-by": "pulumi",
                },
            },
            type="Opaque",
            string_data=pulumi.Output.secret(
                pulumi.Output.all(
                    bootstrap_servers=args.internal_bootstrap_servers,
                    mtls_bootstrap_servers=args.internal_mtls_bootstrap_servers,
                    ca_pem=args.ca_pem,
                    credentials=self.credentials,
                ).apply(data)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
