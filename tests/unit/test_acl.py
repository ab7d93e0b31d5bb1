"""Declared access, judged by a model of Kafka's authorizer."""

from collections.abc import Iterable
from typing import Any

import pytest

from config.service import ServiceSpec
from manifests.acl import Entry, Operation, Pattern, ResourceType, service_acl

IMPLIED_BY = {"Describe": {"Describe", "Read", "Write", "Delete", "Alter"}}
"""Operations that an entry may name to allow one (org.apache.kafka.metadata.authorizer.StandardAuthorizerData)."""


def service(id: str, **fields: Any) -> ServiceSpec:
    quota = {"producer_bytes_per_second": 1, "consumer_bytes_per_second": 1}
    return ServiceSpec.model_validate({"id": id, "quota": quota, **fields})


ENTRIES = (
    *service_acl(service("auth", produces=["auth.events", "dlq"], consumes=["saga.events"])),
    *service_acl(service("saga", produces=["saga.events"], consumes=["auth.events"], transactional=True)),
    *service_acl(service("writer", produces=["dlq"])),
    *service_acl(service("reader", consumes=["dlq"])),
)


def allowed(entries: Iterable[Entry], who: str, operation: str, kind: str, name: str) -> bool:
    """Decide as the authorizer does without ``allow.everyone.if.no.acl.found``: nothing, unless an entry says so."""
    return any(
        entry.principal == who
        and entry.resource_type == kind
        and entry.operation in IMPLIED_BY.get(operation, {operation})
        and (name == entry.name or (entry.pattern is Pattern.PREFIXED and name.startswith(entry.name)))
        for entry in entries
    )


def may_produce(who: str, topic: str, *, transactional_id: str | None = None, idempotent: bool = True) -> bool:
    """What a producer asks for: DESCRIBE and WRITE; InitProducerId asks for WRITE on any topic (KIP-679)."""
    if transactional_id is not None and not all(
        allowed(ENTRIES, who, operation, "TransactionalID", transactional_id) for operation in ("Describe", "Write")
    ):
        return False
    any_topic = any(allowed(ENTRIES, who, "Write", "Topic", entry.name) for entry in ENTRIES)
    return (any_topic or not idempotent) and all(
        allowed(ENTRIES, who, operation, "Topic", topic) for operation in ("Describe", "Write")
    )


def may_consume(who: str, topic: str, group: str) -> bool:
    """What a consumer asks for: DESCRIBE and READ on the topic, DESCRIBE and READ on the group."""
    return all(
        allowed(ENTRIES, who, operation, kind, name)
        for kind, name in (("Topic", topic), ("Group", group))
        for operation in ("Describe", "Read")
    )


@pytest.mark.parametrize(
    ("who", "topic", "answer"),
    [
        ("auth", "auth.events", True),
        ("auth", "dlq", True),
        ("writer", "dlq", True),
        ("auth", "saga.events", False),
        ("writer", "auth.events", False),
        ("writer", "dlq.more", False),
        ("reader", "dlq", False),
        ("ANONYMOUS", "dlq", False),
        ("auth-2", "auth.events", False),
    ],
)
def test_who_may_produce(who: str, topic: str, answer: bool) -> None:
    assert may_produce(who, topic) is answer


@pytest.mark.parametrize(
    ("who", "topic", "group", "answer"),
    [
        ("auth", "saga.events", "auth", True),
        ("auth", "saga.events", "auth-blue", True),
        ("reader", "dlq", "reader.replay", True),
        ("auth", "saga.events", "saga", False),
        ("auth", "saga.events", "other-auth", False),
        ("auth", "saga.events", "", False),
        ("auth", "auth.events", "auth", False),
        ("writer", "dlq", "writer", False),
        ("reader", "dlq2", "reader", False),
        ("ANONYMOUS", "dlq", "reader", False),
    ],
)
def test_who_may_consume(who: str, topic: str, group: str, answer: bool) -> None:
    assert may_consume(who, topic, group) is answer


@pytest.mark.parametrize(
    ("who", "id", "answer"),
    [("saga", "saga", True), ("saga", "saga-7", True), ("saga", "auth-1", False), ("auth", "auth", False)],
)
def test_who_may_use_transactions(who: str, id: str, answer: bool) -> None:
    assert may_produce(who, f"{who}.events", transactional_id=id) is answer


@pytest.mark.parametrize(
    ("operation", "kind", "name"),
    [
        *((operation, "Cluster", "kafka-cluster") for operation in ("Create", "Alter", "Describe", "IdempotentWrite")),
        *((operation, "Topic", "auth.events") for operation in ("Create", "Delete", "Alter", "AlterConfigs")),
        ("Delete", "Group", "auth"),
    ],
)
def test_nobody_administers(operation: str, kind: str, name: str) -> None:
    assert not any(allowed(ENTRIES, who, operation, kind, name) for who in ("auth", "saga", "writer", "reader"))


def test_nothing_is_granted_twice() -> None:
    both = service_acl(service("loop", produces=["t"], consumes=["t"], transactional=True))
    assert [(entry.resource_type, entry.name, entry.operation, entry.pattern) for entry in both] == [
        (ResourceType.GROUP, "loop", Operation.READ, Pattern.PREFIXED),
        (ResourceType.TOPIC, "t", Operation.READ, Pattern.LITERAL),
        (ResourceType.TOPIC, "t", Operation.WRITE, Pattern.LITERAL),
        (ResourceType.TRANSACTIONAL_ID, "loop", Operation.WRITE, Pattern.PREFIXED),
    ]


def test_keys_are_unique_and_do_not_depend_on_order() -> None:
    keys = [entry.key for entry in ENTRIES]
    assert len(set(keys)) == len(keys)
    one, other = (service_acl(service("a", produces=topics)) for topics in (["x", "y"], ["y", "x"]))
    assert one == other
    assert [entry.key for entry in one] == ["a-topic-x-write", "a-topic-y-write"]
