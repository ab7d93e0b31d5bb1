"""Kafka settings by their own names: which exist, and which the platform itself decides."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from config.errors import Problem, dotted, shown, suggestion
from config.parts import Parts

_OWNED: Final[Mapping[str, str]] = {
    "advertised.listeners": "kafka.external",
    "allow.everyone.if.no.acl.found": "",
    "authorizer.class.name": "",
    "auto.create.topics.enable": "",
    "broker.rack": "kafka.pools[].zones",
    "controller.listener.names": "",
    "controller.quorum.bootstrap.servers": "",
    "controller.quorum.voters": "kafka.pools[].roles",
    "default.replication.factor": "kafka.replication_factor",
    "inter.broker.listener.name": "",
    "listener.security.protocol.map": "",
    "listeners": "",
    "log.dir": "",
    "log.dirs": "",
    "min.insync.replicas": "kafka.min_insync_replicas",
    "node.id": "kafka.pools[].first_node_id",
    "offsets.topic.replication.factor": "kafka.replication_factor",
    "process.roles": "kafka.pools[].roles",
    "sasl.enabled.mechanisms": "kafka.scram_mechanism",
    "super.users": "",
    "transaction.state.log.min.isr": "kafka.min_insync_replicas",
    "transaction.state.log.replication.factor": "kafka.replication_factor",
    "unclean.leader.election.enable": "",
}
"""Broker settings that decide about safety or identity, with the field to use instead."""
_OWNED_PREFIXES: Final = ("listener.name.", "sasl.", "ssl.", "share.coordinator.state.topic.")
_TOPIC_FIELDS: Final[Mapping[str, str]] = {
    "cleanup.policy": "cleanup_policy",
    "compression.type": "compression",
    "max.message.bytes": "max_message_bytes",
    "min.insync.replicas": "min_insync_replicas",
    "retention.bytes": "retention_bytes",
    "retention.ms": "retention",
    "unclean.leader.election.enable": "",
}


@cache
def known_settings(kind: str) -> frozenset[str]:
    """Return the names of all ``broker`` or ``topic`` settings of the pinned Kafka (config/kafka_settings)."""
    file = Path(__file__).parent / "kafka_settings" / f"{kind}.txt"
    return frozenset(line for line in file.read_text().splitlines() if line and not line.startswith("#"))


def broker_settings(parts: Parts) -> Iterator[Problem]:
    """Further broker settings exist, and none is one the platform decides."""
    settings = parts.kafka.broker_config if parts.kafka else {}
    for name, value in settings.items():
        path = dotted(["kafka", "broker_config", name])
        if name in _OWNED or name.startswith(_OWNED_PREFIXES):
            field = _OWNED.get(name, "")
            remedy = f"use {field}" if field else "remove it: it is fixed for every stack"
            yield Problem(path, shown(value), "the platform decides this setting", remedy)
        elif name not in known_settings("broker"):
            yield Problem(path, "", "Kafka has no such broker setting", suggestion(name, known_settings("broker")))


def topic_settings(parts: Parts) -> Iterator[Problem]:
    """Further topic settings exist, and none has a field of its own."""
    for topic in parts.topics:
        for name, value in topic.config.items():
            path = dotted(["topics", topic.name, "config", name])
            if name in _TOPIC_FIELDS:
                field = _TOPIC_FIELDS[name]
                remedy = f"use {field}" if field else "remove it: it is fixed for every stack"
                yield Problem(path, shown(value), "this setting has a field of its own", remedy)
            elif name not in known_settings("topic"):
                yield Problem(path, "", "Kafka has no such topic setting", suggestion(name, known_settings("topic")))


def allowed_losses(parts: Parts) -> Iterator[Problem]:
    """A loss is allowed for a topic once, not left standing for names that mean nothing."""
    for index, name in enumerate(parts.allow_data_loss):
        if name in parts.allow_data_loss[:index]:
            yield Problem(f"allow_data_loss[{index}]", shown(name), "it is listed twice", "remove one")
