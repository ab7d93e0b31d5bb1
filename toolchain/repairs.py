"""Repairs of upstream's sources, put into a copy of the module that is compiled, where its release has a defect."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.process import Failed


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Replacements in one file of a module that a go.mod of ours pins."""

    module: str
    """Path of the module."""
    file: str
    """The file's path inside that module."""
    replacements: tuple[tuple[str, str], ...]
    """What stands in the file once, and what is to stand there."""


def repaired(repair: Repair, text: str) -> str:
    """Return a file's text with a repair; raises Failed where it isn't the text that the repair was made for."""
    for old, new in repair.replacements:
        if text.count(old) != 1:
            raise Failed(f"{repair.module} has another {repair.file}: look whether it still needs its repair.")
        text = text.replace(old, new)
    return text


def put_in(repair: Repair, module: Path, copy: Path, go_mod: Path) -> None:
    """Copy the module's directory, repair the copy, and have a go.mod take it; raises Failed as ``repaired`` does."""
    # Without modes: the module cache is read-only.
    shutil.copytree(module, copy, copy_function=shutil.copyfile)
    for folder in (copy, *copy.rglob("*/")):
        folder.chmod(0o755)
    file = copy / repair.file
    file.write_text(repaired(repair, file.read_text()))
    with go_mod.open("a") as pins:
        pins.write(f"\nreplace {repair.module} => {copy}\n")


DELETION: Final = Repair(
    module="github.com/pulumi/pulumi-kubernetes/provider/v4",
    file="pkg/await/condition/deleted.go",
    replacements=(
        (
            "\twg.Add(1)\n",
            "\twg.Add(1)\n\tvar turn sync.Mutex\n\tleft := false\n"
            "\tdefer func() {\n\t\tturn.Lock()\n\t\tleft = true\n\t\tturn.Unlock()\n\t}()\n",
        ),
        (
            "\t\t\tif !yield(e) {\n",
            "\t\t\tturn.Lock()\n\t\t\tgoing := !left && yield(e)\n\t\t\tturn.Unlock()\n\t\t\tif !going {\n",
        ),
    ),
)
"""An object that is gone at once ended the plugin: the loop over its events was left while one was handed to it
(pulumi-kubernetes#4078). Later releases wait for that; they belong to a later Python package than the pinned one."""
