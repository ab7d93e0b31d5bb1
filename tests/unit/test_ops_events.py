"""``--events``: lines that machines read, without a secret."""

import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from ops.event_file import EventFile
from ops.redaction import redacted

URN = "urn:pulumi:dev::kafka-platform::kafka:index/topic:Topic::events"


def event(**content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **content})


def step(op: str) -> dict[str, Any]:
    secret = {"inputs": {"password": "canary"}, "outputs": {"password": "canary"}, "urn": URN, "type": "t"}
    return {"metadata": {"op": op, "urn": URN, "type": "t", "provider": "", "old": secret, "new": secret}}


def test_a_run_in_lines(tmp_path: Path) -> None:
    file = tmp_path / "events"
    sink = EventFile(file, "up", "dev")
    sink.engine(event(resourcePreEvent=step("create")))
    sink.engine(event(diagnosticEvent={"urn": URN, "severity": "warning", "message": "<{%reset%}>password=canary\n"}))
    sink.engine(event(diagnosticEvent={"severity": "info", "message": "[1/3] waiting", "ephemeral": True}))
    sink.engine(event(resOutputsEvent=step("create")))
    sink.engine(event(summaryEvent={"resourceChanges": {"same": 7, "create": 1}}))
    sink.end(0)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["event"] for each in events] == [
        *("begin", "resource-begin", "diagnostic", "resource-end", "summary", "end")
    ]
    assert all((each["command"], each["stack"]) == ("up", "dev") for each in events)
    assert events[2]["text"] == "password=[secret]"
    named = {"op": "create", "type": "kafka:index/topic:Topic", "name": "events", "urn": URN}
    assert events[3].items() >= named.items()
    assert events[4]["changes"] == {"create": 1, "same": 7}
    assert "canary" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_a_problem_and_no_error() -> None:
    sink = EventFile(Path("/dev/full"), "up", "dev")
    assert sink.problem == "No space left on device"
    sink.engine(event(resourcePreEvent=step("create")))
    sink.end(0)
    assert sink.problem == "No space left on device"


def test_a_disk_that_fills_amid_a_line_has_whole_lines_only(tmp_path: Path) -> None:
    file = tmp_path / "events"
    sink = EventFile(file, "up", "dev")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        for number in range(20):
            sink.text("message", f"message {number}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sink.text("message", "one that has room again")
    sink.end(1, "it failed")
    assert sink.problem == "File too large"
    said = [json.loads(line).get("text") for line in file.read_text().splitlines()]
    assert said == [None, *(f"message {number}" for number in range(len(said) - 1))]
    assert 700 < file.stat().st_size <= 1000


def test_a_reader_that_goes_away_is_a_problem_and_no_error(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = EventFile(pipe, "up", "dev")
    os.close(reader)
    sink.end(0)
    assert sink.problem == "Broken pipe"


def test_what_is_said_after_the_end_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "events"
    sink = EventFile(file, "up", "dev")
    sink.end(0)
    sink.text("message", "too late")
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["begin", "end"]
    assert sink.problem == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("topic events has 6 partitions", "topic events has 6 partitions"),
        ("sasl.password: hunter2, retries=3", "sasl.password: [secret], retries=3"),
        ('{"master_secret": "a b c"}', '{"master_secret": [secret]}'),
        ("connecting to kafka://admin:hunter2@broker:9094", "connecting to kafka://admin:[secret]@broker:9094"),
        ("token abcdefgh12345 was refused", "token [secret] was refused"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nafter", "[secret]\nafter"),
        ("cut off: -----BEGIN PRIVATE KEY-----\nMHc", "cut off: [secret]"),
        ("ports[0].nodePort: 31000 is taken", "ports[0].nodePort: 31000 is taken"),
    ],
)
def test_secrets_are_told_by_their_form(text: str, said: str) -> None:
    assert redacted(text, {"AWS_SESSION_TOKEN": "abcdefgh12345", "SECRET_X": "short", "HOME": "after"}) == said
