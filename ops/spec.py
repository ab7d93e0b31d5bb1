"""Checks a stack's configuration as the program will, before lab or engine begin."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from config.build import build_platform, merge
from config.literals import PROJECT
from config.platform import PlatformSpec
from ops.failure import Failure
from ops.stack_config import MASTER_SECRET_KEY
from ops.workspace import Workspace


def plain_values(text: str) -> dict[str, Any]:
    """Return the project's own values of a ``Pulumi.<stack>.yaml`` by key, the master secret left out.

    The engine stores what ``pulumi config set`` was given as text; what is JSON in it is read as such.
    """
    config = (yaml.safe_load(text) or {}).get("config") or {}
    prefix = f"{PROJECT}:"
    return {
        key.removeprefix(prefix): _parsed(value)
        for key, value in config.items()
        if key.startswith(prefix) and key != MASTER_SECRET_KEY
    }


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def platform_of(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> PlatformSpec:
    """Build the stack's typed tree, overlay included; raises ConfigError with every problem, Failure for no YAML."""
    try:
        values = plain_values(workspace.config_text())
    except (yaml.YAMLError, AttributeError) as error:
        raise Failure(f"{workspace.config_file.name} can't be used ({_reason(error)})", "correct the file") from None
    if overlay := environment.get("PLATFORM_OVERLAY"):
        try:
            over = yaml.safe_load(Path(overlay).read_text()) or {}
        except (OSError, yaml.YAMLError) as error:
            raise Failure(f"PLATFORM_OVERLAY {overlay} can't be used ({_reason(error)})", "correct it") from None
        values = merge(values, over)
    return build_platform(workspace.stack, values)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or getattr(error, "problem", None) or error)
