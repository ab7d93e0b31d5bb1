"""One line of an estimate."""

from enum import StrEnum

from config.base import Spec


class Group(StrEnum):
    """What a position belongs to, in the order they are shown."""

    NODES = "nodes"
    STORAGE = "block storage"
    TRAFFIC = "cross-zone traffic"
    OBJECTS = "object storage"
    BALANCERS = "load balancers"


class Position(Spec):
    """An amount of something at a price."""

    group: Group
    name: str
    """Unique in its group, and the same from one estimate to the next."""
    quantity: float
    unit: str
    """What the quantity counts and the price is for: ``GB``, ``c6i.large``."""
    unit_price: float
    """Of one unit for a month."""
    monthly: float
    """Quantity times price, to the cent."""


def position(group: Group, name: str, quantity: float, unit: str, unit_price: float) -> Position:
    """Return a position with its amount; ``unit_price`` is for a month."""
    return Position(
        group=group,
        name=name,
        quantity=round(quantity, 3),
        unit=unit,
        unit_price=unit_price,
        monthly=round(quantity * unit_price, 2),
    )
