import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import Layout
from lab.process import MARKER, Daemon, Processes, boot_id, end, identify, kill_all, marked, parse_stat, roots
from lab.steps import Cancel


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """The processes of a lab whose data is in a temporary directory."""
    made = Processes(Layout(tmp_path))
    yield made
    kill_all(made.owned)
    assert not any(made.find(name) for name in made.names())


def daemon(name: str = "sleeper", *command: str) -> Daemon:
    program = shutil.which("sleep")
    assert program is not None
    return Daemon(name=name, command=command or (program, "600"), environment={"PATH": os.environ["PATH"]})


def test_start_time_is_found_behind_any_command_name() -> None:
    tail = " ".join(str(number) for number in range(4, 53))
    assert parse_stat(f"7 (a) b (c)) S {tail}") == ("S", 22)


def test_started_once_and_found_again(processes: Processes) -> None:
    assert processes.start(daemon()) is True
    first = processes.find("sleeper")
    assert first is not None
    assert processes.start(daemon()) is False
    assert processes.find("sleeper") == first
    assert processes.names() == ["sleeper"]


def test_number_given_to_somebody_else_is_not_ours() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert me.alive
    assert not replace(me, started=me.started + 1).alive
    assert not replace(me, boot="another boot").alive
    assert me.boot == boot_id()


def test_stale_or_broken_identity_file_means_not_running(processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for content in ("", "{}", '{"pid": 1, "started": 1, "boot": "old"}'):
        (tmp_path / "run/etcd.json").write_text(content)
        assert processes.find("etcd") is None


def test_ended_process_is_not_running(processes: Processes) -> None:
    processes.start(daemon())
    identity = processes.find("sleeper")
    assert identity is not None
    end([identity], patience=10)
    Cancel().wait_for("its end", lambda: not identity.alive, timeout=10)
    assert processes.find("sleeper") is None


def test_process_of_a_killed_start_is_adopted(processes: Processes, tmp_path: Path) -> None:
    processes.start(daemon())
    identity = processes.find("sleeper")
    (tmp_path / "run/sleeper.json").unlink()
    assert processes.find("sleeper") is None
    Cancel().wait_for("its marker", lambda: bool(processes.owned("sleeper")), timeout=10)
    assert processes.start(daemon()) is False
    assert processes.find("sleeper") == identity


def test_children_are_found_by_the_inherited_marker(processes: Processes, tmp_path: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    processes.start(daemon("parent", shell, "-c", "sleep 600 & wait"))
    Cancel().wait_for("a child", lambda: len(processes.owned("parent")) == 2, timeout=10)
    assert {marked()[pid] for pid in processes.owned()} == {(str(tmp_path), "parent")}
    assert not processes.owned("somebody else")
    assert str(tmp_path) in roots()


def test_session_of_its_own_and_default_signals(processes: Processes) -> None:
    processes.start(daemon())
    identity = processes.find("sleeper")
    assert identity is not None
    assert os.getsid(identity.pid) == identity.pid
    ignored = next(
        line for line in Path(f"/proc/{identity.pid}/status").read_text().splitlines() if line.startswith("SigIgn")
    )
    assert not int(ignored.split()[1], 16) >> (signal.SIGPIPE - 1) & 1


def test_caller_environment_is_not_inherited(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "canary")
    processes.start(daemon())
    identity = processes.find("sleeper")
    assert identity is not None
    environment = Path(f"/proc/{identity.pid}/environ")
    # The kernel lets the caller go on a moment before it shows the new environment.
    Cancel().wait_for("its environment", lambda: bool(environment.read_text()), timeout=10)
    variables = environment.read_text()
    assert MARKER in variables
    assert "canary" not in variables


def test_end_is_reported_with_the_last_lines(processes: Processes) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    processes.start(daemon("failing", shell, "-c", "echo one; echo two; echo three; echo four >&2; exit 1"))
    Cancel().wait_for("its end", lambda: processes.find("failing") is None, timeout=10)
    with pytest.raises(LabError, match=r"^failing ended: two / three / four$"):
        processes.check("failing")
