import fcntl
import threading
from pathlib import Path

import pytest

from toolchain import cache
from toolchain.cache import Entry, Missing, cache_root, digest, publish


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


ENTRY = Entry("coredns", "k1")


def fill(directory: Path) -> None:
    (directory / "bin").mkdir()
    (directory / "bin" / "coredns").write_text("program")


def programs(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "programs").iterdir())


class TestRoot:
    def test_own_variable_goes_first(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
        assert cache_root() == root

    def test_then_the_users_cache_directory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(cache.VARIABLE)
        monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
        assert cache_root() == Path("/elsewhere/kafka-platform")

    @pytest.mark.parametrize("relative", ["", "relative/cache"])
    def test_a_relative_cache_directory_is_ignored(self, monkeypatch: pytest.MonkeyPatch, relative: str) -> None:
        monkeypatch.delenv(cache.VARIABLE)
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        monkeypatch.setenv("HOME", "/home/someone")
        assert cache_root() == Path("/home/someone/.cache/kafka-platform")


def test_the_digest_keeps_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab", b"c") == digest(b"ab", "c")


def test_missing_says_what_to_run() -> None:
    message = "kubelet is not in the cache: run `python -m toolchain ensure lab`."
    assert str(Missing("kubelet", "lab")) == message


class TestPublish:
    def test_an_entry_appears_whole(self, root: Path) -> None:
        def look(directory: Path) -> None:
            fill(directory)
            assert not ENTRY.present

        assert publish(ENTRY, look)
        assert (ENTRY.bin / "coredns").read_text() == "program"
        assert programs(root) == ["coredns-k1"]

    def test_what_is_there_is_left_alone(self) -> None:
        publish(ENTRY, fill)

        def never(directory: Path) -> None:
            pytest.fail(f"filled {directory} again")

        assert not publish(ENTRY, never)

    @pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
    def test_an_interrupted_build_leaves_nothing(self, root: Path, reason: type[BaseException]) -> None:
        def interrupted(directory: Path) -> None:
            fill(directory)
            raise reason

        with pytest.raises(reason):
            publish(ENTRY, interrupted)
        assert not ENTRY.present
        assert programs(root) == []
        assert publish(ENTRY, fill)

    def test_remains_of_a_killed_run_are_removed(self, root: Path) -> None:
        remains = root / "programs" / ".coredns~killed"
        of_another = root / "programs" / ".kubernetes~running"
        remains.mkdir(parents=True)
        of_another.mkdir()
        publish(ENTRY, fill)
        assert programs(root) == [".kubernetes~running", "coredns-k1"]

    def test_of_runs_at_once_one_builds_and_the_others_wait(self) -> None:
        building, waited = threading.Event(), threading.Event()
        filled: list[str] = []

        def slowly(directory: Path) -> None:
            filled.append("first")
            building.set()
            assert waited.wait(20)
            fill(directory)

        def again(_: Path) -> None:
            filled.append("second")

        first = threading.Thread(target=publish, args=(ENTRY, slowly))
        first.start()
        assert building.wait(20)
        assert not publish(ENTRY, again, waiting=waited.set)
        first.join()
        assert filled == ["first"]
        assert ENTRY.present

    def test_waiting_can_be_broken_off(self, root: Path) -> None:
        def stop() -> None:
            raise KeyboardInterrupt

        (root / "locks").mkdir(parents=True)
        with (root / "locks" / "coredns").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(KeyboardInterrupt):
                publish(ENTRY, fill, waiting=stop)
        assert not ENTRY.present
