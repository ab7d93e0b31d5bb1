"""Running the tools that images are built with."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError


def run(command: Sequence[str], what: str, *, timeout: float = 1200, cwd: Path | None = None) -> str:
    """Run a command and return what it printed; raises LabError with its last lines when it fails."""
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError:
        raise LabError(f"{what} needs {command[0]}, which is missing: run `python -m toolchain ensure lab`") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{what} did not end within {timeout:.0f} s; run the command again") from None
    if done.returncode != 0:
        tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise LabError(f"{what} failed: {tail}")
    return done.stdout
