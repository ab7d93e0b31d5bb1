"""The ksqlDB cluster: its servers, their names and addresses, and everything around the pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.kafka import KafkaClusterSpec
from config.ksqldb import KsqlDbSpec
from config.literals import (
    KSQLDB_INTERNAL_PORT,
    KSQLDB_PORT,
    KSQLDB_SERVICE,
    PORTS,
    SCHEMA_REGISTRY_PORT,
    Listener,
)
from manifests.labels import BROKER_LABEL, KSQLDB_CLIENT_LABEL, app_labels, app_selector, cluster_labels
from manifests.policy import DNS, labelled, network_policy, pods, tcp

HEADLESS: Final = "ksqldb-headless"
"""Service that gives each server a name of its own."""
CLI: Final = "ksqldb-cli"
"""Deployment, and user of the HTTP listener, of the pod people work in."""


@dataclass(frozen=True, kw_only=True)
class KsqlDbCluster:
    """The servers of one ksqlDB, beside one Kafka cluster."""

    spec: KsqlDbSpec
    kafka: KafkaClusterSpec
    namespace: str
    schema_registry_url: str | None = None
    """https://…; None: there is no schema registry."""

    @property
    def pods(self) -> tuple[str, ...]:
        """Names of the servers' pods."""
        return tuple(f"{KSQLDB_SERVICE}-{number}" for number in range(self.spec.replicas))

    def host(self, pod: str) -> str:
        """Fully qualified name by which the other servers reach this one."""
        return f"{pod}.{HEADLESS}.{self.namespace}.svc.cluster.local"

    @property
    def url(self) -> str:
        """Where clients inside Kubernetes find it."""
        return f"https://{KSQLDB_SERVICE}.{self.namespace}.svc.cluster.local:{KSQLDB_PORT}"

    @property
    def dns_names(self) -> tuple[str, ...]:
        """Every name a server is reached by."""
        service = KSQLDB_SERVICE
        inside = (f"{service}.{self.namespace}", f"{service}.{self.namespace}.svc")
        return (
            *(service, *inside, f"{service}.{self.namespace}.svc.cluster.local"),
            *(self.host(pod) for pod in self.pods),
        )

    @property
    def users(self) -> tuple[str, ...]:
        """Users of the HTTP listener: the CLI pod and the services that are clients."""
        return (CLI, *self.spec.clients)

    @property
    def selector(self) -> dict[str, str]:
        """Labels that select the servers."""
        return app_selector(KSQLDB_SERVICE, self.kafka.name)

    def metadata(self, name: str, app: str = KSQLDB_SERVICE) -> dict[str, Any]:
        """Return the metadata of one of its objects."""
        return {"name": name, "namespace": self.namespace, "labels": app_labels(app, self.kafka.name)}


def ksqldb_services(cluster: KsqlDbCluster) -> dict[str, dict[str, Any]]:
    """Return the services by name: one for clients, one that names each server."""

    def service(name: str, port: int, **spec: Any) -> dict[str, Any]:
        # Services come before the pods they select; waiting for endpoints would wait forever.
        metadata = {**cluster.metadata(name), "annotations": {"pulumi.com/skipAwait": "true"}}
        ports = [{"name": "https", "port": port, "targetPort": port, "protocol": "TCP"}]
        return {"metadata": metadata, "spec": {"selector": cluster.selector, "ports": ports, **spec}}

    return {
        KSQLDB_SERVICE: service(KSQLDB_SERVICE, KSQLDB_PORT, type="ClusterIP"),
        # Servers look for each other before they are ready.
        HEADLESS: service(HEADLESS, KSQLDB_INTERNAL_PORT, clusterIP="None", publishNotReadyAddresses=True),
    }


def ksqldb_disruption_budget(cluster: KsqlDbCluster) -> dict[str, Any]:
    """Return a budget of one: its queries move to the others."""
    return {
        "metadata": cluster.metadata(KSQLDB_SERVICE),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": cluster.selector},
            # A server that crashes in a loop must not block draining the machine it crashes on.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def ksqldb_network_policies(cluster: KsqlDbCluster) -> dict[str, dict[str, Any]]:
    """Return the policies by name: servers are for clients and for each other, the CLI's pod only for ksqlDB."""
    among_servers = {"ports": tcp(KSQLDB_INTERNAL_PORT)}
    brokers = pods({**cluster_labels(cluster.kafka.name), BROKER_LABEL: "true"})
    servers = pods(cluster.selector)
    ingress: list[Mapping[str, Any]] = [
        {"from": labelled(KSQLDB_CLIENT_LABEL, cluster.kafka.client_namespaces), "ports": tcp(KSQLDB_PORT)},
        {"from": servers, **among_servers},
    ]
    egress: list[Mapping[str, Any]] = [
        {"to": brokers, "ports": tcp(PORTS[Listener.INTERNAL], PORTS[Listener.MTLS])},
        {"to": servers, **among_servers},
        DNS,
    ]
    if cluster.schema_registry_url is not None:
        egress.append({"to": [{"podSelector": {}}], "ports": tcp(SCHEMA_REGISTRY_PORT)})
    to_servers = [{"to": servers, "ports": tcp(KSQLDB_PORT)}, DNS]
    cli = app_selector(CLI, cluster.kafka.name)
    return {
        KSQLDB_SERVICE: network_policy(cluster.metadata(KSQLDB_SERVICE), cluster.selector, ingress, egress),
        CLI: network_policy(cluster.metadata(CLI, CLI), cli, [], to_servers),
    }
