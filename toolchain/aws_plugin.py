"""Which of AWS's plugins the engine we built uses: the real one where it is, else the checkout's stand-in."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

NAME: Final = "pulumi-resource-aws"
STAND_IN: Final = Path(__file__).resolve().parents[1] / "lab" / "aws" / "bin" / NAME
"""This checkout's stand-in."""
VARIABLE: Final = "KAFKA_PLATFORM_AWS_PLUGIN"
"""What the launcher in our PULUMI_HOME starts: the home is in the cache that all checkouts share."""
LAUNCHER: Final = f"""#!/bin/sh
exec "${{{VARIABLE}:?names the stand-in for the plugin of AWS; . .state/env sets it}}" "$@"
"""


def real(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the real plugin that PULUMI_HOME or PATH has, None where there is none.

    The engine we built gets a PULUMI_HOME of ours unless one is set, so that the user's usual one isn't looked at.
    """
    home = environment.get("PULUMI_HOME")
    fetched = sorted(Path(home).glob(f"plugins/resource-aws-v*/{NAME}")) if home else []
    for file in reversed(fetched):
        if file.read_bytes() != LAUNCHER.encode():
            return file
    for directory in environment.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(NAME, path=directory) if directory else None
        if found is not None and not is_stand_in(Path(directory)):
            return Path(found)
    return None


def is_stand_in(directory: Path) -> bool:
    """Whether a directory of PATH is the stand-in's, of this checkout or another."""
    return directory.resolve().parts[-3:] == STAND_IN.parent.parts[-3:]
