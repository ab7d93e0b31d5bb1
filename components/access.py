"""Everything inside Kafka: topics, users, permissions, quotas, behind the readiness gate."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kafka as kafka

from components.service_account import ServiceAccount, ServiceAccountArgs
from components.topics import Topics, TopicsArgs
from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, ScramMechanism
from config.service import ServiceSpec
from config.topic import TopicSpec
from manifests.credential import derive_password
from resources.readiness_gate import ReadinessGate

_PROVIDER_MECHANISM = {
    ScramMechanism.SCRAM_SHA_256: "scram-sha256",
    ScramMechanism.SCRAM_SHA_512: "scram-sha512",
}


@dataclass(frozen=True, kw_only=True)
class KafkaAccessArgs:
    """What ``KafkaAccess`` is made of."""

    topics: Sequence[TopicSpec]
    services: Sequence[ServiceSpec]
    defaults: KafkaClusterSpec
    allow_data_loss: Sequence[str] = ()
    namespace: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    """host:port,… of the external SCRAM listener: Pulumi reaches the brokers from outside."""
    broker_endpoints: pulumi.Input[Sequence[str]]
    """host:port of every broker as advertised on that listener."""
    internal_bootstrap_servers: pulumi.Input[str]
    internal_mtls_bootstrap_servers: pulumi.Input[str]
    ca_pem: pulumi.Input[str]
    clients_ca_pem: pulumi.Input[str]
    clients_ca_private_key_pem: pulumi.Input[str]
    master_secret: pulumi.Input[str]
    protect: bool


class KafkaAccess(pulumi.ComponentResource):
    """Topics and service accounts of the catalogue. Type: kafka-platform:index:KafkaAccess."""

    clients: pulumi.Output[dict[str, dict[str, str]]]
    """Secret: user to username, password, mechanism, certificate_pem, private_key_pem; ``admin`` is among them."""

    def __init__(self, name: str, args: KafkaAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the gate, the provider behind it, topics and accounts."""
        super().__init__("kafka-platform:index:KafkaAccess", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        mechanism = args.defaults.scram_mechanism
        admin_password = pulumi.Output.secret(args.master_secret).apply(
            lambda secret: derive_password(secret, ADMIN_USER, 1)
        )
        gate = ReadinessGate(
            f"{name}-gate",
            endpoints=args.broker_endpoints,
            bootstrap_servers=pulumi.Output.from_input(args.bootstrap_servers).apply(
                lambda servers: servers.split(",")
            ),
            ca_pem=args.ca_pem,
            opts=child,
        )
        # Every field that has a default in the environment is given, so that no KAFKA_* variable leaks in.
        provider = kafka.Provider(
            f"{name}-kafka",
            bootstrap_servers=gate.bootstrap_servers,
            ca_cert=args.ca_pem,
            client_cert="",
            client_key="",
            client_key_passphrase="",
            kafka_version="3.9.0",
            sasl_mechanism=_PROVIDER_MECHANISM[mechanism],
            sasl_username=ADMIN_USER,
            sasl_password=admin_password,
            skip_tls_verify=False,
            tls_enabled=True,
            timeout=60,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gate]),
        )
        topics = Topics(
            f"{name}-topics",
            TopicsArgs(
                topics=args.topics, defaults=args.defaults, allow_data_loss=args.allow_data_loss, protect=args.protect
            ),
            pulumi.ResourceOptions(parent=self, providers=[provider]),
        )
        accounts = {
            service.id: ServiceAccount(
                service.id,
                ServiceAccountArgs(
                    service=service,
                    mechanism=mechanism,
                    tls=args.defaults.tls,
                    namespace=args.namespace,
                    internal_bootstrap_servers=args.internal_bootstrap_servers,
                    internal_mtls_bootstrap_servers=args.internal_mtls_bootstrap_servers,
                    ca_pem=args.ca_pem,
                    clients_ca_pem=args.clients_ca_pem,
                    clients_ca_private_key_pem=args.clients_ca_private_key_pem,
                    master_secret=args.master_secret,
                    kafka_provider=provider,
                ),
                child,
            )
            for service in args.services
        }
        admin = {
            "username": ADMIN_USER,
            "password": admin_password,
            "mechanism": mechanism.value,
            "certificate_pem": "",
            "private_key_pem": "",
        }
        self.clients = pulumi.Output.secret(
            pulumi.Output.all(
                **{ADMIN_USER: pulumi.Output.all(**admin)},
                **{service: account.credentials for service, account in accounts.items()},
            )
        )
        self.register_outputs({"clients": self.clients, "topics": topics.names})
