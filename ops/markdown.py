"""Text of others in Markdown: nothing in it is markup, a mention or a secret."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from config.errors import is_secret_name
from config.literals import PULUMI_SECRET

SECRET: Final = "[secret]"  # noqa: S105
NAME_LIMIT: Final = 253
"""Characters of a name: the longest one that Kubernetes has; Kafka's are shorter."""
VALUE_LIMIT: Final = 80
"""Characters of a value."""
_SPECIAL: Final = re.compile(r"[^A-Za-z0-9 \-/,=+.]")
_WWW: Final = re.compile(r"(www)\.", re.IGNORECASE)
"""GitHub makes a link of what begins so, without a scheme."""
_PRIVATE: Final = re.compile(rf"PRIVATE KEY-----|{PULUMI_SECRET}")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_CONTENT: Final = re.compile(r"^(data|stringData|string_data|binaryData)\b")
_SECRET_TYPE: Final = "kubernetes:core/v1:Secret"  # noqa: S105


def code(text: str, limit: int = VALUE_LIMIT) -> str:
    """Return text as inline code, cut to ``limit`` characters.

    Everything but plain letters becomes an entity, so that no Markdown, HTML or link begins in it. GitHub pings nobody
    inside code; behind an @ stands a zero-width space besides, which no name has.
    """
    if text == SECRET:
        return f"<code>{SECRET}</code>"
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return f"<code>{escaped(cut)}</code>"


def escaped(text: str) -> str:
    """Return text without control characters, and with an entity for each character that could be markup."""
    return _WWW.sub(r"\1&#46;", _SPECIAL.sub(lambda found: _entity(found[0]), text))


def _entity(character: str) -> str:
    if character == "@":
        return "&#64;&#8203;"
    if character.isascii():
        return f"&#{ord(character)};" if character.isprintable() else " "
    # Control and format characters, surrogates: some of them turn the direction of what follows.
    return "\ufffd" if unicodedata.category(character)[0] == "C" else character


def value_text(resource_type: str, path: str, value: Any) -> str:
    """Return a value as one line, ``[secret]`` where it is one or may be one."""
    if value is None:
        return "nothing"
    blind = blinded_property(resource_type, path, value)
    return blind if isinstance(blind, str) else json.dumps(blind, sort_keys=True, default=str)


def blinded_property(resource_type: str, path: str, value: Any) -> Any:
    """Return a property's value with ``[secret]`` for what is a secret or may be one; None stays what it is."""
    if value is not None and _is_secret_path(resource_type, path):
        return SECRET
    return blinded(value)


def _is_secret_path(resource_type: str, path: str) -> bool:
    in_secret = resource_type == _SECRET_TYPE and bool(_SECRET_CONTENT.match(path))
    return in_secret or is_secret_name(_CAMEL.sub("_", path))


def blinded(value: Any) -> Any:
    """Replace each secret in a value by ``[secret]``: it is known by its mark, its key's name, or its PEM armour."""
    if isinstance(value, Mapping):
        if PULUMI_SECRET in value:
            return SECRET
        return {key: SECRET if is_secret_name(_CAMEL.sub("_", key)) else blinded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [blinded(item) for item in value]
    if isinstance(value, str) and _PRIVATE.search(value):
        return SECRET
    return value
