"""What a killed engine left behind: ended, unless the engine itself still lives; others are never touched."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.failure import Failure
from ops.leftovers import MARK, end_leftovers

Start = Callable[[str, Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process with a name, as one of a checkout's engine."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, root: Path) -> subprocess.Popen[bytes]:
        program = tmp_path / name
        if not program.exists():
            shutil.copy(shutil.which("sleep") or "sleep", program)
        started.append(subprocess.Popen([program, "600"], env={MARK: str(root)}))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_plugins_of_this_checkout_are_ended_and_others_are_not(start: Start, tmp_path: Path) -> None:
    ours, theirs = start("plugin", tmp_path / "ours"), start("plugin", tmp_path / "ours-not")
    end_leftovers(tmp_path / "ours")
    assert ours.wait(60) == -9
    assert theirs.poll() is None
    end_leftovers(tmp_path / "ours")


def test_an_engine_that_lives_is_told_and_nothing_is_ended(start: Start, tmp_path: Path) -> None:
    plugin, engine = start("plugin", tmp_path), start("pulumi", tmp_path)
    with pytest.raises(Failure) as caught:
        end_leftovers(tmp_path)
    assert str(caught.value) == (
        f"the engine of a command that was killed is still at work (process {engine.pid}); wait for its end, or stop "
        f"it with `kill -INT {engine.pid}`"
    )
    assert (plugin.poll(), engine.poll()) == (None, None)


def test_without_a_list_of_processes_nothing_is_done(tmp_path: Path) -> None:
    end_leftovers(tmp_path, tmp_path / "proc")
