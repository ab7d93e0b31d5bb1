"""Kafka Connect in one namespace: workers, and the connectors on them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.load_balancers import Balancing, create_names, create_services
from components.node_pool import digest
from components.server_certificate import ServerCertificate, ServerCertificateArgs
from config.connect import ConnectSpec
from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, CONNECT_EXTERNAL_SERVICE, CONNECT_SERVICE, CONNECT_USER, ExternalAccess
from manifests import connect_paths as paths
from manifests.connect_connector import ca_path, ceiling, connector_config
from manifests.connect_objects import (
    connect_autoscaler,
    connect_disruption_budget,
    connect_names,
    connect_network_policy,
    connect_services,
    metadata,
    service_account_metadata,
)
from manifests.connect_stateful_set import connect_stateful_set
from manifests.connect_worker import worker_files
from manifests.credential import CONNECT_REST, CONNECT_SECRET, KEY_STORE, REGISTRY, derive_password
from manifests.placement import Placement, on_machines
from resources.connector import Connector
from resources.key_store import KeyStore

_ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True, kw_only=True)
class ConnectClusterArgs:
    """What ``ConnectCluster`` is made of."""

    spec: ConnectSpec
    kafka: KafkaClusterSpec
    """The cluster it belongs to: SCRAM mechanism, hosts of node ports, lifetimes of certificates."""
    partitions: Mapping[str, int]
    """Topic of the catalogue to its partitions: they bound what autoscaling is good for."""
    namespace: str
    ca_pem: pulumi.Input[str]
    ca_private_key_pem: pulumi.Input[str]
    """Secret: signs the workers' certificate."""
    master_secret: pulumi.Input[str]
    """Secret: passwords are derived from it."""
    secrets: pulumi.Input[Mapping[str, str]]
    """Secret: values of the connectors' secrets that aren't derived, by name."""
    after: Sequence[pulumi.Resource]
    """Topics, users and permissions: workers need them at their start."""
    machines: Placement | None = None
    """Where its pods go; None: to any machine."""
    balancing: Balancing | None = None
    """How load balancers are made; None: as the cluster does by itself."""
    deleted_with: pulumi.Resource | None = None
    """What takes the connectors along when it is deleted; None: each is deleted before the workers are."""


class ConnectCluster(pulumi.ComponentResource):
    """Distributed Kafka Connect and its connectors. Type: kafka-platform:index:ConnectCluster.

    Creates services, policy, budget, autoscaler, certificate, configuration and secrets, then the workers, then the
    connectors, which are there when they run.
    """

    endpoints: pulumi.Output[Sequence[str]]
    """https://host:port by which the REST interface is reached from outside; empty: it isn't."""
    internal_url: pulumi.Output[str]
    """The REST interface inside Kubernetes."""
    credentials: pulumi.Output[dict[str, str]]
    """Secret: username and password of the REST interface."""
    connectors: pulumi.Output[Sequence[str]]
    """Names of the connectors, known when they run."""

    def __init__(self, name: str, args: ConnectClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the workers and their connectors."""
        super().__init__("kafka-platform:index:ConnectCluster", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._inside = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        spec, namespace = args.spec, args.namespace
        hosts = self._hosts()
        endpoints = [f"https://{host}:{spec.external.port}" for host in hosts]
        password = self._derived(ADMIN_USER, CONNECT_REST)
        workers, rollout = self._workers(hosts, password)
        self.endpoints = pulumi.Output.from_input(endpoints)
        self.internal_url = pulumi.Output.from_input(f"https://{CONNECT_SERVICE}.{namespace}.svc.cluster.local:8083")
        self.credentials = pulumi.Output.secret(
            pulumi.Output.all(username=ADMIN_USER, password=password).apply(lambda parts: dict(parts))
        )
        made = [
            Connector(
                f"{name}-{connector.name}",
                connector=connector.name,
                config=connector_config(connector, spec, namespace, args.kafka.replication_factor),
                endpoints=endpoints,
                ca_pem=args.ca_pem,
                username=ADMIN_USER,
                password=password,
                rollout=rollout,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[workers], deleted_with=args.deleted_with),
            )
            for connector in spec.connectors
        ]
        self.connectors = pulumi.Output.all(*(each.connector for each in made)).apply(
            lambda names: [str(each) for each in names]
        )
        self.register_outputs(
            {
                "endpoints": self.endpoints,
                "internal_url": self.internal_url,
                "credentials": self.credentials,
                "connectors": self.connectors,
            }
        )

    def _hosts(self) -> tuple[str, ...]:
        external = self._args.spec.external
        if external.type is ExternalAccess.NODE_PORT:
            return tuple(dict.fromkeys(self._args.kafka.external.hosts.values()))
        return () if external.host is None else (external.host,)

    def _derived(self, user: str, purpose: str) -> pulumi.Output[str]:
        generation = self._args.spec.credential_generation
        return pulumi.Output.secret(self._args.master_secret).apply(
            lambda secret: derive_password(secret, user, generation, purpose)
        )

    def _metadata(self, suffix: str) -> dict[str, Any]:
        spec = self._args.spec
        return metadata(spec, self._args.namespace, f"{spec.name}-{suffix}")

    def _workers(
        self, hosts: tuple[str, ...], password: pulumi.Output[str]
    ) -> tuple[k8s.apps.v1.StatefulSet, pulumi.Output[str]]:
        spec, namespace = self._args.spec, self._args.namespace
        base = self._network()
        config = worker_files(spec, self._args.kafka, namespace, (_ASSETS / "logging" / "log4j2.yaml").read_text())
        trust = {
            ca_path(each).rpartition("/")[2]: each.outbox.ca_pem or ""
            for each in spec.connectors
            if each.outbox is not None and each.outbox.ca_pem
        }
        jars = {
            path.rpartition("/")[2]: (_ASSETS / "connect" / path.rpartition("/")[2]).read_bytes()
            for path in (paths.HEALTH_JAR, paths.CONVERTER_JAR)
        }
        maps = {
            "config": k8s.core.v1.ConfigMap(
                f"{self._name}-config", metadata=self._metadata("config"), data=config, opts=self._inside
            ),
            "health": k8s.core.v1.ConfigMap(
                f"{self._name}-health",
                metadata=self._metadata("health"),
                binary_data={name: base64.b64encode(jar).decode() for name, jar in jars.items()},
                opts=self._inside,
            ),
        }
        if trust:
            maps["trust"] = k8s.core.v1.ConfigMap(
                f"{self._name}-trust", metadata=self._metadata("trust"), data=trust, opts=self._inside
            )
        rest, certificate = self._rest_secret(hosts, password)
        mounted = {"rest": rest}
        if spec.secret_names or spec.reads_avro:
            mounted["secrets"] = self._connector_secrets()
        names: dict[str, Any] = {key: each.metadata.name for key, each in [*maps.items(), *mounted.items()]}
        names["kafka"] = f"kafka-client-{CONNECT_USER}"
        # What is secret is told by its version: a digest of a short password could be guessed.
        binaries = [jar.hex() for jar in jars.values()]
        checksum = pulumi.Output.all(
            certificate, self._args.ca_pem, *(each.metadata.resource_version for each in mounted.values())
        ).apply(lambda parts: digest(config, trust, binaries, spec.credential_generation, *parts))
        account = k8s.core.v1.ServiceAccount(
            f"{self._name}-service-account",
            metadata=service_account_metadata(spec, namespace),
            automount_service_account_token=False,
            opts=self._inside,
        )
        scaler = None
        if spec.autoscaling is not None:
            scaler = connect_autoscaler(spec, namespace, ceiling(spec, self._args.partitions))
        manifest = connect_stateful_set(spec, namespace, spec.name, names, checksum, scaled=scaler is not None)
        workers = k8s.apps.v1.StatefulSet(
            self._name,
            **on_machines(manifest, self._args.machines),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._args.after, *base, account],
                ignore_changes=["spec.replicas"] if scaler is not None else [],
                custom_timeouts=pulumi.CustomTimeouts(create="10m", update="30m", delete="10m"),
            ),
        )
        if scaler is not None:
            k8s.autoscaling.v2.HorizontalPodAutoscaler(
                f"{self._name}-autoscaler",
                **scaler,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[workers]),
            )
        rollout = pulumi.Output.all(checksum, workers.id).apply(lambda parts: digest(*parts))
        return workers, rollout

    def _network(self) -> list[pulumi.Resource]:
        spec, namespace = self._args.spec, self._args.namespace
        policy = connect_network_policy(spec, namespace, self._args.kafka.name)
        balancing, external = self._args.balancing, spec.external
        made = create_services(self._name, connect_services(spec, namespace), balancing, self._inside)
        balanced = external.type is ExternalAccess.LOAD_BALANCER and external.host is not None
        hosts = {str(external.host): made[CONNECT_EXTERNAL_SERVICE]} if balanced else {}
        return [
            *made.values(),
            *create_names(f"{self._name}-names", hosts, balancing, self._child),
            k8s.networking.v1.NetworkPolicy(f"{self._name}-network", **policy, opts=self._inside),
            k8s.policy.v1.PodDisruptionBudget(
                f"{self._name}-disruption-budget", **connect_disruption_budget(spec, namespace), opts=self._inside
            ),
        ]

    def _rest_secret(
        self, hosts: tuple[str, ...], password: pulumi.Output[str]
    ) -> tuple[k8s.core.v1.Secret, pulumi.Output[str]]:
        args = self._args
        leaf = ServerCertificate(
            f"{self._name}-certificate",
            ServerCertificateArgs(
                common_name=args.spec.name,
                names=connect_names(args.namespace, hosts),
                tls=args.kafka.tls,
                ca_pem=args.ca_pem,
                ca_private_key_pem=args.ca_private_key_pem,
            ),
            self._child,
        )
        store_password = self._derived(args.spec.name, KEY_STORE)
        stores = KeyStore(
            f"{self._name}-stores",
            private_key_pem=leaf.private_key_pem,
            certificate_pem=leaf.certificate_pem,
            authorities={"kafka": args.ca_pem},
            issuer="kafka",
            password=store_password,
            opts=self._child,
        )
        files = {
            paths.CREDENTIALS: password.apply(lambda text: _base64(f"{ADMIN_USER}={text}\n")),
            paths.KEY_STORE: stores.key_store,
            paths.TRUST_STORE: stores.trust_store,
            paths.STORE_PASSWORD: store_password.apply(_base64),
        }
        secret = k8s.core.v1.Secret(
            f"{self._name}-rest",
            metadata=self._metadata("rest"),
            type="Opaque",
            data={path.rpartition("/")[2]: content for path, content in files.items()},
            opts=self._inside,
        )
        return secret, leaf.certificate_pem

    def _connector_secrets(self) -> k8s.core.v1.Secret:
        spec = self._args.spec
        registry = self._derived(CONNECT_USER, REGISTRY)
        derived = {name: self._derived(name, CONNECT_SECRET) for name in spec.derived_secrets}

        def data(parts: dict[str, Any]) -> dict[str, str]:
            known = {**parts["derived"], **parts["secrets"]}
            values = {name: known[name] for name in spec.secret_names}
            if spec.reads_avro:
                values[paths.REGISTRY_PASSWORD] = parts["registry"]
                values[paths.REGISTRY_USER_INFO] = f"{CONNECT_USER}:{parts['registry']}"
            return {name: _base64(value) for name, value in values.items()}

        content: pulumi.Output[dict[str, str]] = pulumi.Output.secret(
            pulumi.Output.all(derived=derived, secrets=self._args.secrets, registry=registry).apply(data)
        )
        return k8s.core.v1.Secret(
            f"{self._name}-secrets",
            metadata=self._metadata("secrets"),
            type="Opaque",
            data=content,
            opts=self._inside,
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
