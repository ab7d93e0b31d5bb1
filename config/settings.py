"""Kafka settings by their own names: which exist, and which the platform itself decides."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from config.errors import Problem, dotted, is_secret_name, near, shown
from config.parts import Parts
from versions import KAFKA

_OWNED: Final[Mapping[str, str]] = {
    "advertised.listeners": "kafka.external",
    "allow.everyone.if.no.acl.found": "",
    "authorizer.class.name": "",
    "auto.create.topics.enable": "",
    "broker.rack": "kafka.pools[].zones",
    "controller.listener.names": "",
    "controller.quorum.bootstrap.servers": "",
    "controller.quorum.voters": "kafka.pools[].roles",
    "broker.id": "kafka.pools[].first_node_id",
    "compression.type": "compression of the topics",
    "controlled.shutdown.enable": "",
    "default.replication.factor": "kafka.replication_factor",
    "early.start.listeners": "",
    "inter.broker.listener.name": "",
    "listener.security.protocol.map": "",
    "listeners": "",
    "log.cleanup.policy": "cleanup_policy of the topics",
    "log.dir": "",
    "log.dirs": "",
    "log.retention.bytes": "retention_bytes of the topics",
    "log.retention.hours": "retention of the topics",
    "log.retention.minutes": "retention of the topics",
    "log.retention.ms": "retention of the topics",
    "log.segment.bytes": "segment.bytes in topic_defaults.config",
    "message.max.bytes": "max_message_bytes of the topics",
    "metadata.log.dir": "",
    "min.insync.replicas": "kafka.min_insync_replicas",
    "node.id": "kafka.pools[].first_node_id",
    "num.partitions": "partitions of the topics",
    "offsets.topic.replication.factor": "kafka.replication_factor",
    "principal.builder.class": "",
    "process.roles": "kafka.pools[].roles",
    "sasl.enabled.mechanisms": "kafka.scram_mechanism",
    "security.inter.broker.protocol": "",
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
        elif is_secret_name(name):
            yield Problem(path, "", "server.properties holds no secret", "remove it")
        elif name not in known_settings("broker"):
            yield Problem(path, "", f"Kafka {KAFKA} has no such broker setting", _suggestion(name, "broker"))


def _suggestion(name: str, kind: str) -> str:
    return near(name, known_settings(kind)) or f"config/kafka_settings/{kind}.txt lists them"


def topic_settings(parts: Parts) -> Iterator[Problem]:
    """Further topic settings exist, and none has a field of its own."""
    for topic in parts.topics:
        for name, value in topic.config.items():
            path = dotted(["topics", topic.name, "config", name])
            if field := _TOPIC_FIELDS.get(name):
                yield Problem(path, shown(value), "this setting has a field of its own", f"use {field}")
            elif name in _TOPIC_FIELDS:
                remedy = "remove it: it is fixed for every stack"
                yield Problem(path, shown(value), "the platform decides this setting", remedy)
            elif name not in known_settings("topic"):
                yield Problem(path, "", f"Kafka {KAFKA} has no such topic setting", _suggestion(name, "topic"))


def allowed_losses(parts: Parts) -> Iterator[Problem]:
    """A loss is allowed for a topic once, not left standing for names that mean nothing."""
    for index, name in enumerate(parts.allow_data_loss):
        if name in parts.allow_data_loss[:index]:
            yield Problem(f"allow_data_loss[{index}]", shown(name), "it is listed twice", "remove one")
