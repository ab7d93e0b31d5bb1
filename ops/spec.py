"""Checks a stack's configuration as the program will, before lab or engine begin."""

import json
import os
from collections.abc import Mapping
from typing import Any

import yaml

from config.build import build_platform
from config.errors import ConfigError, Problem
from config.literals import PROJECT
from config.load import stack_values
from config.platform import PlatformSpec
from ops.failure import Failure
from ops.workspace import Workspace


def as_engine_gives_it(text: str) -> dict[str, str]:
    """Return a ``Pulumi.<stack>.yaml``'s configuration as the engine hands it to the program: plain values as text."""
    config: Mapping[str, Any] = (yaml.safe_load(text) or {}).get("config") or {}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if key.startswith(f"{PROJECT}:") and not (isinstance(value, dict) and set(value) == {"secure"})
    }


def values_of(
    workspace: Workspace, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, Any], list[Problem]]:
    """Read the stack's values, overlay included, and what is wrong with their form; raises Failure for no YAML."""
    try:
        config = as_engine_gives_it(workspace.config_text())
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        reason = getattr(error, "problem", None) or error
        raise Failure(f"{workspace.config_file.name} can't be used ({reason})", "correct the file") from None
    return stack_values(config, environment.get("PLATFORM_OVERLAY"))


def platform_of(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> PlatformSpec:
    """Build the stack's typed tree, overlay included; raises ConfigError with every problem, Failure for no YAML."""
    values, problems = values_of(workspace, environment)
    try:
        platform = build_platform(workspace.stack, values)
    except ConfigError as error:
        raise ConfigError([*error.problems, *problems]) from None
    if problems:
        raise ConfigError(problems)
    return platform
