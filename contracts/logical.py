"""Logical types: which there are, and on what they may stand."""

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from contracts.avro import Logical, Type

_BASES: Final[Mapping[str, frozenset[Type]]] = {
    "decimal": frozenset({Type.BYTES, Type.FIXED}),
    "big-decimal": frozenset({Type.BYTES}),
    "uuid": frozenset({Type.STRING, Type.FIXED}),
    "date": frozenset({Type.INT}),
    "time-millis": frozenset({Type.INT}),
    "time-micros": frozenset({Type.LONG}),
    "timestamp-millis": frozenset({Type.LONG}),
    "timestamp-micros": frozenset({Type.LONG}),
    "timestamp-nanos": frozenset({Type.LONG}),
    "local-timestamp-millis": frozenset({Type.LONG}),
    "local-timestamp-micros": frozenset({Type.LONG}),
    "local-timestamp-nanos": frozenset({Type.LONG}),
    "duration": frozenset({Type.FIXED}),
}
"""Avro 1.12 specification, «Logical Types»."""

LOGICAL_TYPES: Final = frozenset(_BASES)
_FIXED_SIZES: Final = {"uuid": 16, "duration": 12}


def read_logical(base: Type, attributes: Mapping[str, Any], size: int = 0) -> Logical | None:
    """Return the logical type that a schema's attributes name; None when they name none.

    ``size`` is that of a fixed. An unknown name is kept and says nothing, as the specification asks. Raises ValueError
    for a known one that doesn't fit: Avro would ignore it without a word.
    """
    name = attributes.get("logicalType")
    if name is None:
        return None
    if not isinstance(name, str):
        raise ValueError("logicalType must be text")
    if name not in _BASES:
        return Logical(name)
    if base not in _BASES[name]:
        bases = " or ".join(sorted(_BASES[name]))
        raise ValueError(f"{name} stands on {bases}, not on {base}")
    if base is Type.FIXED and name in _FIXED_SIZES and size != _FIXED_SIZES[name]:
        raise ValueError(f"{name} has {_FIXED_SIZES[name]} bytes, not {size}")
    return _decimal(base, attributes, size) if name == "decimal" else Logical(name)


def _decimal(base: Type, attributes: Mapping[str, Any], size: int) -> Logical:
    precision, scale = attributes.get("precision"), attributes.get("scale", 0)
    if not _whole(precision) or precision < 1:
        raise ValueError("a decimal needs a precision, a whole number from 1")
    if not _whole(scale) or not 0 <= scale <= precision:
        raise ValueError(f"a decimal's scale is a whole number from 0 to its precision of {precision}")
    if base is Type.FIXED and precision > (most := len(str(2 ** (8 * size - 1) - 1)) - 1):
        raise ValueError(f"{size} bytes hold at most {most} digits, not {precision}")
    return Logical("decimal", precision, scale)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
