"""The catalogue's topics on the cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kafka as kafka

from config.base import milliseconds
from config.capacity import segment_bytes
from config.kafka import KafkaClusterSpec
from config.topic import TopicSpec
from resources.topic_guard import TopicGuard


def topic_config(topic: TopicSpec, defaults: KafkaClusterSpec) -> dict[str, str]:
    """Return a topic's settings by their Kafka names; every value is text, as the provider reads it back."""
    settings: dict[str, str | int | float | bool] = {
        "cleanup.policy": topic.cleanup_policy.value,
        "compression.type": topic.compression.value,
        "max.message.bytes": topic.max_message_bytes,
        "min.insync.replicas": topic.min_insync_replicas or defaults.min_insync_replicas,
        "retention.ms": milliseconds(topic.retention),
    }
    if topic.retention_bytes is not None:
        settings["retention.bytes"] = topic.retention_bytes
        settings["segment.bytes"] = segment_bytes(topic)
    settings.update(topic.config)
    return {key: _text(value) for key, value in sorted(settings.items())}


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def replicas(topic: TopicSpec, defaults: KafkaClusterSpec) -> int:
    """Return the topic's replication factor, its own or the cluster's."""
    return topic.replication_factor or defaults.replication_factor


@dataclass(frozen=True, kw_only=True)
class TopicsArgs:
    """What ``Topics`` is made of."""

    topics: Sequence[TopicSpec]
    defaults: KafkaClusterSpec
    """Replication factor and min ISR of topics that have none of their own."""
    allow_data_loss: Sequence[str]
    """Topics that may be shrunk or removed."""
    protect: bool
    kafka_provider: pulumi.ProviderResource
    deleted_with: pulumi.Resource | None
    """What takes the topics along when it is deleted."""


class Topics(pulumi.ComponentResource):
    """All topics, behind a guard that refuses data loss in the preview. Type: kafka-platform:index:Topics."""

    names: pulumi.Output[Sequence[str]]
    """Names of the topics, known when they exist."""

    def __init__(self, name: str, args: TopicsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the guard, then the topics."""
        super().__init__("kafka-platform:index:Topics", name, {}, opts)
        guard = TopicGuard(
            f"{name}-guard",
            topics={
                topic.name: {"partitions": topic.partitions, "replication_factor": replicas(topic, args.defaults)}
                for topic in args.topics
            },
            allow_data_loss=args.allow_data_loss,
            opts=pulumi.ResourceOptions(parent=self),
        )
        topics = [self._topic(topic, args, guard) for topic in args.topics]
        self.names = pulumi.Output.all(*(topic.name for topic in topics)).apply(lambda names: list(map(str, names)))
        self.register_outputs({"names": self.names})

    def _topic(self, topic: TopicSpec, args: TopicsArgs, guard: TopicGuard) -> kafka.Topic:
        may_be_lost = topic.name in args.allow_data_loss
        return kafka.Topic(
            topic.name,
            name=topic.name,
            partitions=topic.partitions,
            replication_factor=replicas(topic, args.defaults),
            config=topic_config(topic, args.defaults),
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=args.kafka_provider,
                depends_on=[guard],
                protect=args.protect and not may_be_lost,
                # A replacement the guard can't foresee (partitions added by hand, then refreshed) fails at «create»,
                # as the name is taken: deleting first would lose the records.
                delete_before_replace=may_be_lost,
                deleted_with=args.deleted_with,
            ),
        )
