"""After a killed engine: what it was making when it died is found out, so that the next update goes on from there.

The engine records what it is about to make before it makes it, and drops the record when it is made. A record that is
left says neither that the resource exists nor that it doesn't. Most of ours can simply be made again: Kubernetes
objects are applied, users, permissions and quotas set. A topic can't, Kafka refuses a name that is taken, so one that
is there, exactly as it was asked for, is taken into the state.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, ResourceType

from components.access import PROVIDER_MECHANISM
from config.literals import PULUMI_SECRET
from ops.engine_text import resource_name
from ops.kafka import TIMEOUT
from ops.progress import Reporter
from ops.stack import Engine

TOPIC: Final = "kafka:index/topic:Topic"

_PAUSE: Final = 1.0
"""Seconds between two questions to Kafka."""

State = Mapping[str, Any]
"""A deployment as ``pulumi stack export`` writes it, or a part of it."""


@dataclass(frozen=True)
class TopicShape:
    """A topic as Kafka has it."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str]
    """The settings of its own."""


@dataclass(frozen=True)
class Settled:
    """A state without unfinished operations."""

    deployment: dict[str, Any]
    adopted: tuple[str, ...] = ()
    """Topics that were there and are in the state now."""
    again: tuple[str, ...] = ()
    """Names of resources that the next update makes again."""
    gone: tuple[str, ...] = ()
    """URNs of resources that were being deleted and may or may not be there."""


def unfinished(deployment: State) -> list[dict[str, Any]]:
    """Return the operations that were begun and not ended."""
    return list(deployment.get("pending_operations") or [])


def topics_in_question(deployment: State) -> dict[str, State]:
    """Return the topics that were being made, by their names in Kafka."""
    return {
        operation["resource"]["inputs"]["name"]: operation["resource"]
        for operation in unfinished(deployment)
        if operation["type"] == "creating" and operation["resource"]["type"] == TOPIC
    }


def settle(deployment: State, existing: Mapping[str, TopicShape]) -> Settled:
    """Decide about every unfinished operation; ``existing`` has those of the topics in question that are there."""
    resources = list(deployment.get("resources") or [])
    known = {resource["urn"] for resource in resources}
    adopted, again, gone = [], [], []
    for operation in unfinished(deployment):
        resource = operation["resource"]
        if operation["type"] == "deleting":
            gone.append(resource["urn"])
        elif resource["urn"] not in known:
            name = str(resource["inputs"].get("name")) if resource["type"] == TOPIC else ""
            if name in existing and is_as_asked(existing[name], resource["inputs"]):
                resources.append({**resource, "id": name, "outputs": {**_properties(resource["inputs"]), "id": name}})
                known.add(resource["urn"])
                adopted.append(name)
            else:
                again.append(resource_name(resource["urn"]))
    return Settled(
        {**deployment, "resources": resources, "pending_operations": []},
        tuple(sorted(adopted)),
        tuple(sorted(again)),
        tuple(gone),
    )


def is_as_asked(shape: TopicShape, inputs: State) -> bool:
    """Tell whether a topic has what a resource's inputs ask for; one that hasn't was made by somebody else."""
    asked = {key: str(value) for key, value in (inputs.get("config") or {}).items() if not key.startswith("__")}
    return (
        shape.partitions == int(inputs["partitions"])
        and shape.replication_factor == int(inputs["replicationFactor"])
        and asked.items() <= shape.config.items()
    )


def _properties(inputs: State) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def connection(deployment: State, provider: str) -> dict[str, Any]:
    """Return librdkafka settings as a Kafka provider of the state has them; the state must have its secrets in plain.

    ``provider`` is the reference a resource has to it. Raises LookupError when it isn't in the state.
    """
    urn = provider.rpartition("::")[0]
    for resource in deployment.get("resources") or []:
        if resource["urn"] == urn:
            inputs = {key: plain(value) for key, value in resource["inputs"].items()}
            mechanisms = {theirs: ours for ours, theirs in PROVIDER_MECHANISM.items()}
            return {
                "bootstrap.servers": ",".join(json.loads(inputs["bootstrapServers"])),
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": mechanisms[inputs["saslMechanism"]].value,
                "sasl.username": inputs["saslUsername"],
                "sasl.password": inputs["saslPassword"],
                "ssl.ca.pem": inputs["caCert"],
                "log_level": 2,
            }
    raise LookupError(urn)


def plain(value: Any) -> Any:
    """Return a property of an exported state, a secret that is shown as what it is."""
    return json.loads(value["plaintext"]) if isinstance(value, Mapping) and PULUMI_SECRET in value else value


def describe_topics(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, TopicShape]:
    """Ask Kafka for those of the topics that are there; raises KafkaException when it doesn't answer."""
    admin = AdminClient(dict(settings))
    there = {name: topic for name, topic in admin.list_topics(timeout=TIMEOUT).topics.items() if name in names}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in there]
    configs = admin.describe_configs(asked, request_timeout=TIMEOUT) if asked else {}
    return {
        resource.name: TopicShape(
            partitions=len(there[resource.name].partitions),
            replication_factor=max(len(one.replicas) for one in there[resource.name].partitions.values()),
            config={
                entry.name: str(entry.value)
                for entry in answer.result().values()
                if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            },
        )
        for resource, answer in configs.items()
    }


def once_steady(
    ask: Callable[[], dict[str, TopicShape]], attempts: int = 10, sleep: Callable[[float], None] = time.sleep
) -> dict[str, TopicShape]:
    """Ask until two answers in a row, a second apart, are the same; raises the last KafkaException if there is none.

    A plugin that has lost its engine may end what it is at, and requests that are on their way still arrive.
    """
    last: dict[str, TopicShape] | None = None
    for attempt in range(1, attempts + 1):
        try:
            now: dict[str, TopicShape] | None = ask()
        except KafkaException:
            if attempt == attempts:
                raise
            now = None
        if now is not None and now == last:
            return now
        last = now
        sleep(_PAUSE)
    return last or {}


def recover(engine: Engine, reporter: Reporter) -> Settled | None:
    """Settle what a killed engine left unfinished; None when there is nothing.

    Brokers that can't be asked leave the state as it is: the update may bring them back, and the next one finds out.
    """
    if not engine.interrupted():
        return None
    exported = engine.export_state()
    deployment = exported["deployment"]
    asked = topics_in_question(deployment)
    existing: dict[str, TopicShape] = {}
    try:
        if asked:
            provider = next(iter(asked.values()))["provider"]
            secret = engine.export_state(show_secrets=True)["deployment"]
            settings = connection(secret, provider)
            existing = once_steady(lambda: describe_topics(settings, list(asked)))
    except (KafkaException, LookupError):
        reporter.say(f"{len(asked)} topics were being made when the last update was killed; Kafka can't be asked yet")
        return None
    settled = settle(deployment, existing)
    engine.import_state({**exported, "deployment": settled.deployment})
    if settled.gone:
        engine.refresh(settled.gone)
    reporter.say(
        f"the last update was killed: {len(settled.adopted)} topics that it had made are taken over, "
        f"{len(settled.again)} resources that it was making are made again"
    )
    return settled
