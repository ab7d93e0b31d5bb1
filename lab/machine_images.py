"""Which images a machine's containerd has, and how it gets those that it lacks while it runs."""

from collections.abc import Mapping
from pathlib import Path

from lab.paths import MachineLayout
from lab.plan import Machine
from lab.steps import Cancel, Report
from lab.template import import_archive

Images = Mapping[str, Path]
"""Archives by the digests of their images."""


def record(files: MachineLayout, images: Images) -> None:
    """Note that the machine has these images."""
    files.images.write_text("".join(f"{digest}\n" for digest in images))


def complete(machine: Machine, files: MachineLayout, images: Images, cancel: Cancel, report: Report) -> None:
    """Give a running machine the images that a newer checkout needs; pods keep the ones they were started from."""
    known = set(files.images.read_text().split()) if files.images.exists() else set()
    for digest, archive in images.items():
        if digest not in known:
            report(f"a new image for {machine.name}")
            import_archive(files.socket, archive, cancel)
            with files.images.open("a") as stream:
                stream.write(f"{digest}\n")
