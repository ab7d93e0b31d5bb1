"""Kafka as an operator sees it from the host: client settings by credential, cluster and topic descriptions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ops.failure import Failure
from ops.outputs import Credential, Outputs

TIMEOUT = 20.0
"""Seconds a request to the cluster may take."""


def scram_settings(outputs: Outputs, credential: Credential) -> dict[str, Any]:
    """Return librdkafka settings for the external SCRAM listener; the CA is passed in memory."""
    return {
        "bootstrap.servers": outputs.bootstrap_servers,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": credential.mechanism,
        "sasl.username": credential.username,
        "sasl.password": credential.password,
        "ssl.ca.pem": outputs.ca_pem,
        "log_level": 2,
    }


@dataclass(frozen=True)
class Broker:
    """A broker that is registered and not fenced."""

    id: int
    zone: str | None


@dataclass(frozen=True)
class Topic:
    """A topic that isn't Kafka's own."""

    name: str
    partitions: int
    replication_factor: int


@dataclass(frozen=True)
class ClusterState:
    """The cluster at one moment."""

    brokers: tuple[Broker, ...]
    topics: tuple[Topic, ...]
    under_replicated_partitions: int
    """Partitions, Kafka's own topics included, with fewer replicas in sync than assigned."""


@contextmanager
def refusals(servers: str) -> Iterator[None]:
    """Turn a Kafka error into one sentence."""
    try:
        yield
    except KafkaException as error:
        reason = error.args[0].str() if error.args and hasattr(error.args[0], "str") else str(error)
        raise Failure(
            f"Kafka at {servers} can't be asked: {reason}", "see `python -m lab status`, or `make up`"
        ) from None


def describe(outputs: Outputs) -> ClusterState:
    """Ask the cluster, as admin; raises Failure when it doesn't answer."""
    with refusals(outputs.bootstrap_servers):
        admin = AdminClient(scram_settings(outputs, outputs.admin))
        cluster = admin.describe_cluster(request_timeout=TIMEOUT)
        metadata = admin.list_topics(timeout=TIMEOUT)
        brokers = tuple(Broker(node.id, node.rack) for node in sorted(cluster.result().nodes, key=lambda one: one.id))
    return ClusterState(brokers, *summarise(metadata.topics))


def summarise(topics: Mapping[str, Any]) -> tuple[tuple[Topic, ...], int]:
    """Reduce topic metadata to the users' topics, by name, and the number of under-replicated partitions of all."""
    shown = tuple(
        Topic(name, len(topic.partitions), max((len(one.replicas) for one in topic.partitions.values()), default=0))
        for name, topic in sorted(topics.items())
        if not name.startswith("__")
    )
    behind = sum(len(one.isrs) < len(one.replicas) for topic in topics.values() for one in topic.partitions.values())
    return shown, behind
