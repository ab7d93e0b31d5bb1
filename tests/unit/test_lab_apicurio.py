"""Apicurio's archive is the one the lock names, or it isn't used."""

from pathlib import Path

import pytest

import versions
from lab.errors import LabError
from lab.images import apicurio
from lab.images.kafka import verify


def test_the_lock_is_of_the_pinned_version() -> None:
    (line,) = apicurio.LOCK.read_text().splitlines()
    checksum, name = line.split()
    assert name == f"apicurio-registry-app-{versions.APICURIO}-all.tar.gz"
    assert len(bytes.fromhex(checksum)) == 32


def test_another_lock_is_another_entry_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = apicurio.entry().key
    other = tmp_path / "apicurio.lock"
    other.write_text("00  other.tar.gz\n")
    monkeypatch.setattr(apicurio, "LOCK", other)
    assert apicurio.entry().key != before


@pytest.mark.parametrize("names", [["right.tar.gz"], ["wrong.tar.gz"], []])
def test_an_archive_that_is_not_the_locked_one_is_named(tmp_path: Path, names: list[str]) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{'0' * 64}  right.tar.gz\n")
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_bytes(b"something else")
    with pytest.raises(LabError) as caught:
        verify(files, lock)
    different = ", ".join(sorted({"right.tar.gz", *names}))
    assert str(caught.value) == (
        f"these files are not the ones some.lock names: {different}; "
        "a mirror served something else, or the lock has to be made anew with the version"
    )
