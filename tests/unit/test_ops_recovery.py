"""What a killed engine left: decided from its state and from what Kafka has."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException

from ops.recovery import TOPIC, Settled, TopicShape, connection, is_as_asked, once_steady, settle, topics_in_question

STACK = "urn:pulumi:dev::kafka-platform::"
PROVIDER = f"{STACK}pulumi:providers:kafka::access-kafka"
SHAPE = TopicShape(6, 3, {"cleanup.policy": "delete", "retention.ms": "1000"})


def topic(name: str) -> dict[str, Any]:
    return {
        "urn": f"{STACK}{TOPIC}::{name}",
        "custom": True,
        "type": TOPIC,
        "inputs": {
            "__defaults": [],
            "config": {"__defaults": [], "retention.ms": "1000"},
            "name": name,
            "partitions": 6.0,
            "replicationFactor": 3.0,
        },
        "provider": f"{PROVIDER}::0a1b",
    }


def other(name: str) -> dict[str, Any]:
    return {"urn": f"{STACK}kafka:index/acl:Acl::{name}", "type": "kafka:index/acl:Acl", "inputs": {}}


def state(*operations: tuple[str, dict[str, Any]], resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "manifest": {"version": "3.250.0"},
        "resources": list(resources),
        "pending_operations": [{"type": kind, "resource": resource} for kind, resource in operations],
    }


class TestSettle:
    def test_a_topic_that_is_there_is_taken_into_the_state(self) -> None:
        settled = settle(state(("creating", topic("a"))), {"a": SHAPE})
        assert (settled.adopted, settled.again, settled.gone) == (("a",), (), ())
        assert settled.deployment["pending_operations"] == []
        (taken,) = settled.deployment["resources"]
        assert taken == {
            **topic("a"),
            "id": "a",
            "outputs": {
                "id": "a",
                "name": "a",
                "partitions": 6.0,
                "replicationFactor": 3.0,
                "config": {"__defaults": [], "retention.ms": "1000"},
            },
        }

    def test_what_is_not_there_is_made_again(self) -> None:
        settled = settle(state(("creating", topic("a")), ("creating", other("acl"))), {})
        assert settled == Settled(state(), again=("a", "acl"))

    def test_a_topic_of_another_shape_is_not_ours(self) -> None:
        settled = settle(state(("creating", topic("a"))), {"a": TopicShape(5, 3, SHAPE.config)})
        assert settled == Settled(state(), again=("a",))

    def test_what_is_in_the_state_already_stays_as_it_is(self) -> None:
        done = {**topic("a"), "id": "a", "outputs": {"partitions": 6.0}}
        assert settle(state(("creating", topic("a")), resources=(done,)), {"a": SHAPE}) == Settled(
            state(resources=(done,))
        )

    def test_a_deletion_has_to_be_looked_at(self) -> None:
        done = {**topic("a"), "id": "a"}
        assert settle(state(("deleting", topic("a")), resources=(done,)), {}) == Settled(
            state(resources=(done,)), gone=(done["urn"],)
        )

    def test_an_update_is_made_again_by_itself(self) -> None:
        done = {**topic("a"), "id": "a"}
        assert settle(state(("updating", topic("a")), resources=(done,)), {}) == Settled(state(resources=(done,)))

    def test_the_rest_of_the_state_is_kept(self) -> None:
        before = {**state(("creating", topic("a"))), "secrets_providers": {"type": "passphrase"}}
        assert settle(before, {}).deployment == {**before, "pending_operations": []}


def test_only_topics_being_made_are_asked_for() -> None:
    asked = topics_in_question(
        state(("creating", topic("a")), ("creating", other("acl")), ("updating", topic("b")), ("creating", topic("c")))
    )
    assert set(asked) == {"a", "c"}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (SHAPE, True),
        (TopicShape(7, 3, SHAPE.config), False),
        (TopicShape(6, 2, SHAPE.config), False),
        (TopicShape(6, 3, {"retention.ms": "2000"}), False),
        (TopicShape(6, 3, {}), False),
    ],
)
def test_a_topic_as_it_was_asked_for(shape: TopicShape, expected: bool) -> None:
    assert is_as_asked(shape, topic("a")["inputs"]) is expected


class TestConnection:
    def provider(self) -> dict[str, Any]:
        secret = {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": json.dumps("word")}
        return {
            "urn": PROVIDER,
            "inputs": {
                "bootstrapServers": '["10.0.0.1:1","10.0.0.2:2"]',
                "caCert": "PEM",
                "saslMechanism": "scram-sha512",
                "saslUsername": "admin",
                "saslPassword": secret,
            },
        }

    def test_the_provider_s_own(self) -> None:
        assert connection(state(resources=(self.provider(),)), f"{PROVIDER}::0a1b") == {
            "bootstrap.servers": "10.0.0.1:1,10.0.0.2:2",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "admin",
            "sasl.password": "word",
            "ssl.ca.pem": "PEM",
            "log_level": 2,
        }

    def test_a_provider_that_is_not_in_the_state(self) -> None:
        with pytest.raises(LookupError, match="access-kafka"):
            connection(state(), f"{PROVIDER}::0a1b")


class TestOnceSteady:
    def asked(self, *answers: dict[str, TopicShape] | None) -> Callable[[], dict[str, TopicShape]]:
        left = iter(answers)

        def ask() -> dict[str, TopicShape]:
            answer = next(left)
            if answer is None:
                raise KafkaException("no answer")
            return answer

        return ask

    def test_two_equal_answers_in_a_row(self) -> None:
        ask = self.asked({}, {"a": SHAPE}, None, {"a": SHAPE}, {"a": SHAPE})
        assert once_steady(ask, sleep=lambda _: None) == {"a": SHAPE}

    def test_the_last_answer_when_it_never_is_steady(self) -> None:
        ask = self.asked({}, {"a": SHAPE}, {})
        assert once_steady(ask, attempts=3, sleep=lambda _: None) == {}

    def test_no_answer(self) -> None:
        with pytest.raises(KafkaException, match="no answer"):
            once_steady(self.asked(None, None), attempts=2, sleep=lambda _: None)
