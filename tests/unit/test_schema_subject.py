"""What a subject's resource decides without a registry, and how its requests fail and are repeated."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.subject import CompatibilityLevel
from resources import registry_client
from resources.registry_client import RegistryClient, RegistryError
from resources.schema_subject import refusals, register


def schema(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Order", "namespace": "com.example", "fields": list(fields)})


TOTAL = {"name": "total", "type": "int"}
NOTE = {"name": "note", "type": "string", "default": ""}
CUSTOMER = {"name": "customer", "type": "string"}
V1, V2, V3 = schema(TOTAL), schema(TOTAL, NOTE), schema(TOTAL, CUSTOMER)


def props(text: str, *released: str, level: str = "BACKWARD") -> dict[str, Any]:
    return {
        "subject": "orders-value",
        "schema": text,
        "references": [],
        "level": level,
        "released": {"orders-value": [{"schema": one, "references": []} for one in released]},
    }


NO_CUSTOMER = "com.example.Order.customer (string) has no default, and the writer's com.example.Order has no such field"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, props(V1), None),
        ({}, props(V2, V1), None),
        (props(V1), props(V1), None),
        (props(V1), props(V2), None),
        (props(V1), props(V3, level="NONE"), None),
        (props(V1), props(V3), f"at level BACKWARD, the new schema can't read what version 1 wrote: {NO_CUSTOMER}"),
        ({}, props(V3, V1), f"at level BACKWARD, the new schema can't read what version 1 wrote: {NO_CUSTOMER}"),
        (
            props(V2, V1),
            props(V3, V1),
            f"at level BACKWARD, the new schema can't read what version 2 wrote: {NO_CUSTOMER}",
        ),
        (
            props(V2, V1),
            props(V1, V1),
            "version 1 has this schema already, and version 2 came after it: versions go forward only; change the "
            "schema, or delete version 2 in the registry, then run pulumi refresh",
        ),
    ],
)
def test_a_change_is_judged_by_state_and_history(old: dict[str, Any], new: dict[str, Any], said: str | None) -> None:
    found = refusals(old, new)
    assert [one for one in found if said is None or not one.startswith(said)] == []
    assert bool(found) == (said is not None)


@pytest.mark.parametrize("level", [level for level in CompatibilityLevel if level is not CompatibilityLevel.NONE])
def test_every_level_is_held(level: CompatibilityLevel) -> None:
    """A new field without default breaks backwards, a removed one forwards, each by its level's name."""
    added, removed = refusals(props(V1), props(V3, level=level)), refusals(props(V3), props(V1, level=level))
    assert bool(added) == level.backward
    assert bool(removed) == level.forward
    assert all(one.startswith(f"at level {level}, ") for one in added + removed)


def test_a_schema_that_is_none_is_told() -> None:
    (said,) = refusals({}, props("{"))
    assert said.startswith("orders-value: ")


def test_a_reference_that_leads_nowhere_is_told() -> None:
    new = props(V1)
    new["references"] = [{"name": "com.example.Gone", "subject": "com.example.Gone", "version": 1}]
    (said,) = refusals({}, new)
    assert "there is no version 1 of com.example.Gone" in said


def client(answers: Iterator[object], monkeypatch: pytest.MonkeyPatch, now: list[float]) -> RegistryClient:
    def once(_self: RegistryClient, url: str, *_: object) -> object:
        asked.append(url)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asked.clear()
    monkeypatch.setattr(RegistryClient, "_once", once)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return RegistryClient(
        urls=["https://a", "https://b"], ca_pem="", username="admin", password="secret-word", timeout=30,
        clock=lambda: now[0], sleep=sleep,
    )  # fmt: skip


asked: list[str] = []


def test_passing_failures_are_tried_again_on_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ConnectionRefusedError(111, "Connection refused"), RegistryError("x", "busy", 503), {"id": 1}])
    assert client(answers, monkeypatch, [0.0]).ask("asking", "GET", ["subjects"]) == {"id": 1}
    assert asked == ["https://a", "https://b", "https://a"]


class Replica:
    """One copy of a registry's versions of one subject."""

    def __init__(self) -> None:
        self.versions: list[str] = []

    def answer(self, method: str, path: tuple[str, ...], body: Any) -> Any:
        if path[0] == "config":
            return {"compatibilityLevel": "BACKWARD"}
        if method == "POST" and path[-1] == "versions":
            if body["schema"] not in self.versions:
                self.versions.append(body["schema"])
            return {"id": 1}
        if method == "POST":
            if body["schema"] not in self.versions:
                raise RegistryError("looking up", "not found", 404, 40403)
            return {"version": self.versions.index(body["schema"]) + 1, "id": 7}
        if not self.versions:
            raise RegistryError("reading", "not found", 404, 40401)
        return {"version": len(self.versions), "id": 7, "schema": self.versions[-1]}


def two_replicas(monkeypatch: pytest.MonkeyPatch, lag: float) -> RegistryClient:
    """Requests go to one and the other in turn; the second has what the first wrote ``lag`` seconds later."""
    first, second, now = Replica(), Replica(), [0.0]
    written: list[tuple[float, str]] = []
    turn = itertools.cycle([True, False])

    def once(_self: RegistryClient, _url: str, _doing: str, method: str, path: Any, _query: Any, body: Any) -> Any:
        now[0] += 0.01
        for at, text in written:
            if at + lag <= now[0] and text not in second.versions:
                second.versions.append(text)
        posts = method == "POST" and path[-1] == "versions"
        if posts:
            written.append((now[0], body["schema"]))
        return (first if next(turn) or posts else second).answer(method, tuple(path), body)

    monkeypatch.setattr(RegistryClient, "_once", once)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return RegistryClient(
        urls=["https://a"], ca_pem="", username="admin", password="secret-word", clock=lambda: now[0], sleep=sleep
    )


@pytest.mark.parametrize("lag", [0.0, 0.02, 0.05, 0.2, 5.0])
def test_a_replica_that_lags_is_waited_for(monkeypatch: pytest.MonkeyPatch, lag: float) -> None:
    assert register(two_replicas(monkeypatch, lag), props(V2, V1))["version"] == 2


def test_a_replica_that_never_catches_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegistryError) as caught:
        register(two_replicas(monkeypatch, 1000.0), props(V2, V1))
    assert str(caught.value) == (
        "registering orders-value: it is registered, and after 30 s not every replica knows it"
    )


def test_a_version_that_is_not_the_last_is_no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = two_replicas(monkeypatch, 0.0)
    register(registry, props(V2, V1))
    with pytest.raises(RegistryError) as caught:
        register(registry, props(V1))
    assert str(caught.value) == (
        "registering orders-value: the schema is version 1, and version 2 is the last: versions go forward only; "
        "change the schema, or delete version 2 in the registry, then run pulumi refresh"
    )


def test_a_reference_that_a_replica_does_not_know_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, refused = two_replicas(monkeypatch, 0.0), [0]
    answer = Replica.answer

    def unknown_at_first(self: Replica, method: str, path: tuple[str, ...], body: Any) -> Any:
        if method == "POST" and path[-1] == "versions" and refused[0] < 3:
            refused[0] += 1
            raise RegistryError("registering", "no version 1 of com.example.Shared", 422, 42201)
        return answer(self, method, path, body)

    monkeypatch.setattr(Replica, "answer", unknown_at_first)
    with pytest.raises(RegistryError, match="no version 1"):
        register(registry, props(V1))
    referring = props(V1) | {"references": [{"name": "com.example.Shared", "subject": "Shared", "version": 1}]}
    assert register(registry, referring)["version"] == 1
    assert refused == [3]


def test_a_refusal_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([RegistryError("registering x", "Incompatible", 409), {"id": 1}])
    with pytest.raises(RegistryError) as caught:
        client(answers, monkeypatch, [0.0]).ask("registering x", "POST", ["subjects"])
    assert str(caught.value) == "registering x: Incompatible (HTTP 409)"
    assert len(asked) == 1


def test_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    answers = iter([ConnectionRefusedError(111, "Connection refused")] * 1000)
    with pytest.raises(RegistryError) as caught:
        client(answers, monkeypatch, now).ask("listing", "GET", ["subjects"])
    assert str(caught.value) == "listing: https://a, https://b can't be reached for 30 s (connection refused)"
    assert 30 <= now[0] <= 36


def test_it_prints_without_the_password() -> None:
    assert "secret-word" not in repr(RegistryClient(urls=[], ca_pem="", username="admin", password="secret-word"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"error_code":42201,"message":"Invalid schema"}', (42201, "Invalid schema")),
        ("<html>\n502 Bad   Gateway</html>", (0, "<html> 502 Bad Gateway</html>")),
        ("", (0, "Not Found")),
        ("[1]", (0, "[1]")),
    ],
)
def test_the_servers_words(text: str, expected: tuple[int, str]) -> None:
    assert registry_client._words(text, "Not Found") == expected
