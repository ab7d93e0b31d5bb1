"""Names in schemas (Avro 1.12 specification, «Names»)."""

import re
from typing import Final

from contracts.avro import PRIMITIVES, Type

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED: Final = frozenset(PRIMITIVES) | {Type.RECORD, Type.ENUM, Type.ARRAY, Type.MAP, Type.FIXED, Type.UNION}
"""What no type may be called."""


def is_name(text: object) -> bool:
    """Tell whether a text can name a field, a symbol, or a type in its namespace."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_full_name(text: object) -> bool:
    """Tell whether a text is one or more names with dots between."""
    return isinstance(text, str) and all(is_name(part) for part in text.split("."))


def full_name(name: str, namespace: str) -> str:
    """Return a name with its namespace; a name with a dot in it has one already."""
    return name if "." in name or not namespace else f"{namespace}.{name}"
