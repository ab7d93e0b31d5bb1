"""The schema registry on Kubernetes: processes, proxies, certificates, passwords."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.load_balancers import Balancing, create_names, create_services
from components.node_pool import digest
from components.server_certificate import ServerCertificate, ServerCertificateArgs
from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, SCHEMA_REGISTRY_USER, ExternalAccess, RegistryImplementation
from config.schema_registry import SchemaRegistrySpec
from manifests.acl import KafkaUser
from manifests.credential import REGISTRY, derive_password
from manifests.placement import Placement, on_machines
from manifests.schema_registry import (
    EXTERNAL_SERVICE,
    NAME,
    Registry,
    disruption_budget,
    network_policies,
    server_names,
    service_account,
    services,
    stateful_set,
)
from manifests.schema_registry_access import (
    RegistryUser,
    external_hosts,
    external_urls,
    password_file,
    registry_users,
)
from manifests.schema_registry_proxy import proxy_config
from manifests.schema_registry_settings import KafkaAccount, registry_jvm_options, registry_properties
from resources.registry_gate import RegistryGate

_LOGGING = Path(__file__).parent.parent / "assets" / "logging" / "schema-registry.properties"


@dataclass(frozen=True, kw_only=True)
class SchemaRegistryArgs:
    """What ``SchemaRegistry`` is made of."""

    spec: SchemaRegistrySpec
    kafka: KafkaClusterSpec
    """The cluster it keeps its content in."""
    namespace: str
    users: Sequence[KafkaUser]
    """Everyone with a Kafka account: what they may write there decides what they may register."""
    bootstrap_servers: pulumi.Input[str]
    """host:port of the SCRAM listener for pods."""
    ca_pem: pulumi.Input[str]
    ca_private_key_pem: pulumi.Input[str]
    """Secret: signs the proxies' certificate."""
    master_secret: pulumi.Input[str]
    """Secret: all passwords are derived from it."""
    after: Sequence[pulumi.Resource]
    """What has to be there first: the namespace, the registry's topics, its user and permissions."""
    machines: Placement | None = None
    """Where its pods go; None: to any machine."""
    balancing: Balancing | None = None
    """How load balancers are made; None: as the cluster does by itself."""


class SchemaRegistry(pulumi.ComponentResource):
    """Schema registry with Confluent's API over TLS. Type: kafka-platform:index:SchemaRegistry.

    Creates a StatefulSet whose pods have a process and its proxy each, services, a certificate of the cluster CA,
    network policies and a disruption budget; then it waits until the registry answers.
    """

    urls: pulumi.Output[Sequence[str]]
    """https://host:port for clients outside Kubernetes, known in previews; each leads to the whole registry."""
    passwords: pulumi.Output[dict[str, str]]
    """Secret: user to password; ``admin`` is among them."""

    def __init__(self, name: str, args: SchemaRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the registry."""
        super().__init__("kafka-platform:index:SchemaRegistry", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        registry = Registry(spec=args.spec, cluster=args.kafka.name, namespace=args.namespace)
        users = registry_users(args.users)
        self.passwords = self._passwords(users)
        certificate = ServerCertificate(
            f"{name}-server",
            ServerCertificateArgs(
                common_name=NAME,
                names=server_names(registry, external_hosts(args.spec, args.kafka)),
                tls=args.kafka.tls,
                ca_pem=args.ca_pem,
                ca_private_key_pem=args.ca_private_key_pem,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        base = self._base(registry)
        names, checksum = self._files(registry, users, certificate)
        created = k8s.apps.v1.StatefulSet(
            name,
            **on_machines(stateful_set(registry, names, checksum), args.machines),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.after, *base],
                custom_timeouts=pulumi.CustomTimeouts(create="10m", update="15m", delete="5m"),
            ),
        )
        gate = RegistryGate(
            f"{name}-gate",
            urls=list(external_urls(args.spec, args.kafka)),
            ca_pem=args.ca_pem,
            username=ADMIN_USER,
            password=self.passwords[ADMIN_USER],
            level=args.spec.level,
            rollout=pulumi.Output.all(created.id, checksum).apply(lambda parts: digest(*parts)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.urls = gate.urls
        self.register_outputs({"urls": self.urls, "passwords": self.passwords})

    def _passwords(self, users: Sequence[RegistryUser]) -> pulumi.Output[dict[str, str]]:
        generations = {user.name: user.credential_generation for user in users} | {ADMIN_USER: 1}
        return pulumi.Output.secret(self._args.master_secret).apply(
            lambda secret: {
                user: derive_password(secret, user, generation, REGISTRY) for user, generation in generations.items()
            }
        )

    def _base(self, registry: Registry) -> list[pulumi.Resource]:
        name, child, spec, balancing = self._name, self._child, self._args.spec, self._args.balancing
        made = create_services(name, services(registry), balancing, child)
        balanced = spec.external.type is ExternalAccess.LOAD_BALANCER
        hosts = dict.fromkeys(spec.external.hosts if balanced else (), made[EXTERNAL_SERVICE])
        return [
            k8s.core.v1.ServiceAccount(f"{name}-service-account", **service_account(registry), opts=child),
            k8s.policy.v1.PodDisruptionBudget(f"{name}-disruption-budget", **disruption_budget(registry), opts=child),
            *made.values(),
            *create_names(f"{name}-names", hosts, balancing, pulumi.ResourceOptions(parent=self)),
            *(
                k8s.networking.v1.NetworkPolicy(f"{name}-{policy}", **manifest, opts=child)
                for policy, manifest in network_policies(registry).items()
            ),
        ]

    def _files(
        self, registry: Registry, users: Sequence[RegistryUser], certificate: ServerCertificate
    ) -> tuple[dict[str, pulumi.Output[str]], pulumi.Output[str]]:
        """Create ConfigMaps and Secrets; return their names, and a digest that changes when pods must be replaced."""
        args = self._args
        proxies = {
            f"{NAME}-{replica.number}.nginx.conf": proxy_config(
                args.spec.implementation, users, replica, registry.others(replica)
            )
            for replica in registry.replicas
        }
        runtime = {"options": registry_jvm_options(args.spec)}
        if args.spec.implementation is RegistryImplementation.CONFLUENT:
            runtime["log4j2.properties"] = _LOGGING.read_text()
        (kafka_user,) = (user for user in args.users if user.name == SCHEMA_REGISTRY_USER)

        def settings(parts: dict[str, str]) -> dict[str, str]:
            account = KafkaAccount(
                bootstrap_servers=parts["servers"],
                mechanism=args.kafka.scram_mechanism.value,
                username=SCHEMA_REGISTRY_USER,
                password=derive_password(parts["secret"], SCHEMA_REGISTRY_USER, kafka_user.credential_generation),
            )
            return {
                f"{NAME}-{replica.number}.properties": registry_properties(
                    args.spec, account, replica, args.kafka.replication_factor
                )
                for replica in registry.replicas
            }

        secret = pulumi.Output.secret(args.master_secret)
        config: pulumi.Output[dict[str, str]] = pulumi.Output.all(servers=args.bootstrap_servers, secret=secret).apply(
            settings
        )
        users_file = self.passwords.apply(password_file)
        maps = {
            "proxy": self._map("proxy", registry, proxies),
            "runtime": self._map("runtime", registry, runtime),
            "trust": self._map("trust", registry, {"ca.pem": args.ca_pem}),
        }
        secrets = {
            "config": self._secret("config", registry, config),
            "passwords": self._secret("passwords", registry, {"users": users_file}),
            "keys": self._secret(
                "keys", registry, {"tls.crt": certificate.certificate_pem, "tls.key": certificate.private_key_pem}
            ),
        }
        # Of what is secret, the digest of a digest: it says only that something changed.
        hidden = pulumi.Output.all(config, users_file).apply(lambda parts: digest(digest(*parts)))
        checksum = pulumi.Output.all(certificate.certificate_pem, args.ca_pem, pulumi.Output.unsecret(hidden)).apply(
            lambda parts: digest(proxies, runtime, *parts)
        )
        created: dict[str, Any] = {**maps, **secrets}
        return {key: one.metadata.name for key, one in created.items()}, checksum

    def _map(self, suffix: str, registry: Registry, data: dict[str, Any]) -> k8s.core.v1.ConfigMap:
        metadata = registry.metadata(f"{NAME}-{suffix}")
        return k8s.core.v1.ConfigMap(f"{self._name}-{suffix}", metadata=metadata, data=data, opts=self._child)

    def _secret(self, suffix: str, registry: Registry, data: Any) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{self._name}-{suffix}",
            metadata=registry.metadata(f"{NAME}-{suffix}"),
            type="Opaque",
            string_data=data,
            opts=self._child,
        )
