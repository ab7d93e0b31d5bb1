"""What all specs share: closed models, scalar types with units, and names Kafka and Kubernetes accept."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

_DURATION: Final = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE: Final = re.compile(r"^(\d+)(Ki|Mi|Gi|Ti)?$")
_BYTES: Final = {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Spec(BaseModel):
    """A plain, frozen, closed piece of configuration: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise ValueError("it must be a number")
        return value


def parse_duration(value: object) -> object:
    """Turn ``"7d"`` into a timedelta; anything that isn't text is left to pydantic.

    Raises ValueError for text that is no whole number followed by ms, s, m, h or d.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a whole number with a unit, one of ms, s, m, h, d; for example 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_size(value: object) -> object:
    """Turn ``"10Gi"`` into bytes; raises ValueError for text that is no whole number with Ki, Mi, Gi or Ti."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a size is a whole number of bytes, or one with a unit of Ki, Mi, Gi, Ti; for example 10Gi")
    return int(match[1]) * _BYTES[match[2]]


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A span of time written as ``500ms``, ``30s``, ``15m``, ``12h`` or ``7d``."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""A number of bytes written as ``10Gi`` or as a plain number."""


def milliseconds(span: timedelta) -> int:
    """Return the span in whole milliseconds, as Kafka's ``*.ms`` settings want it."""
    return span // timedelta(milliseconds=1)


def duration_text(span: timedelta) -> str:
    """Return a span as it is written in the configuration: ``7d``, ``90m``."""
    whole = milliseconds(span)
    for unit, seconds in sorted(_SECONDS.items(), key=lambda item: -item[1]):
        size = round(seconds * 1000)
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}ms"


def size_text(size: int) -> str:
    """Return a number of bytes as it is written in the configuration: ``2Gi``, ``1048588``."""
    for unit, factor in sorted(_BYTES.items(), key=lambda item: -item[1]):
        if size and size % factor == 0:
            return f"{size // factor}{unit or ''}"
    return str(size)
