"""The engine's notations: its colour markup, and the URNs of resources."""

import re
from typing import Final

_MARKUP: Final = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


def plain(message: str) -> str:
    """Remove the engine's colour markup."""
    return _MARKUP.sub("", message).strip()


def resource_name(urn: str) -> str:
    """Return a resource's own name from its URN."""
    return urn.rsplit("::", 1)[-1]


def resource_type(urn: str) -> str:
    """Return a resource's own type from its URN, without its parents' types."""
    parts = urn.split("::")
    return parts[-2].rsplit("$", 1)[-1] if len(parts) >= 2 else ""
