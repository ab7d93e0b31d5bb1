"""Which of AWS's plugins the engine we built uses: the real one where it is, else the checkout's stand-in."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

STAND_IN: Final = Path(__file__).resolve().parents[1] / "lab" / "aws" / "bin"
"""Directory of the stand-in, for PATH."""
_NAME: Final = "pulumi-resource-aws"


def real(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the real plugin that PATH or PULUMI_HOME has, None where there is none.

    The engine we built gets a PULUMI_HOME of ours unless one is set, so that the user's own isn't looked at.
    """
    home = environment.get("PULUMI_HOME")
    fetched = sorted(Path(home).glob(f"plugins/resource-aws-v*/{_NAME}")) if home else []
    if fetched:
        return fetched[-1]
    for directory in environment.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(_NAME, path=directory) if directory else None
        if found is not None and not is_stand_in(Path(directory)):
            return Path(found)
    return None


def is_stand_in(directory: Path) -> bool:
    """Whether a directory of PATH is the stand-in's, of this checkout or another."""
    return directory.resolve().parts[-3:] == STAND_IN.parts[-3:]


def directories(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return what PATH needs for AWS's plugin: nothing where the real one is."""
    return [] if real(environment) else [STAND_IN]
