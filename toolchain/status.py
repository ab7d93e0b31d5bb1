"""What of the toolchain is there."""

import dataclasses
import json
from dataclasses import dataclass

from toolchain import debian, engine
from toolchain.builds import BUILDS
from toolchain.cache import Entry, Missing, cache_root
from toolchain.compilation import RECORD
from toolchain.packages import INSTALLED, UNPACKED, there


@dataclass(frozen=True)
class Item:
    """One entry of the cache or one system package."""

    name: str
    group: str
    present: bool
    path: str = ""
    """Directory of the entry; empty for a system package."""
    bytes: int = 0
    seconds: float = 0.0
    """How long it took to make, 0 if that wasn't recorded."""
    go: str = ""
    """Release of the Go that made it."""


@dataclass(frozen=True)
class Status:
    """Everything there is to tell."""

    engine: str
    """Path of the ``pulumi`` that is used; empty when there is none."""
    items: tuple[Item, ...]

    @property
    def complete(self) -> bool:
        """Whether everything is there that is made without being asked for by name."""
        return all(item.present for item in self.items if item.group != "bench")

    def document(self) -> dict[str, object]:
        """As JSON takes it."""
        return {"cache": str(cache_root()), **dataclasses.asdict(self)}


def status() -> Status:
    """Look at the cache and the system; nothing is run but an installed ``pulumi``."""
    theirs = engine.installed()
    items = [
        # An installed engine fetches its own plugins, so ours aren't needed.
        _entry(build.name, build.group, build.entry)
        for build in BUILDS
        if not (theirs and build.group == "pulumi")
    ]
    items += [_entry(package.name, package.group, package.entry) for package in UNPACKED]
    items += [
        Item(package.names[0], ", ".join(package.groups), there(package, debian.on_this_machine))
        for package in INSTALLED
    ]
    try:
        used = str(theirs or engine.engine())
    except Missing:
        used = ""
    return Status(used, tuple(items))


def _entry(name: str, group: str, entry: Entry) -> Item:
    if not entry.present:
        return Item(name, group, present=False, path=str(entry.path))
    size = sum(file.stat().st_size for file in entry.path.rglob("*") if file.is_file() and not file.is_symlink())
    record = entry.path / RECORD
    made = json.loads(record.read_text()) if record.is_file() else {}
    return Item(name, group, True, str(entry.path), size, made.get("seconds", 0.0), made.get("go", ""))
