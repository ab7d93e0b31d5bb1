"""Exit codes of the commands that run the engine: what a script may rely on."""

import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import __main__ as command_line
from ops.failure import Failure, InterruptedFailure
from ops.workspace import Workspace

CHANGE = {"op": "update", "type": "t", "name": "n", "urn": "u", "diff": []}


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own process: its environment and signals stay as they are."""
    monkeypatch.setattr(Workspace, "adopt_environment", lambda *_arguments: None)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def found(*changes: Mapping[str, Any]) -> dict[str, Any]:
    return {"stack": "dev", "changes": list(changes), "summary": {"same": 3}, "warnings": []}


def ended(**changes: int) -> SimpleNamespace:
    return SimpleNamespace(changes=changes, document=lambda: {"changes": changes})


@pytest.mark.parametrize(
    ("arguments", "function", "result", "code"),
    [
        (["preview"], "ops.preview.preview", found(), 0),
        (["preview"], "ops.preview.preview", found(CHANGE), 2),
        (["drift"], "ops.drift.drift", found(), 0),
        (["drift"], "ops.drift.drift", found(CHANGE), 3),
        (["refresh"], "ops.drift.refresh", found(CHANGE), 0),
        (["refresh", "--detailed-exitcode"], "ops.drift.refresh", found(CHANGE), 2),
        (["refresh", "--detailed-exitcode"], "ops.drift.refresh", found(), 0),
        (["up"], "ops.up.up", ended(create=3), 0),
        (["up", "--detailed-exitcode"], "ops.up.up", ended(create=3), 2),
        (["up", "--detailed-exitcode"], "ops.up.up", ended(same=3, read=1), 0),
        (["destroy", "--stack", "dev"], "ops.destroy.destroy", {"changes": {"delete": 1}}, 0),
        (["destroy", "--stack", "dev", "--detailed-exitcode"], "ops.destroy.destroy", {"changes": {"delete": 1}}, 2),
        (["destroy", "--stack", "dev", "--detailed-exitcode"], "ops.destroy.destroy", {"changes": {}}, 0),
    ],
)
def test_what_was_found_is_the_exit_code(
    arguments: list[str], function: str, result: Any, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function, lambda *_arguments: result)
    assert command_line.main([*arguments, "--json"]) == code


@pytest.mark.parametrize(
    ("error", "code"), [(Failure("x"), 1), (InterruptedFailure("x"), 130), (KeyboardInterrupt(), 130)]
)
def test_a_failure_is_no_change_and_the_last_event(
    error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("ops.preview.preview", fail)
    file = tmp_path / "events"
    assert command_line.main(["preview", "--events", str(file)]) == code
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["event"] for event in events] == ["begin", "end"]
    assert events[-1]["exit_code"] == code


@pytest.mark.parametrize(("document", "code"), [(found(), 0), (found(CHANGE), 2)])
def test_a_full_disk_takes_events_and_leaves_the_exit_code(
    document: dict[str, Any], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ops.preview.preview", lambda *_arguments: document)
    assert command_line.main(["preview", "--json", "--events", "/dev/full"]) == code
    shown = capsys.readouterr()
    assert shown.err == "warning: events are missing from /dev/full (No space left on device)\n"
    assert json.loads(shown.out) == document


def test_events_that_can_t_be_written_are_told_before_anything_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["preview", "--events", str(tmp_path / "no" / "events")]) == 1
    assert "events can't be written to " in capsys.readouterr().err
