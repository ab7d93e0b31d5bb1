"""A connector's life against a Kafka Connect that is played, and how its errors read."""

from collections.abc import Mapping
from typing import Any

import pytest

from resources.connect_rest import ConnectError
from resources.connector import NotRunning, change, condense, create, wait_until_running

MISSING_CLASS = """java.lang.NoClassDefFoundError: software/amazon/awssdk/services/kms/model/EncryptionAlgorithmSpec
\tat org.apache.iceberg.aws.AwsProperties.<clinit>(AwsProperties.java:231)
\tat org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:298)
Caused by: java.lang.ClassNotFoundException: software.amazon.awssdk.services.kms.model.EncryptionAlgorithmSpec
\tat java.base/java.net.URLClassLoader.findClass(URLClassLoader.java:445)
\t... 22 more
"""
WRAPPED = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:659)
Caused by: java.lang.IllegalStateException: the table is gone, password=hunter2 was right
\t... 11 more
"""


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (
            MISSING_CLASS,
            "NoClassDefFoundError: software/amazon/awssdk/services/kms/model/EncryptionAlgorithmSpec <- "
            "ClassNotFoundException: software.amazon.awssdk.services.kms.model.EncryptionAlgorithmSpec",
        ),
        (WRAPPED, "IllegalStateException: the table is gone, password=… was right"),
        (
            "a.b.OuterException: a.b.InnerException: why\n\tat x\nCaused by: a.b.InnerException: why\n\tat y\n",
            "InnerException: why",
        ),
        ("no trace at all", "no trace at all"),
    ],
)
def test_a_trace_becomes_one_line(trace: str, line: str) -> None:
    assert condense(trace) == line


class Played:
    """Kafka Connect with one connector; ``bad`` configurations fail as soon as a task runs."""

    def __init__(self, config: Mapping[str, str] | None = None) -> None:
        self.there = None if config is None else dict(config)
        self.stopped = False
        self.calls: list[str] = []

    def config(self, name: str) -> dict[str, str] | None:
        return None if self.there is None else {**self.there, "name": name}

    def status(self, _name: str) -> Mapping[str, Any] | None:
        if self.there is None:
            return None
        if self.stopped:
            return {"connector": {"state": "STOPPED"}, "tasks": []}
        bad = self.there.get("bad") == "yes"
        task = {
            "id": 0,
            "state": "FAILED" if bad else "RUNNING",
            "trace": "a.b.SomeException: it is bad" if bad else "",
        }
        return {"connector": {"state": "RUNNING"}, "tasks": [task]}

    def put(self, _name: str, config: Mapping[str, str]) -> None:
        self.calls.append("put")
        self.there = dict(config)

    def stop(self, _name: str) -> None:
        self.calls.append("stop")
        self.stopped = True

    def resume(self, _name: str) -> None:
        self.calls.append("resume")
        self.stopped = False

    def delete(self, _name: str) -> None:
        self.calls.append("delete")
        self.there = None

    def invalid(self, config: Mapping[str, str]) -> list[str]:
        return ["topics: it is missing"] if "topics" not in config else []


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {**(wait_until_running.__kwdefaults__ or {}), "settle": 0.0}
    monkeypatch.setattr(wait_until_running, "__kwdefaults__", defaults)


GOOD = {"topics": "a"}
BAD = {"topics": "a", "bad": "yes"}


def test_a_connector_that_fails_at_its_start_is_removed() -> None:
    rest: Any = Played()
    with pytest.raises(NotRunning, match=r"^task 0 failed: SomeException: it is bad$"):
        create(rest, "lake", BAD, 10, adopt=False)
    assert rest.there is None
    assert rest.calls == ["put", "delete"]


def test_a_refused_configuration_leaves_nothing() -> None:
    class Refusing(Played):
        def put(self, _name: str, _config: Mapping[str, str]) -> None:
            raise ConnectError("Kafka Connect answered 400: FATAL: password authentication failed", 400)

    rest: Any = Refusing()
    with pytest.raises(ConnectError, match="password authentication failed"):
        create(rest, "outbox", GOOD, 10, adopt=False)
    assert rest.there is None


def test_one_that_is_there_alike_is_taken_over_without_a_request() -> None:
    rest: Any = Played(GOOD)
    create(rest, "lake", GOOD, 10, adopt=False)
    assert rest.calls == []


def test_one_that_differs_is_refused_unless_it_may_be_adopted() -> None:
    rest: Any = Played({"topics": "b"})
    with pytest.raises(NotRunning, match="it differs in topics"):
        create(rest, "lake", GOOD, 10, adopt=False)
    assert rest.there == {"topics": "b"}
    create(rest, "lake", GOOD, 10, adopt=True)
    assert rest.there == GOOD


def test_a_change_happens_while_it_is_stopped() -> None:
    rest: Any = Played({"topics": "b"})
    change(rest, "lake", GOOD, 10)
    assert rest.calls == ["stop", "put", "resume"]
    assert rest.there == GOOD


def test_a_change_that_fails_is_rolled_back() -> None:
    rest: Any = Played(GOOD)
    with pytest.raises(NotRunning, match=r"^task 0 failed: SomeException: it is bad; the former configuration was put"):
        change(rest, "lake", BAD, 10)
    assert rest.there == GOOD
    assert not rest.stopped


def test_a_change_the_class_refuses_touches_nothing() -> None:
    rest: Any = Played(GOOD)
    with pytest.raises(
        NotRunning, match="its configuration is refused, and the former one runs on: topics: it is missing"
    ):
        change(rest, "lake", {"bad": "no"}, 10)
    assert rest.calls == []


def test_one_without_tasks_is_given_up() -> None:
    class Idle(Played):
        def status(self, _name: str) -> Mapping[str, Any]:
            return {"connector": {"state": "RUNNING"}, "tasks": []}

    rest: Any = Idle(GOOD)
    with pytest.raises(NotRunning, match=r"^it does not run after 0 s: connector RUNNING, no task yet$"):
        wait_until_running(rest, "lake", 0)
