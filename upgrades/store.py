"""releases/: one folder a release, in it a recording of every stack."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from semver import VersionInfo

from ops.failure import Failure
from upgrades.recording import Recorded, RecordingError, parse

FOLDER: Final = "releases"


def versions(checkout: Path) -> list[VersionInfo]:
    """Return all recorded releases, the oldest first; raises Failure for a folder that is none."""
    found: list[VersionInfo] = []
    for folder in sorted((checkout / FOLDER).glob("[!.]*/")):
        try:
            found.append(VersionInfo.parse(folder.name))
        except ValueError:
            raise Failure(f"{FOLDER}/{folder.name} is no version", "move it elsewhere") from None
    return sorted(found)


def stacks(checkout: Path, version: VersionInfo) -> list[str]:
    """Return the stacks that a release was recorded of."""
    return sorted(file.stem for file in (checkout / FOLDER / str(version)).glob("*.json"))


def read(checkout: Path, version: VersionInfo, stack: str) -> list[Recorded]:
    """Read a recording; raises Failure when there is none, or it can't be read."""
    name = f"{FOLDER}/{version}/{stack}.json"
    try:
        return parse((checkout / name).read_text(encoding="utf-8"), name)
    except FileNotFoundError:
        raise Failure(f"there is no {name}", f"release {version} has: {', '.join(stacks(checkout, version))}") from None
    except RecordingError as error:
        raise Failure(str(error)) from None


def write(checkout: Path, version: VersionInfo, texts: Mapping[str, str]) -> Sequence[Path]:
    """Write a release's recordings, by stack, all of them or none; raises FileExistsError when it has some."""
    folder = checkout / FOLDER / str(version)
    if folder.exists():
        raise FileExistsError(folder)
    draft = folder.with_name(f".{version}")
    # Of a run that was killed.
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for stack, text in texts.items():
        (draft / f"{stack}.json").write_text(text, encoding="utf-8")
    draft.rename(folder)
    return sorted(folder.iterdir())
