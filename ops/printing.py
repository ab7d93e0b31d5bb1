"""How commands print: one JSON document, or text for people."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console


def print_document(document: Mapping[str, Any]) -> None:
    """Print what ``--json`` asks for on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def console() -> Console:
    """Return what prints for people."""
    return Console(highlight=False)
