"""Terraform for a comparison: one ``apply`` in a folder of its own, with the provider the toolchain built."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.failure import Failure

TIMEOUT: Final = 600.0
"""Seconds an ``apply`` may take."""

_CONFIGURATION: Final = "terraform.rc"


def configuration(provider: Path) -> str:
    """Return the CLI's configuration: the provider of that directory and no other source, so nothing is downloaded."""
    return f'provider_installation {{\n  dev_overrides {{\n    "Mongey/kafka" = "{provider}"\n  }}\n}}\n'


def environment(outer: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the caller's environment without what would change a comparison, and with what keeps Terraform local."""
    kept = {name: value for name, value in outer.items() if not name.startswith(("KAFKA_", "TF_"))}
    return {
        **kept,
        "TF_CLI_CONFIG_FILE": str(folder / _CONFIGURATION),
        # Not even a question for a newer release.
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }


def apply(program: Path, provider: Path, folder: Path, parallel: int) -> None:
    """Run ``terraform apply`` with its defaults but the parallelism; raises Failure with Terraform's own words."""
    (folder / _CONFIGURATION).write_text(configuration(provider))
    try:
        done = subprocess.run(
            [program, "apply", "-auto-approve", "-input=false", "-no-color", f"-parallelism={parallel}"],
            cwd=folder,
            env=environment(os.environ, folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"terraform apply did not end within {TIMEOUT:.0f} s", "see `make status`") from None
    if done.returncode:
        raise Failure(f"terraform apply failed: {first_error(done.stderr)}", "see `make status`")


def first_error(text: str) -> str:
    """Return the first error of Terraform's output without its frame."""
    lines = [line.strip("│╷╵ ") for line in text.splitlines()]
    return next((line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")), "no reason given")
