"""Programs the lab runs and the environment it runs them in."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lab.errors import LabError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@cache
def tool(name: str) -> Path:
    """Return a program of the toolchain; raises LabError with the remedy when it isn't there."""
    from toolchain.cache import Missing
    from toolchain.programs import program

    try:
        return program(name)
    except Missing as error:
        raise LabError(str(error)) from None


@cache
def system(name: str) -> str:
    """Return a program of the machine; raises LabError naming the Debian package that has it."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        package = {"ip": "iproute2"}.get(name, "util-linux")
        raise LabError(
            f"program {name} is missing: install the package {package}, "
            "or name another cluster with KUBE_CONTEXT to do without the lab"
        )
    return found


def run(command: Sequence[str], text: str = "") -> str:
    """Run a program to its end and return what it printed; raises LabError with its complaint when it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        complaint = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise LabError(f"`{' '.join(command)}` failed: {complaint}")
    return done.stdout


def environment(*programs: Path) -> dict[str, str]:
    """Return what a process of the lab gets: a PATH with the programs it calls, and nothing of the caller's.

    GOMAXPROCS keeps a process from starting a thread per core of a large machine; GOGC trades a little time for memory.
    """
    places = dict.fromkeys([*(str(program.parent) for program in programs), *SYSTEM_PATH.split(":")])
    return {
        "PATH": os.pathsep.join(places),
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "GOMAXPROCS": "2",
        "GOGC": "75",
    }
