"""A stack's configuration as a release is recorded and judged with it: its own, and what isn't committed made up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from config.errors import ConfigError
from config.load import stack_values
from ops.placeholders import completed, missing_connect_secrets, with_digests
from ops.spec import as_engine_gives_it

MASTER_SECRET: Final = "recorded for releases, no stack's own"  # noqa: S105 - public, it protects nothing
"""Instead of a stack's own. It is the same in every release, or every password and owner would change."""


@dataclass(frozen=True)
class MadeUp:
    """What stands in for what isn't committed. It follows from the configuration: chance would differ each time."""

    overlay: Mapping[str, Any]
    """Digests of images, which CI sets."""
    connect_secrets: Mapping[str, str]
    """Secrets that connectors are given, by name."""


def committed(text: str) -> str:
    """Return a ``Pulumi.<stack>.yaml`` without what is encrypted, and without the keys to it."""
    config: Mapping[str, Any] = (yaml.safe_load(text) or {}).get("config") or {}
    return yaml.safe_dump({"config": {key: value for key, value in config.items() if not _encrypted(value)}})


def _encrypted(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(key == "secure" or _encrypted(item) for key, item in value.items())
    )


def made_up(stack: str, text: str) -> MadeUp:
    """Return what a stack's ``committed`` configuration lacks; raises ConfigError with what else is wrong with it."""
    values, problems = stack_values(as_engine_gives_it(text), None)
    if problems:
        raise ConfigError(problems)
    platform, digests = completed(stack, values)
    names = missing_connect_secrets(platform.connect)
    return MadeUp(with_digests({}, digests), {name: f"{name}, no stack's own" for name in names})
