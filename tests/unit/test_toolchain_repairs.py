"""Repairs of upstream's sources: in a copy, once, and only in the text they were made for."""

from dataclasses import replace
from pathlib import Path

import pytest

from toolchain.builds import BUILDS
from toolchain.process import Failed
from toolchain.repairs import Repair, put_in, repaired

REPAIR = Repair(module="example.org/m", file="pkg/a.go", replacements=(("one\n", "1\n"), ("two\n", "2\n")))


def test_each_replacement_is_made() -> None:
    assert repaired(REPAIR, "one\ntwo\nthree\n") == "1\n2\nthree\n"


@pytest.mark.parametrize("text", ["one\n", "one\ntwo\ntwo\n", ""])
def test_another_text_is_not_touched(text: str) -> None:
    with pytest.raises(Failed) as caught:
        repaired(REPAIR, text)
    assert str(caught.value) == "example.org/m has another pkg/a.go: look whether it still needs its repair."


def test_the_module_is_copied_and_taken_instead(tmp_path: Path) -> None:
    module, copy, pins = tmp_path / "module", tmp_path / "copy", tmp_path / "go.mod"
    (module / "pkg").mkdir(parents=True)
    (module / "pkg" / "a.go").write_text("one\ntwo\n")
    (module / "b.go").write_text("b\n")
    for path in (module / "pkg" / "a.go", module / "b.go"):
        path.chmod(0o444)
    (module / "pkg").chmod(0o555)
    pins.write_text("module x\n")
    put_in(REPAIR, module, copy, pins)
    (module / "pkg").chmod(0o755)
    assert (copy / "pkg" / "a.go").read_text() == "1\n2\n"
    assert (copy / "b.go").read_text() == "b\n"
    assert (module / "pkg" / "a.go").read_text() == "one\ntwo\n"
    assert pins.read_text() == f"module x\n\nreplace example.org/m => {copy}\n"


def test_a_repair_is_part_of_a_builds_key() -> None:
    (build,) = [one for one in BUILDS if one.repair is not None]
    assert build.name == "pulumi-resource-kubernetes"
    assert len({build.key(), replace(build, repair=None).key(), replace(build, repair=REPAIR).key()}) == 3
