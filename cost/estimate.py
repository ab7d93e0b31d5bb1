"""What a stack costs a month, by position."""

from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from config.base import Spec
from config.errors import ConfigError, Problem, from_pydantic, shown
from config.platform import PlatformSpec
from cost.balancers import balancer_positions
from cost.nodes import node_positions
from cost.position import Group, Position
from cost.prices import PriceTable, region_of
from cost.storage import object_positions, storage_positions
from cost.traffic import crossing, traffic_positions


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What the configuration doesn't say."""

    follower_fetching: bool = False
    """Consumers set ``client.rack`` and so fetch from a replica in their zone (KIP-392). The brokers allow it."""
    outside_share: float = 0.0
    """Share, 0 to 1, of clients' bytes that comes through the brokers' load balancers."""


class Estimate(Spec):
    """A stack's monthly cost. What `ops cost --json` prints, and what a later estimate is compared with."""

    stack: str
    region: str
    """Region whose prices were used."""
    currency: str
    """ISO 4217."""
    prices_as_of: date
    follower_fetching: bool
    """Assumptions' figure, as the next one."""
    outside_share: float
    positions: tuple[Position, ...]
    monthly: float
    """Sum of the positions."""
    follower_fetching_saves: float
    """What consumers cost less when they fetch in their zone; where they do, what they would cost more."""

    def group(self, group: Group) -> float:
        """Return the sum of a group's positions."""
        return round(sum(each.monthly for each in self.positions if each.group is group), 2)


def estimate(platform: PlatformSpec, table: PriceTable, assumptions: Assumptions | None = None) -> Estimate:
    """Estimate a stack.

    Raises ConfigError for what has no price (a region, a StorageClass, a machine large enough), and for an
    ``outside_share`` that is no share.
    """
    assumed = assumptions or Assumptions()
    if not 0 <= assumed.outside_share <= 1:
        problem = Problem("outside_share", shown(assumed.outside_share), "it is a share from 0 to 1", "correct it")
        raise ConfigError([problem])
    region = region_of(platform.kubernetes.zones, table)
    prices = table.regions[region]
    traffic = {
        fetching: list(traffic_positions(crossing(platform, follower_fetching=fetching), prices.cross_zone_gb))
        for fetching in (False, True)
    }
    positions = (
        *node_positions(platform, prices.instances),
        *storage_positions(platform, table, prices),
        *traffic[assumed.follower_fetching],
        *object_positions(platform, prices),
        *balancer_positions(platform, prices.load_balancer, assumed.outside_share),
    )
    return Estimate(
        stack=platform.stack,
        region=region,
        currency=table.currency,
        prices_as_of=table.as_of,
        follower_fetching=assumed.follower_fetching,
        outside_share=assumed.outside_share,
        positions=positions,
        monthly=_sum(positions),
        follower_fetching_saves=round(_sum(traffic[False]) - _sum(traffic[True]), 2),
    )


def _sum(positions: tuple[Position, ...] | list[Position]) -> float:
    return round(sum(each.monthly for each in positions), 2)


def read_estimate(text: str) -> Estimate:
    """Read what `ops cost --json` printed; raises ConfigError that names what is wrong."""
    try:
        return Estimate.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(from_pydantic(error, Estimate, ["estimate"])) from None
