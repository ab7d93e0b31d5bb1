"""What all specs share: closed models, scalar types with units, and names Kafka and Kubernetes accept."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

_DURATION: Final = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE: Final = re.compile(r"^(\d+)(Ki|Mi|Gi|Ti)?$")
_BYTES: Final = {None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Spec(BaseModel):
    """A plain, frozen, closed piece of configuration: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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
