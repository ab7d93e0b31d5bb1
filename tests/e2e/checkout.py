"""A copy of this checkout that a test may change."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import ROOT


def copied(root: Path) -> Path:
    """Copy what is committed and what is new to a folder that isn't there yet, and return it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / ".venv").symlink_to(sys.prefix)
    return root
