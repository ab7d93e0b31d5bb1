"""ksqlDB beside a Kafka cluster."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.certificates import Leaf, SubjectNames, authority, leaf
from components.node_pool import digest
from config.literals import KSQLDB_SERVICE, KSQLDB_USER
from manifests import ksqldb_paths as paths
from manifests.credential import KEY_STORE, KSQLDB, derive_password
from manifests.ksqldb import (
    CLI,
    KsqlDbCluster,
    ksqldb_disruption_budget,
    ksqldb_network_policies,
    ksqldb_services,
)
from manifests.ksqldb_client import ksqldb_client_secret
from manifests.ksqldb_properties import (
    cli_arguments,
    cli_command,
    cli_properties,
    jaas_conf,
    ksqldb_properties,
    log4j2_yaml,
    server_options,
    users_properties,
)
from manifests.ksqldb_workload import (
    CLI_MAP,
    CLI_SECRET,
    CONFIG_MAP,
    RUNTIME_MAP,
    SECRET,
    ksqldb_cli_deployment,
    ksqldb_stateful_set,
    state_claims,
)
from manifests.placement import Placement, on_machines
from manifests.server_properties import render
from resources.key_store import KeyStore


@dataclass(frozen=True, kw_only=True)
class KsqlDbArgs:
    """What ``KsqlDb`` is made of."""

    cluster: KsqlDbCluster
    ca_pem: pulumi.Input[str]
    """CA of the brokers' certificates, and of the schema registry's."""
    kafka_certificate_pem: pulumi.Input[str]
    """Client certificate of the Kafka user: servers restart for a new one."""
    master_secret: pulumi.Input[str]
    """Secret: all passwords are derived from it."""
    registry_password: pulumi.Input[str] | None = None
    """Secret: the Kafka user's password at the schema registry; None where there is none."""
    protect: bool
    """Protect the authority from deletion."""
    after: Sequence[pulumi.Resource]
    """What must be there before: the namespace, the brokers, the Kafka user with its Secret."""
    machines: Placement | None = None
    """Where its pods go; None: to any machine."""


class KsqlDb(pulumi.ComponentResource):
    """Interactive ksqlDB servers and a pod with their CLI. Type: kafka-platform:index:KsqlDb.

    Creates an authority of its own, whose certificates no broker takes, services, policies, a disruption budget,
    configuration, Secrets, the StatefulSet and the CLI's Deployment.
    """

    url: pulumi.Output[str]
    """https://… inside Kubernetes."""
    ca_pem: pulumi.Output[str]
    """Certificate clients trust."""
    passwords: pulumi.Output[dict[str, str]]
    """Secret: user of the HTTP listener to password."""

    def __init__(self, name: str, args: KsqlDbArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create ksqlDB."""
        super().__init__("kafka-platform:index:KsqlDb", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        cluster = args.cluster
        own, certificate = self._certificates()
        self.url = pulumi.Output.from_input(cluster.url)
        self.ca_pem = own
        self.passwords = pulumi.Output.secret(args.master_secret).apply(self._passwords)
        stores = KeyStore(
            f"{name}-key-store",
            private_key_pem=certificate.private_key_pem,
            certificate_pem=certificate.certificate_pem,
            authorities={"kafka": args.ca_pem, "ksqldb": own},
            issuer="ksqldb",
            password=self._store_password(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._around(cluster)
        self._servers(cluster, stores, [own, certificate.certificate_pem])
        self._cli(cluster, stores, own)
        self._clients(cluster, own)
        self.register_outputs({"url": self.url, "ca_pem": self.ca_pem, "passwords": self.passwords})

    def _certificates(self) -> tuple[pulumi.Output[str], Leaf]:
        tls = self._args.cluster.kafka.tls
        kept = pulumi.ResourceOptions(parent=self, protect=self._args.protect)
        own = authority(f"{self._name}-ca", "ksqlDB CA", tls, kept)
        certificate = leaf(
            f"{self._name}-server",
            (KSQLDB_SERVICE, "kafka-platform"),
            SubjectNames(dns=self._args.cluster.dns_names),
            ("server_auth", "client_auth"),
            tls,
            own,
            pulumi.ResourceOptions(parent=self),
        )
        return own.certificate.cert_pem, certificate

    def _passwords(self, secret: str) -> dict[str, str]:
        cluster = self._args.cluster
        generation = cluster.spec.credential_generation
        return {user: derive_password(secret, user, generation, KSQLDB) for user in cluster.users}

    def _store_password(self) -> pulumi.Output[str]:
        generation = self._args.cluster.spec.credential_generation
        return pulumi.Output.secret(self._args.master_secret).apply(
            lambda secret: derive_password(secret, KSQLDB_USER, generation, KEY_STORE)
        )

    def _around(self, cluster: KsqlDbCluster) -> None:
        for service, manifest in ksqldb_services(cluster).items():
            k8s.core.v1.Service(f"{self._name}-{service}", **manifest, opts=self._child)
        for policy, manifest in ksqldb_network_policies(cluster).items():
            k8s.networking.v1.NetworkPolicy(f"{self._name}-{policy}", **manifest, opts=self._child)
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption-budget", **ksqldb_disruption_budget(cluster), opts=self._child
        )

    def _servers(
        self, cluster: KsqlDbCluster, stores: KeyStore, certificates: Sequence[pulumi.Input[str]]
    ) -> k8s.apps.v1.StatefulSet:
        configuration = {f"{pod}.properties": render(ksqldb_properties(cluster, pod)) for pod in cluster.pods}
        runtime = {
            "options": server_options(cluster),
            "log4j2.yaml": log4j2_yaml(cluster),
            "jaas.conf": jaas_conf(),
        }
        config_map = self._config_map(CONFIG_MAP, configuration)
        runtime_map = self._config_map(RUNTIME_MAP, runtime)
        files: dict[str, pulumi.Input[str]] = {
            "keystore.p12": stores.key_store,
            "truststore.p12": stores.trust_store,
            paths.STORE_PASSWORD: _encoded(self._store_password()),
            paths.USERS.rpartition("/")[2]: _encoded(self.passwords.apply(users_properties)),
        }
        if self._args.registry_password is not None:
            files[paths.REGISTRY_PASSWORD] = _encoded(pulumi.Output.secret(self._args.registry_password))
        secret = self._secret(SECRET, files)
        claims = [
            k8s.core.v1.PersistentVolumeClaim(f"{self._name}-{claim}", **manifest, opts=self._child)
            for claim, manifest in state_claims(cluster).items()
        ]
        # Certificates are public, so their digest may be; passwords change with the generation.
        checksum = pulumi.Output.all(self._args.ca_pem, self._args.kafka_certificate_pem, *certificates).apply(
            lambda parts: digest(configuration, runtime, cluster.spec.credential_generation, *parts)
        )
        return k8s.apps.v1.StatefulSet(
            f"{self._name}-server",
            **on_machines(ksqldb_stateful_set(cluster, checksum), self._args.machines),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._args.after, config_map, runtime_map, secret, *claims],
                # Claims are resources of their own, so they grow in place; the template can't change after creation.
                ignore_changes=["spec.volumeClaimTemplates"],
                custom_timeouts=pulumi.CustomTimeouts(create="15m", update="30m", delete="10m"),
            ),
        )

    def _cli(self, cluster: KsqlDbCluster, stores: KeyStore, own: pulumi.Output[str]) -> None:
        command = cli_command(cluster)
        config_map = self._config_map(CLI_MAP, {"ksql": command}, CLI)
        files = {
            paths.CLI_ARGUMENTS.rpartition("/")[2]: _encoded(
                self.passwords.apply(lambda passwords: cli_arguments(passwords[CLI]))
            ),
            paths.CLI_PROPERTIES.rpartition("/")[2]: _encoded(
                self._store_password().apply(lambda password: render(cli_properties(password)))
            ),
            "truststore.p12": stores.trust_store,
        }
        secret = self._secret(CLI_SECRET, files, CLI)
        checksum = pulumi.Output.all(self._args.ca_pem, own).apply(
            lambda authorities: digest(command, cluster.spec.credential_generation, *authorities)
        )
        k8s.apps.v1.Deployment(
            f"{self._name}-cli",
            **on_machines(ksqldb_cli_deployment(cluster, checksum), self._args.machines),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._args.after, config_map, secret]),
        )

    def _clients(self, cluster: KsqlDbCluster, own: pulumi.Output[str]) -> None:
        for client in cluster.spec.clients:

            def content(parts: Mapping[str, Any], client: str = client) -> dict[str, str]:
                return ksqldb_client_secret(cluster.url, client, parts["passwords"][client], parts["ca_pem"])

            data = pulumi.Output.all(passwords=self.passwords, ca_pem=own).apply(content)
            k8s.core.v1.Secret(
                f"{self._name}-client-{client}",
                metadata=cluster.metadata(f"ksqldb-client-{client}"),
                type="Opaque",
                string_data=data,
                opts=self._child,
            )

    def _config_map(self, name: str, data: Mapping[str, str], app: str = KSQLDB_SERVICE) -> k8s.core.v1.ConfigMap:
        return k8s.core.v1.ConfigMap(
            f"{self._name}-{name}", metadata=self._args.cluster.metadata(name, app), data=data, opts=self._child
        )

    def _secret(
        self, name: str, data: Mapping[str, pulumi.Input[str]], app: str = KSQLDB_SERVICE
    ) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{self._name}-{name}",
            metadata=self._args.cluster.metadata(name, app),
            type="Opaque",
            data=data,
            opts=self._child,
        )


def _encoded(text: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return a Secret's value in base64; it is secret as the text is."""
    return text.apply(lambda plain: base64.b64encode(plain.encode()).decode())
