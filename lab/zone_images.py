"""Which images a zone's containerd has, and how it gets those that it lacks while it runs."""

from collections.abc import Sequence
from pathlib import Path

from lab.paths import ZoneLayout
from lab.steps import Cancel, Report
from lab.template import image_digest, import_archive


def record(files: ZoneLayout, archives: Sequence[Path]) -> None:
    """Note that the zone has these images."""
    files.images.write_text("".join(f"{image_digest(archive)}\n" for archive in archives))


def missing(files: ZoneLayout, archives: Sequence[Path]) -> list[Path]:
    """Return the archives whose images the zone doesn't have."""
    known = set(files.images.read_text().split()) if files.images.exists() else set()
    return [archive for archive in archives if image_digest(archive) not in known]


def complete(files: ZoneLayout, archives: Sequence[Path], cancel: Cancel, report: Report) -> None:
    """Give a running zone the images that a newer checkout needs; pods keep the ones they were started from."""
    for archive in missing(files, archives):
        report(f"a new image for zone {files.root.name}")
        import_archive(files.socket, archive, cancel)
        with files.images.open("a") as stream:
            stream.write(f"{image_digest(archive)}\n")
