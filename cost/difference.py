"""What a change does to the cost of a stack."""

from dataclasses import dataclass

from config.errors import ConfigError, Problem, shown
from cost.estimate import Estimate
from cost.position import Group, Position


@dataclass(frozen=True, kw_only=True)
class Change:
    """A position that costs more or less than before; amounts are a month's."""

    group: Group
    name: str
    before: float
    after: float

    @property
    def more(self) -> float:
        """How much more it costs; below zero when it costs less."""
        return round(self.after - self.before, 2)


@dataclass(frozen=True, kw_only=True)
class CostDifference:
    """Two estimates of one stack, side by side; amounts are a month's."""

    currency: str
    before: float
    after: float
    changes: tuple[Change, ...]
    """Positions whose amount differs, the largest difference first."""

    @property
    def more(self) -> float:
        """How much more the stack costs; below zero when it costs less."""
        return round(self.after - self.before, 2)


def difference(before: Estimate, after: Estimate) -> CostDifference:
    """Compare two estimates; raises ConfigError when they are of different stacks or currencies."""
    for field in ("stack", "currency"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            remedy = "compare estimates of the same stack, made with the same table of prices"
            raise ConfigError(
                [Problem(f"estimate.{field}", shown(old), f"the other estimate has {shown(new)}", remedy)]
            )
    old_amounts, new_amounts = _amounts(before.positions), _amounts(after.positions)
    changes = [
        Change(
            group=group, name=name, before=old_amounts.get((group, name), 0), after=new_amounts.get((group, name), 0)
        )
        for group, name in dict.fromkeys((*old_amounts, *new_amounts))
    ]
    return CostDifference(
        currency=after.currency,
        before=before.monthly,
        after=after.monthly,
        changes=tuple(
            sorted((each for each in changes if each.more), key=lambda each: (-abs(each.more), each.group, each.name))
        ),
    )


def _amounts(positions: tuple[Position, ...]) -> dict[tuple[Group, str], float]:
    return {(each.group, each.name): each.monthly for each in positions}
