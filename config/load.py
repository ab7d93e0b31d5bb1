"""The only reader of Pulumi's configuration."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from config.build import KEYS, build_platform, merge
from config.connect import ConnectSpec
from config.errors import ConfigError, Problem, shown
from config.literals import PROJECT
from config.platform import PlatformSpec
from config.yaml_file import read_yaml, yaml_problem

MASTER_SECRET: Final = "master_secret"  # noqa: S105
MASTER_SECRET_MIN: Final = 32
"""Fewest characters of a master secret: 32 of base64 carry 192 bits."""
CONNECT_SECRETS: Final = "connect_secrets"
_TEXTS: Final = frozenset({"image_digest"})
"""Keys whose value is text; the others' is structured, or true or false."""
_SET_CONNECT_SECRET: Final = f"pulumi config set --secret --path {PROJECT}:{CONNECT_SECRETS}.NAME"
_SET_SECRET: Final = f'pulumi config set --secret {PROJECT}:{MASTER_SECRET} "$(openssl rand -base64 32)"'


def load_platform() -> tuple[PlatformSpec, pulumi.Output[str]]:
    """Read the stack's configuration, the catalogue and the overlay that PLATFORM_OVERLAY names.

    Returns the checked platform and the master secret as a secret Output. Raises pulumi.RunError with every problem
    at once, which the engine prints without a traceback.
    """
    config: Mapping[str, str] = json.loads(os.environ.get("PULUMI_CONFIG") or "{}")
    secret_keys: Sequence[str] = json.loads(os.environ.get("PULUMI_CONFIG_SECRET_KEYS") or "[]")
    try:
        values, problems = stack_values(config, os.environ.get("PLATFORM_OVERLAY"))
        problems += secret_problems(config, secret_keys)
        try:
            platform = build_platform(pulumi.get_stack(), values)
        except ConfigError as error:
            raise ConfigError([*error.problems, *problems]) from None
        problems += connect_secret_problems(config, platform.connect)
        if problems:
            raise ConfigError(problems)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
    return platform, pulumi.Config(PROJECT).require_secret(MASTER_SECRET)


def stack_values(config: Mapping[str, str], overlay: str | None) -> tuple[dict[str, Any], list[Problem]]:
    """Decode the engine's key-to-text configuration and lay the overlay file over it.

    Raises ConfigError when the overlay can't be read.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for full, text in config.items():
        space, _, key = full.partition(":")
        if space != PROJECT or key in (MASTER_SECRET, CONNECT_SECRETS):
            continue
        try:
            values[key] = json.loads(text)
        except json.JSONDecodeError:
            if key in KEYS - _TEXTS:
                problems.append(
                    Problem(key, shown(text), "it is no structured value", "set it with pulumi config set --path")
                )
            else:
                values[key] = text
    if overlay:
        values = merge(values, read_overlay(Path(overlay)))
    return values, problems


def read_overlay(file: Path) -> Mapping[str, Any]:
    """Read an overlay: a YAML mapping with the stack configuration's keys, without the project's prefix."""
    try:
        document = read_yaml(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError([Problem("PLATFORM_OVERLAY", shown(str(file)), reason, "name a YAML file")]) from None
    except yaml.YAMLError as error:
        problem = Problem("PLATFORM_OVERLAY", shown(str(file)), yaml_problem(error), "correct the file")
        raise ConfigError([problem]) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("PLATFORM_OVERLAY", shown(str(file)), "it must be a mapping", "correct the file")])
    return document


def secret_problems(config: Mapping[str, str], secret_keys: Sequence[str]) -> list[Problem]:
    """Check that what is secret is there and encrypted, and nothing else is; no message shows it."""
    problems = [*_master_secret(config, secret_keys), *_needless_secrets(secret_keys)]
    key = f"{PROJECT}:{CONNECT_SECRETS}"
    if key in config and key not in secret_keys:
        remedy = f"set new values: {_SET_CONNECT_SECRET}"
        problems.append(Problem(key, "", "it stands in plain text in the stack's file", remedy))
    return problems


def connect_secret_problems(config: Mapping[str, str], connect: ConnectSpec | None) -> list[Problem]:
    """Check that connectors find every secret they name, and that none is there in vain."""
    key = f"{PROJECT}:{CONNECT_SECRETS}"
    wanted = set(connect.secret_names) - set(connect.derived_secrets) if connect else set()
    try:
        values = json.loads(config.get(key) or "{}")
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) and value for value in values.values()):
        return [Problem(key, "its value", "it must be a mapping of names to texts", f"set it: {_SET_CONNECT_SECRET}")]
    missing = [
        Problem(f"{key}.{name}", "", "it is missing", "set it: " + _SET_CONNECT_SECRET.replace("NAME", name))
        for name in sorted(wanted - values.keys())
    ]
    needless = [
        Problem(f"{key}.{name}", "", "no connector uses it", f"pulumi config rm --path {key}.{name}")
        for name in sorted(values.keys() - wanted)
    ]
    return [*missing, *needless]


def read_connect_secrets(connect: ConnectSpec | None) -> pulumi.Output[dict[str, str]]:
    """Return the values of connectors' secrets that the stack's configuration holds, by name, as a secret Output."""
    if connect is None or not set(connect.secret_names) - set(connect.derived_secrets):
        return pulumi.Output.secret({})
    return pulumi.Config(PROJECT).require_secret(CONNECT_SECRETS).apply(json.loads)


def _needless_secrets(secret_keys: Sequence[str]) -> Iterator[Problem]:
    """Other keys end up in objects and messages in plain: encrypting them would only pretend."""
    for key in sorted(secret_keys):
        space, _, name = key.partition(":")
        if space == PROJECT and name not in (MASTER_SECRET, CONNECT_SECRETS):
            allowed = f"only {MASTER_SECRET} and {CONNECT_SECRETS} may be encrypted"
            yield Problem(key, "", allowed, "set it without --secret")


def _master_secret(config: Mapping[str, str], secret_keys: Sequence[str]) -> list[Problem]:
    key = f"{PROJECT}:{MASTER_SECRET}"
    if key not in config:
        return [Problem(key, "", "it is missing", f"set it: {_SET_SECRET}")]
    if key not in secret_keys:
        return [
            Problem(key, "", "it stands in plain text in the stack's file", f"replace it by a new one: {_SET_SECRET}")
        ]
    if len(config[key].strip()) < MASTER_SECRET_MIN:
        return [
            Problem(key, "", f"it must have at least {MASTER_SECRET_MIN} characters", f"set a new one: {_SET_SECRET}")
        ]
    return []
