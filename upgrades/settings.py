"""A stack's configuration as a release is recorded and judged with it: its own, and what isn't committed made up."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from config.build import build_platform, merge
from config.connect import ConnectSpec
from config.errors import ConfigError
from config.literals import PROJECT
from config.load import stack_values
from ops.spec import as_engine_gives_it

MASTER_SECRET: Final = "recorded for releases, no stack's own"  # noqa: S105 - public, it protects nothing
"""Instead of a stack's own. It is the same in every release, or every password and owner would change."""
_DIGEST: Final = "sha256:" + "0" * 64
"""Instead of those that CI sets."""
_DIGEST_KEYS: Final = frozenset({"digest", "image_digest"})


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


def digests(stack: str, text: str) -> dict[str, Any]:
    """Return an overlay with a digest for every image whose own the configuration lacks.

    Which these are, the configuration's rules say. What else is wrong with it, the program itself will tell.
    """
    values, _ = stack_values(as_engine_gives_it(text), None)
    try:
        build_platform(stack, values)
    except ConfigError as error:
        paths = [problem.path.split(".") for problem in error.problems if not problem.value]
    else:
        return {}
    overlay: dict[str, Any] = {}
    for path in paths:
        if path[-1] in _DIGEST_KEYS:
            found: Any = _DIGEST
            for key in reversed(path):
                found = {key: found}
            overlay = merge(overlay, found)
    return overlay


def connector_secrets(stack: str, text: str, overlay: Mapping[str, Any]) -> dict[str, str]:
    """Return a value for every secret that connectors are given by the stack's configuration, by name."""
    values, _ = stack_values(as_engine_gives_it(text), None)
    try:
        connect: ConnectSpec | None = build_platform(stack, merge(values, overlay)).connect
    except ConfigError:
        return {}
    if connect is None:
        return {}
    names = sorted(set(connect.secret_names) - set(connect.derived_secrets))
    return {name: f"{PROJECT} {name}, no stack's own" for name in names}
