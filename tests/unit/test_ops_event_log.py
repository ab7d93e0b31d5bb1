"""The engine's events from the file it writes: all of them, and no failure that nobody hears of."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.automation.events import EngineEvent

from ops.event_log import followed


def line(sequence: int) -> str:
    return json.dumps({"sequence": sequence, "timestamp": 1}) + "\n"


def refusing(refused: int, told: list[int]) -> Callable[[EngineEvent], None]:
    """A callback that takes down what it is told, and raises on one event."""

    def on_event(event: EngineEvent) -> None:
        if event.sequence == refused:
            raise KeyError(event.sequence)
        told.append(event.sequence)

    return on_event


def test_every_event_is_handed_on_in_order_though_written_in_pieces(tmp_path: Path) -> None:
    file, told = tmp_path / "events", list[int]()
    with followed(file, refusing(-1, told)), file.open("a") as log:
        for piece in (line(1) + line(2)[:7], line(2)[7:], line(3).rstrip("\n")):
            log.write(piece)
            log.flush()
    assert told == [1, 2, 3]


def test_what_the_callback_raises_is_raised_in_the_end_and_the_rest_is_handed_on(tmp_path: Path) -> None:
    file, told = tmp_path / "events", list[int]()
    with pytest.raises(KeyError, match="2"), followed(file, refusing(2, told)):
        file.write_text(line(1) + line(2) + line(3))
    assert told == [1, 3]


@pytest.mark.parametrize("broken", [b"no JSON\n", b"\xff\xfe\n", b"[]\n"])
def test_a_line_that_is_no_event_is_told_and_the_rest_is_handed_on(broken: bytes, tmp_path: Path) -> None:
    file, told = tmp_path / "events", list[int]()
    with pytest.raises((ValueError, AttributeError, TypeError)), followed(file, refusing(-1, told)):
        file.write_bytes(line(1).encode() + broken + line(3).encode())
    assert told == [1, 3]


def test_the_first_failure_is_the_one_that_is_raised(tmp_path: Path) -> None:
    file = tmp_path / "events"
    with pytest.raises(KeyError, match="1"), followed(file, refusing(1, [])):
        file.write_text(line(1) + "no JSON\n")


def test_what_the_block_raises_goes_before(tmp_path: Path) -> None:
    """A killed engine leaves half a line, and its end is what matters."""
    file, told = tmp_path / "events", list[int]()
    with pytest.raises(RuntimeError, match=r"^the engine failed$"), followed(file, refusing(-1, told)):
        file.write_text(line(1) + line(2)[:9])
        raise RuntimeError("the engine failed")
    assert told == [1]
