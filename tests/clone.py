"""The present sources as a fresh clone would have them, uncommitted changes included."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_GIT = ("git", "-c", "safe.directory=*")


def git(*arguments: str, cwd: Path) -> str:
    return subprocess.run([*_GIT, *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def clone(to: Path) -> None:
    """Make the clone, with this interpreter's virtual environment."""
    git("clone", "--quiet", str(ROOT), str(to), cwd=to.parent)
    for name in git("ls-files", "--modified", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_bytes((ROOT / name).read_bytes())
    (to / ".venv").symlink_to(sys.prefix)
