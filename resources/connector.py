"""A connector as a Pulumi resource: it is there once it and all its tasks run."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from manifests.connect_connector import plain_secrets
from resources.connect_rest import ConnectError, ConnectRest

TIMEOUT: Final = 180
"""Seconds until a connector is given up that doesn't run."""
SETTLE: Final = 5.0
"""Seconds all tasks must run without a break: some fail at their first request, not at their start."""

_POLL: Final = 0.5
_LONGEST: Final = 500
_HEAD: Final = re.compile(r"^(?:Caused by: )?((?:[\w$]+\.)+[\w$]+)(?:: (.*))?$")
_WRAPPERS: Final = re.compile(
    r"Exiting Worker\w+ due to unrecoverable exception|Task threw an uncaught|Tolerance exceeded in error handler"
)
_SECRET: Final = re.compile(r"(passw(?:or)?d|secret|token)(\s*[=:]\s*)\S+", re.IGNORECASE)


class NotRunning(Exception):
    """A connector didn't come to run; the message is one line that says why."""


def condense(trace: str) -> str:
    """Return a Java stack trace as one line: its causes' messages from the outermost to the root, each once.

    Frames and messages that only say that a task has ended are left out. What looks like a password is hidden.
    """
    causes: list[tuple[str, str]] = []
    for line in trace.splitlines():
        if match := _HEAD.match(line):
            causes.append((match[1].rpartition(".")[2], match[2] or ""))
        elif causes and line and not line.startswith(("\t", " ", "...")):
            # A message of several lines.
            causes[-1] = (causes[-1][0], f"{causes[-1][1]} {line}".strip())
    told: list[str] = []
    for number, (kind, message) in enumerate(causes):
        last = number == len(causes) - 1
        # Java repeats a cause's text in what wraps it.
        wrapper = _WRAPPERS.search(message) or (
            not last and any(deeper[1] in message for deeper in causes[number + 1 :])
        )
        if last or (message and not wrapper):
            told.append(f"{kind}: {message}" if message else kind)
    line = " <- ".join(told) or " ".join(trace.split())
    line = _SECRET.sub(r"\1\2…", " ".join(line.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def failures(status: Mapping[str, Any]) -> list[str]:
    """Return a line for the connector and each task that failed; tasks that failed alike share one."""
    found: list[str] = []
    connector = status["connector"]
    if connector["state"] == "FAILED":
        found.append(f"the connector failed: {condense(connector.get('trace', ''))}")
    by_reason: dict[str, list[str]] = {}
    for task in status["tasks"]:
        if task["state"] == "FAILED":
            by_reason.setdefault(condense(task.get("trace", "")), []).append(str(task["id"]))
    found += [f"task {', '.join(tasks)} failed: {reason}" for reason, tasks in by_reason.items()]
    return found


def running(status: Mapping[str, Any]) -> bool:
    """Tell whether connector and tasks all run, and there is a task."""
    states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
    return len(states) > 1 and set(states) == {"RUNNING"}


def wait_until_running(
    rest: ConnectRest,
    name: str,
    timeout: float,
    *,
    settle: float = SETTLE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when everything has run for ``settle`` seconds; raises NotRunning for a failure, or after ``timeout``."""
    deadline = clock() + timeout
    since: float | None = None
    shown = "the workers don't know it yet"
    while True:
        status = rest.status(name)
        now = clock()
        if status is not None:
            if found := failures(status):
                raise NotRunning("; ".join(found))
            states = [f"task {task['id']} {task['state']}" for task in status["tasks"]] or ["no task yet"]
            shown = f"connector {status['connector']['state']}, {', '.join(states)}"
        if status is not None and running(status):
            since = now if since is None else since
            if now - since >= settle:
                return
        else:
            since = None
        if now >= deadline:
            raise NotRunning(f"it does not run after {timeout:g} s: {shown}")
        sleep(_POLL)


def wait_until_stopped(
    rest: ConnectRest,
    name: str,
    timeout: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when a connector has no task any more; raises NotRunning after ``timeout`` seconds."""
    deadline = clock() + timeout
    while True:
        status = rest.status(name)
        if status is not None and status["connector"]["state"] == "STOPPED" and not status["tasks"]:
            return
        if clock() >= deadline:
            raise NotRunning(f"its tasks did not end within {timeout:g} s")
        sleep(_POLL)


def create(rest: ConnectRest, name: str, config: Mapping[str, str], timeout: float, *, adopt: bool) -> None:
    """Make a connector and wait until it runs; one that doesn't come to run is removed again.

    One that is there already with this configuration is taken over, and left as it is when it doesn't run. With another
    one it is refused, unless ``adopt`` says that it may be changed. Raises NotRunning or ConnectError.
    """
    before = rest.config(name)
    if before is not None:
        if _own(before) == dict(config):
            wait_until_running(rest, name, timeout)
        elif adopt:
            change(rest, name, config, timeout)
        else:
            differing = ", ".join(_differing(_own(before), config)[:5])
            raise NotRunning(
                f"Kafka Connect has one of this name that nobody here made, and it differs in {differing}; delete it, "
                "or take it over with adopt"
            )
        return
    try:
        rest.put(name, config)
        wait_until_running(rest, name, timeout)
    except BaseException:
        rest.delete(name)
        raise


def change(rest: ConnectRest, name: str, config: Mapping[str, str], timeout: float) -> None:
    """Give a connector another configuration and wait until it runs; if it doesn't, the former one is put back.

    It is stopped in between, so that what is seen running is what was changed. Raises NotRunning or ConnectError.
    """
    before = rest.config(name)
    if before is None:
        create(rest, name, config, timeout, adopt=False)
        return
    if wrong := rest.invalid({**config, "name": name}):
        raise NotRunning(f"its configuration is refused, and the former one runs on: {'; '.join(wrong)}")
    try:
        rest.stop(name)
        wait_until_stopped(rest, name, timeout)
        rest.put(name, config)
        rest.resume(name)
        wait_until_running(rest, name, timeout)
    except BaseException as error:
        rest.put(name, _own(before))
        rest.resume(name)
        if isinstance(error, NotRunning | ConnectError):
            raise NotRunning(f"{error}; the former configuration was put back") from None
        raise


def _own(config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration without what Kafka Connect adds."""
    return {key: value for key, value in config.items() if key != "name"}


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


_REST: Final = ("endpoints", "ca_pem", "username", "password")


def _rest(props: Mapping[str, Any]) -> ConnectRest:
    return ConnectRest(**{key: props[key] for key in _REST})


class _ConnectorProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        config = news.get("config")
        found = plain_secrets(config) if isinstance(config, dict) and all(map(_is_text, config.values())) else []
        reason = "it seems to hold a secret in plain: refer to a mounted file, ${dir:/etc/kafka-connect/secrets:NAME}"
        return CheckResult(news, [CheckFailure("config", f"{name}: {reason}") for name in found])

    def create(self, props: dict[str, Any]) -> CreateResult:
        with _named(props["connector"]):
            create(
                _rest(props), props["connector"], props["config"], float(props["timeout"]), adopt=bool(props["adopt"])
            )
        return CreateResult(id_=props["connector"], outs=props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        keys = ("config", "rollout", *_REST)
        renamed = old.get("connector") != new.get("connector")
        return DiffResult(
            changes=renamed or any(old.get(key) != new.get(key) for key in keys),
            replaces=["connector"] if renamed else [],
            # Two of them would read the same table or the same topics.
            delete_before_replace=True,
        )

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        rest, name, timeout = _rest(new), new["connector"], float(new["timeout"])
        with _named(name):
            there = rest.config(name)
            if there is not None and _own(there) == new["config"]:
                wait_until_running(rest, name, timeout)
            else:
                change(rest, name, new["config"], timeout)
        return UpdateResult(outs=new)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        with _named(id_):
            there = _rest(props).config(id_)
        if there is None:
            return ReadResult(None, {})
        now = {**props, "config": _own(there)}
        inputs = {key: value for key, value in now.items() if key != "__provider"}
        return ReadResult(id_, now, inputs)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        with _named(id_):
            _rest(props).delete(id_)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn the two expected errors into one with the connector's name, which the engine prints."""
    try:
        yield
    except (NotRunning, ConnectError) as error:
        raise ConnectorFailed(f"connector {name}: {error}") from None


class ConnectorFailed(Exception):
    """What the engine shows: the connector, and why it doesn't run."""


class Connector(Resource, module="index", name="Connector"):
    """One connector of a Kafka Connect cluster.

    ``up`` waits until the connector and all its tasks run. One that fails at its start fails ``up`` with the task's own
    words, and is removed; a change that fails is rolled back. The configuration is shown in previews, so it may hold no
    secret: those are references that a worker resolves. A refresh sees what was changed by others.

    An existing connector is taken over by ``adopt``: the engine's own import reads a resource without the provider that
    is in its inputs, and so can't read dynamic ones.
    """

    connector: pulumi.Output[str]
    """Its name, known when it runs."""

    def __init__(
        self,
        name: str,
        *,
        connector: str,
        config: Mapping[str, pulumi.Input[str]],
        endpoints: pulumi.Input[Sequence[str]],
        ca_pem: pulumi.Input[str],
        username: str,
        password: pulumi.Input[str],
        rollout: pulumi.Input[str],
        adopt: bool = False,
        timeout: int = TIMEOUT,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Run ``connector`` with ``config`` on the cluster at ``endpoints`` (https://host:port).

        ``rollout`` is any text that changes when workers or secrets were changed; ``adopt`` takes over a connector of
        that name whatever its configuration; ``timeout`` is in seconds.
        """
        properties = {
            "connector": connector,
            "config": dict(config),
            "endpoints": endpoints,
            "ca_pem": ca_pem,
            "username": username,
            "password": pulumi.Output.secret(password),
            "rollout": rollout,
            "adopt": adopt,
            "timeout": timeout,
        }
        super().__init__(_ConnectorProvider(), name, properties, opts)
