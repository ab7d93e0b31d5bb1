"""One user's account on the cluster: user, certificate, permissions, quota, and the Secret that delivers them."""

import base64
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kafka as kafka
import pulumi_kubernetes as k8s
import pulumi_tls as tls

from config.kafka import TlsSpec
from config.literals import ScramMechanism
from config.service import QuotaSpec
from manifests.acl import KafkaUser
from manifests.client_config import ClientAccess, RegistryAccess, secret_data
from manifests.credential import REGISTRY, derive_password

SCRAM_ITERATIONS: Final = 4096
"""Kafka's and RFC 7677's minimum. Iterations slow down guessing, and a password of 240 random bits can't be guessed:
more would only cost every client processor time at each connection."""


def quota_config(quota: QuotaSpec) -> dict[str, str]:
    """Return a quota by Kafka's names; numbers as text, as the provider reads them back."""
    return {
        "consumer_byte_rate": str(quota.consumer_bytes_per_second),
        "producer_byte_rate": str(quota.producer_bytes_per_second),
        "request_percentage": f"{quota.request_percentage:g}",
    }


def registry_access(url: str, user: KafkaUser, master_secret: str) -> RegistryAccess:
    """Return a user's way to the schema registry, with a password that is none of Kafka's."""
    password = derive_password(master_secret, user.name, user.credential_generation, REGISTRY)
    return RegistryAccess(url=url, username=user.name, password=password)


@dataclass(frozen=True, kw_only=True)
class ServiceAccountArgs:
    """What ``ServiceAccount`` is made of."""

    user: KafkaUser
    mechanism: ScramMechanism
    tls: TlsSpec
    """Lifetime of the client certificate."""
    namespace: pulumi.Input[str]
    """Where the Secret goes."""
    internal_bootstrap_servers: pulumi.Input[str]
    internal_mtls_bootstrap_servers: pulumi.Input[str]
    ca_pem: pulumi.Input[str]
    clients_ca_pem: pulumi.Input[str]
    clients_ca_private_key_pem: pulumi.Input[str]
    master_secret: pulumi.Input[str]
    """Must be known in previews: the provider can't preview a user whose password isn't."""
    registry_url: pulumi.Input[str] | None
    """The schema registry for pods; None: there is none."""
    kafka_provider: pulumi.ProviderResource
    deleted_with: pulumi.Resource | None
    """What takes everything inside Kafka along when it is deleted."""


class ServiceAccount(pulumi.ComponentResource):
    """A service, or a part of the platform, on the cluster. Type: kafka-platform:index:ServiceAccount."""

    credentials: pulumi.Output[dict[str, str]]
    """Secret: username, password, mechanism, certificate_pem, private_key_pem (PKCS #8)."""

    def __init__(self, name: str, args: ServiceAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create user, ACLs, quota, certificate and Secret."""
        super().__init__("kafka-platform:index:ServiceAccount", name, {}, opts)
        user, password = self._user(name, args)
        self._permissions(name, args)
        certificate, private_key = self._certificate(name, args)
        self.credentials = pulumi.Output.secret(
            pulumi.Output.all(
                username=user.username,
                password=password,
                mechanism=args.mechanism.value,
                certificate_pem=certificate,
                private_key_pem=private_key,
            ).apply(lambda parts: {key: str(value) for key, value in parts.items()})
        )
        self._secret(name, args)
        self.register_outputs({"credentials": self.credentials})

    def _on_kafka(self, args: ServiceAccountArgs, *, delete_before_replace: bool = False) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=args.kafka_provider,
            deleted_with=args.deleted_with,
            delete_before_replace=delete_before_replace,
        )

    def _user(self, name: str, args: ServiceAccountArgs) -> tuple[kafka.UserScramCredential, pulumi.Output[str]]:
        password = pulumi.Output.secret(args.master_secret).apply(
            lambda secret: derive_password(secret, args.user.name, args.user.credential_generation)
        )
        user = kafka.UserScramCredential(
            f"{name}-user",
            username=args.user.name,
            scram_mechanism=args.mechanism.value,
            scram_iterations=SCRAM_ITERATIONS,
            password=password,
            opts=self._on_kafka(args),
        )
        return user, password

    def _permissions(self, name: str, args: ServiceAccountArgs) -> None:
        for entry in args.user.entries:
            kafka.Acl(
                entry.key,
                acl_principal=f"User:{entry.principal}",
                acl_host="*",
                acl_permission_type="Allow",
                acl_operation=entry.operation.value,
                acl_resource_type=entry.resource_type.value,
                acl_resource_name=entry.name,
                resource_pattern_type_filter=entry.pattern.value,
                opts=self._on_kafka(args),
            )
        kafka.Quota(
            f"{name}-quota",
            entity_type="user",
            entity_name=args.user.name,
            config=quota_config(args.user.quota),
            # Plugins that replace a quota for a new value would else set the new one and then remove it as the old.
            opts=self._on_kafka(args, delete_before_replace=True),
        )

    def _certificate(self, name: str, args: ServiceAccountArgs) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        child = pulumi.ResourceOptions(parent=self)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": args.user.name, "organization": "kafka-clients"},
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
            url, master_secret = parts.pop("registry_url"), parts.pop("master_secret")
            registry = registry_access(url, args.user, master_secret) if url else None
            plain = secret_data(ClientAccess(**parts, **credentials, registry=registry))
            return {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}

        # Secret, as the credentials in it are.
        content: pulumi.Output[dict[str, str]] = pulumi.Output.all(
            bootstrap_servers=args.internal_bootstrap_servers,
            mtls_bootstrap_servers=args.internal_mtls_bootstrap_servers,
            ca_pem=args.ca_pem,
            credentials=self.credentials,
            registry_url=args.registry_url,
            master_secret=pulumi.Output.secret(args.master_secret),
        ).apply(data)
        k8s.core.v1.Secret(
            f"{name}-secret",
            metadata={
                "name": f"kafka-client-{args.user.name}",
                "namespace": args.namespace,
                "labels": {
                    "app.kubernetes.io/name": "kafka-client",
                    "app.kubernetes.io/instance": args.user.name,
                    "app.kubernetes.io/managed-by": "pulumi",
                    "app.kubernetes.io/part-of": "kafka-platform",
                },
            },
            type="Opaque",
            data=content,
            opts=pulumi.ResourceOptions(parent=self),
        )
