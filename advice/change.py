"""A change that a rule advises, and how it is laid over a stack's typed tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from config.base import size_text
from config.errors import dotted

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
"""Keys down the typed tree; an item of a list by its index or its name."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Another value of one key."""

    location: Location
    value: Any
    """As the typed tree has it."""
    current: str
    """As the configuration has it, or would have it."""
    advised: str
    reason: str
    watched: float
    """Seconds that it follows from."""

    @property
    def path(self) -> str:
        """The key's path, as messages about the configuration have it."""
        return dotted(self.location)


def replaced(model: Model, location: Sequence[str | int], value: Any) -> Model:
    """Return a typed tree with another value at one place; raises LookupError for a place that isn't there."""
    return cast(Model, _replaced(model, list(location), value))


def _replaced(node: Any, location: list[str | int], value: Any) -> Any:
    if not location:
        return value
    key, rest = location[0], location[1:]
    if isinstance(node, BaseModel):
        name = str(key)
        if name not in type(node).model_fields:
            raise LookupError(name)
        return node.model_copy(update={name: _replaced(getattr(node, name), rest, value)})
    index = key if isinstance(key, int) else [each.name for each in node].index(key)
    return (*node[:index], _replaced(node[index], rest, value), *node[index + 1 :])


def cores_text(cores: float) -> str:
    """Return cores as a request has them: ``2``, ``250m``."""
    return str(round(cores)) if abs(cores - round(cores)) < 1e-9 else f"{round(cores * 1000)}m"


def amount(size: float) -> str:
    """Return bytes for people: ``1.5Gi``, ``300Mi``."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if size >= factor:
            return f"{size / factor:.3g}{unit}" if size / factor < 1000 else f"{size / factor:.0f}{unit}"
    return f"{size:.0f} bytes"


def span(seconds: float) -> str:
    """Return a time for people: ``45 s``, ``2 h``, ``3 days``."""
    for unit, factor in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def size_change(location: Location, current: int, value: int, reason: str, watched: float) -> Change:
    """Return a change of a number of bytes."""
    return Change(
        location=location,
        value=value,
        current=size_text(current),
        advised=size_text(value),
        reason=reason,
        watched=watched,
    )
