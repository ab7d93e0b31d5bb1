"""Everything inside Kafka: topics, users, permissions, quotas, behind the readiness gate."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kafka as kafka

from components.service_account import ServiceAccount, ServiceAccountArgs
from components.topics import Topics, TopicsArgs
from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, SCHEMA_REGISTRY_USER, ScramMechanism
from config.service import ServiceSpec
from config.topic import TopicSpec
from manifests.acl import KafkaUser, service_user
from manifests.credential import derive_password
from resources.milestone import Milestone
from resources.readiness_gate import ReadinessGate

PROTOCOL_VERSION: Final = "3.9.0"
"""Version of Kafka's protocol the provider's client library speaks. Its newest is 4.0; brokers of 4.x answer both."""
REQUEST_TIMEOUT: Final = 60
"""Seconds a request of the provider may take."""

PROVIDER_MECHANISM: Final = {
    ScramMechanism.SCRAM_SHA_256: "scram-sha256",
    ScramMechanism.SCRAM_SHA_512: "scram-sha512",
}
"""The provider's names of the mechanisms."""
_DEPRECATED: Final = {
    "ca_cert_file": "KAFKA_CA_CERT",
    "client_cert_file": "KAFKA_CLIENT_CERT",
    "client_key_file": "KAFKA_CLIENT_KEY",
}
"""Provider fields with a default in the environment that warn when they are given, even when given empty."""


def deprecated_fields(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return empty values for the deprecated fields that a variable would fill, and only for those."""
    return {field: "" for field, variable in _DEPRECATED.items() if environment.get(variable)}


def goes_with_volumes(kafka: KafkaClusterSpec, *, protect: bool) -> bool:
    """Tell whether what Kafka holds goes with the brokers' volumes: then nothing of it is deleted one by one before."""
    return not protect and not any(pool.storage.retain for pool in kafka.pools)


@dataclass(frozen=True, kw_only=True)
class KafkaAccessArgs:
    """What ``KafkaAccess`` is made of."""

    topics: Sequence[TopicSpec]
    services: Sequence[ServiceSpec]
    users: Sequence[KafkaUser] = ()
    """Users of the platform's own parts, besides the services."""
    defaults: KafkaClusterSpec
    """The cluster: its SCRAM mechanism, certificate lifetimes, replication factor and min ISR."""
    allow_data_loss: Sequence[str] = ()
    """Topics that may be shrunk or removed; everything else of that kind is refused in the preview."""
    namespace: pulumi.Input[str]
    """Namespace of the services' Secrets."""
    bootstrap_servers: pulumi.Input[str]
    """host:port,… of the external SCRAM listener: Pulumi reaches the brokers from outside."""
    broker_endpoints: pulumi.Input[Sequence[str]]
    """host:port of every broker as advertised on that listener."""
    ready: pulumi.Input[str]
    """Known when the brokers are rolled out; it changes when they did."""
    internal_bootstrap_servers: pulumi.Input[str]
    """host:port of the SCRAM listener for pods."""
    internal_mtls_bootstrap_servers: pulumi.Input[str]
    """host:port of the mutual-TLS listener for pods."""
    ca_pem: pulumi.Input[str]
    """CA of the brokers' certificates."""
    clients_ca_pem: pulumi.Input[str]
    clients_ca_private_key_pem: pulumi.Input[str]
    """Secret: signs the services' certificates."""
    master_secret: pulumi.Input[str]
    """Secret: all passwords are derived from it."""
    registry_url: pulumi.Input[str] | None = None
    """The schema registry for pods; None: there is none."""
    protect: bool
    """Protect the topics from deletion."""
    cluster: pulumi.Resource | None = None
    """The brokers. Where they are deleted with their volumes, nothing inside Kafka is deleted one by one before."""


class KafkaAccess(pulumi.ComponentResource):
    """The catalogue's topics, and everybody's accounts. Type: kafka-platform:index:KafkaAccess."""

    clients: pulumi.Output[dict[str, dict[str, str]]]
    """Secret: user to username, password, mechanism, certificate_pem, private_key_pem; ``admin`` is among them."""

    def __init__(self, name: str, args: KafkaAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the gate, the provider behind it, topics and accounts."""
        super().__init__("kafka-platform:index:KafkaAccess", name, {}, opts)
        admin_password = pulumi.Output.secret(args.master_secret).apply(
            lambda secret: derive_password(secret, ADMIN_USER, 1)
        )
        deleted_with = args.cluster if goes_with_volumes(args.defaults, protect=args.protect) else None
        provider = self._kafka(name, args, admin_password)
        topics = Topics(
            f"{name}-topics",
            TopicsArgs(
                topics=args.topics,
                defaults=args.defaults,
                allow_data_loss=args.allow_data_loss,
                protect=args.protect,
                kafka_provider=provider,
                deleted_with=deleted_with,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        users = [*map(service_user, args.services), *args.users]
        accounts = {user.name: self._account(user, args, provider, deleted_with) for user in users}
        admin: pulumi.Output[dict[str, str]] = admin_password.apply(
            lambda password: {
                "username": ADMIN_USER,
                "password": password,
                "mechanism": args.defaults.scram_mechanism.value,
                "certificate_pem": "",
                "private_key_pem": "",
            }
        )
        everyone: dict[str, Any] = {ADMIN_USER: admin}
        everyone.update({user: account.credentials for user, account in accounts.items()})
        self.clients = pulumi.Output.secret(pulumi.Output.all(**everyone).apply(dict))
        self._settled = Milestone(
            f"{name}-settled", after=[topics, *accounts.values()], opts=pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({"clients": self.clients})

    @property
    def settled(self) -> pulumi.Resource:
        """What to depend on for all topics and accounts: one edge, where the component would be one to each of them."""
        return self._settled

    def _kafka(self, name: str, args: KafkaAccessArgs, admin_password: pulumi.Output[str]) -> kafka.Provider:
        gate = ReadinessGate(
            f"{name}-gate",
            endpoints=args.broker_endpoints,
            bootstrap_servers=pulumi.Output.from_input(args.bootstrap_servers).apply(lambda text: text.split(",")),
            ca_pem=args.ca_pem,
            rollout=args.ready,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Every field that has a default in the environment is given, so that no KAFKA_* or AWS_* variable leaks in:
        # into what is done, or, for the secrets of a cloud account, into the state.
        return kafka.Provider(
            f"{name}-kafka",
            bootstrap_servers=gate.bootstrap_servers,
            ca_cert=args.ca_pem,
            kafka_version=PROTOCOL_VERSION,
            sasl_mechanism=PROVIDER_MECHANISM[args.defaults.scram_mechanism],
            sasl_username=ADMIN_USER,
            sasl_password=admin_password,
            skip_tls_verify=False,
            timeout=REQUEST_TIMEOUT,
            tls_enabled=True,
            client_cert="",
            client_key="",
            client_key_passphrase="",
            sasl_aws_access_key="",
            sasl_aws_container_authorization_token_file="",
            sasl_aws_container_credentials_full_uri="",
            sasl_aws_creds_debug=False,
            sasl_aws_profile="",
            sasl_aws_region="",
            sasl_aws_role_arn="",
            sasl_aws_secret_key="",
            sasl_aws_shared_config_files=[],
            sasl_aws_token="",
            sasl_oauth_scopes=[],
            sasl_token_url="",
            **deprecated_fields(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gate]),
        )

    def _account(
        self,
        user: KafkaUser,
        args: KafkaAccessArgs,
        provider: kafka.Provider,
        deleted_with: pulumi.Resource | None,
    ) -> ServiceAccount:
        return ServiceAccount(
            user.name,
            ServiceAccountArgs(
                user=user,
                mechanism=args.defaults.scram_mechanism,
                tls=args.defaults.tls,
                namespace=args.namespace,
                internal_bootstrap_servers=args.internal_bootstrap_servers,
                internal_mtls_bootstrap_servers=args.internal_mtls_bootstrap_servers,
                ca_pem=args.ca_pem,
                clients_ca_pem=args.clients_ca_pem,
                clients_ca_private_key_pem=args.clients_ca_private_key_pem,
                master_secret=args.master_secret,
                # The registry is no client of itself.
                registry_url=None if user.name == SCHEMA_REGISTRY_USER else args.registry_url,
                kafka_provider=provider,
                deleted_with=deleted_with,
            ),
            pulumi.ResourceOptions(parent=self),
        )
