"""What a stack costs: the published case, and what must hold for every stack."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.platform import PlatformSpec
from cost.difference import difference
from cost.estimate import Assumptions, estimate, read_estimate
from cost.position import Group
from cost.prices import FILE, parse_prices
from cost.traffic import Crossing, Zones, crossing, replica_copies, to_leader, to_nearest
from ops.cost import cost
from ops.workspace import Workspace
from tests.priced import GIB, amounts, priced, stack

ROOT = Path(__file__).parents[2]


# AutoMQ's "AutoMQ vs. Apache Kafka Benchmarks and Cost": 1 GiB/s in and out, three zones, replication factor 3.
PUBLISHED_TRAFFIC, PUBLISHED_TOTAL, PUBLISHED_STORAGE, PUBLISHED_COMPUTE = 138_240, 226_671, 69_984, 18_447


def published(**changes: Any) -> PlatformSpec:
    """Its stack: three days on disks that are filled to 85%, on machines of the type it names (m7g.4xlarge)."""
    copies, seconds, filled, brokers = 3, 3 * 86_400, 0.85, 39
    size = round(copies * seconds * GIB / filled / brokers)
    return stack(rates=(GIB,), size=size, brokers_per_zone=13, resources={"cpu": "15", "memory": "60Gi"}, **changes)


def test_the_published_case_is_reproduced_within_a_tenth() -> None:
    found = priced(published(), follower_fetching=True)
    assert found.group(Group.TRAFFIC) == pytest.approx(PUBLISHED_TRAFFIC, rel=0.02)
    assert found.group(Group.STORAGE) == pytest.approx(PUBLISHED_STORAGE, rel=0.10)
    assert found.group(Group.NODES) == pytest.approx(PUBLISHED_COMPUTE, rel=0.10)
    assert found.monthly == pytest.approx(PUBLISHED_TOTAL, rel=0.10)
    assert found.group(Group.TRAFFIC) / found.monthly == pytest.approx(0.61, abs=0.02)


def test_the_published_traffic_is_two_thirds_to_leaders_and_two_copies() -> None:
    """138,240 = 2,592,000 GiB a month of 30 days x 0.02 x 8/3: its consumers cross no zone."""
    found = amounts(priced(published(), follower_fetching=True), Group.TRAFFIC)
    month = 730 * 3600 * 0.02
    assert found == {
        "producers to leaders": pytest.approx(month * 2 / 3, abs=0.01),
        "replication": pytest.approx(month * 2, abs=0.01),
        "to consumers": 0,
    }


def test_consumers_of_leaders_cost_what_producers_cost_and_fetching_nearby_saves_it() -> None:
    found = priced(published())
    assert amounts(found, Group.TRAFFIC)["to consumers"] == 35_040
    assert found.follower_fetching_saves == 35_040
    assert found.monthly - priced(published(), follower_fetching=True).monthly == pytest.approx(35_040)


RATES = st.integers(min_value=0, max_value=10**10)
REPLICAS = st.integers(min_value=1, max_value=6)
ZONES = st.sets(st.sampled_from("abcdef"), min_size=1, max_size=6).map(
    lambda letters: tuple(sorted(f"us-east-1{letter}" for letter in letters))
)
SIZES = st.integers(min_value=GIB, max_value=64 * 2**40)


@given(RATES, RATES, REPLICAS, st.integers(min_value=0, max_value=4), ZONES, st.booleans())
def test_a_higher_rate_never_costs_less(
    one: int, other: int, replicas: int, consumers: int, zones: tuple[str, ...], fetching: bool
) -> None:
    low, high = (
        priced(
            stack(rates=(rate,), replicas=replicas, consumers=consumers, zones=zones),
            follower_fetching=fetching,
            outside_share=0.5,
        ).monthly
        for rate in sorted((one, other))
    )
    assert low <= high


@given(RATES, REPLICAS, ZONES)
def test_a_further_replica_never_costs_less_and_adds_one_copy_at_most(
    rate: int, replicas: int, zones: tuple[str, ...]
) -> None:
    fewer, more = (priced(stack(rates=(rate,), replicas=count, zones=zones)) for count in (replicas, replicas + 1))
    assert fewer.monthly <= more.monthly
    one_copy = round(rate * 730 * 3600 / GIB * 0.02, 2)
    assert more.monthly - fewer.monthly <= one_copy + 0.02


@given(SIZES, SIZES)
def test_a_larger_disk_never_costs_less(one: int, other: int) -> None:
    small, large = (priced(stack(size=size)).group(Group.STORAGE) for size in sorted((one, other)))
    assert small <= large


@given(st.lists(RATES, min_size=1, max_size=3), REPLICAS, st.integers(min_value=0, max_value=4), ZONES)
def test_follower_fetching_never_costs_more(
    rates: list[int], replicas: int, consumers: int, zones: tuple[str, ...]
) -> None:
    platform = stack(rates=tuple(rates), replicas=replicas, consumers=consumers, zones=zones)
    leaders, nearby = priced(platform), priced(platform, follower_fetching=True)
    assert nearby.monthly <= leaders.monthly
    assert leaders.follower_fetching_saves == nearby.follower_fetching_saves >= 0


@given(REPLICAS, st.integers(min_value=0, max_value=4), ZONES, st.booleans())
def test_no_traffic_costs_nothing(replicas: int, consumers: int, zones: tuple[str, ...], fetching: bool) -> None:
    found = priced(stack(rates=(0, 0), replicas=replicas, consumers=consumers, zones=zones), follower_fetching=fetching)
    assert found.group(Group.TRAFFIC) == 0


def test_in_one_zone_nothing_crosses() -> None:
    flows = crossing(stack(rates=(GIB,), zones=("us-east-1a",)), follower_fetching=False)
    assert flows == Crossing(producers=0, replication=0, consumers=0)


@pytest.mark.parametrize(
    ("brokers", "replicas", "leader", "nearest", "copies"),
    [
        ("abc", 3, 2 / 3, 0, 2),
        ("abc", 2, 2 / 3, 1 / 3, 1),
        ("abc", 1, 2 / 3, 2 / 3, 0),
        ("ab", 3, 1 / 2, 0, 4 / 3),
        ("abc", 4, 2 / 3, 0, 2.5),
    ],
)
def test_shares_that_cross(brokers: str, replicas: int, leader: float, nearest: float, copies: float) -> None:
    zones = Zones(brokers=frozenset(brokers), clients=frozenset(brokers))
    assert to_leader(zones) == pytest.approx(leader)
    assert to_nearest(zones, replicas) == pytest.approx(nearest)
    assert replica_copies(zones, replicas) == pytest.approx(copies)


def test_clients_in_a_zone_without_brokers_always_cross() -> None:
    zones = Zones(brokers=frozenset("ab"), clients=frozenset("abc"))
    assert to_leader(zones) == pytest.approx(2 / 3)
    assert to_nearest(zones, 2) == pytest.approx(1 / 3)


def test_prod_by_position() -> None:
    """18 TiB of broker disks, 60 GiB of controllers', 150 of ksqlDB; five load balancers; digests aren't needed."""
    found = cost(Workspace(ROOT, "prod"), Assumptions(), {})
    quantities = {f"{each.group}: {each.name}": f"{each.quantity:g} {each.unit}" for each in found.positions}
    assert quantities["nodes: pool broker"] == "3 m7g.xlarge"
    assert quantities["nodes: pool controller"] == "3 m7g.large"
    assert quantities["nodes: beside the brokers"] == "3 m7g.xlarge"
    assert quantities["block storage: roots of machines"] == "270 gp3 GB"
    assert quantities["block storage: pool broker"] == "18432 gp3 GB"
    assert quantities["block storage: ksqlDB"] == "150 gp3 GB"
    assert sum(each.quantity for each in found.positions if each.unit == "balancer") == 5
    # 2,543,200 bytes/s of the catalogue, 730 hours, two copies to other zones.
    replication = next(each for each in found.positions if each.name == "replication")
    assert replication.quantity == pytest.approx(2_543_200 * 2_628_000 * 2 / GIB, abs=0.001)
    assert found.region == "eu-central-1"
    assert found.monthly == round(sum(each.monthly for each in found.positions), 2)


def test_processing_of_load_balancers_follows_the_share_outside() -> None:
    outside = {"external": {"type": "load-balancer"}}
    platform = stack(rates=(GIB,), consumers=2)
    platform = platform.model_copy(
        update={"kafka": platform.kafka.model_validate({**platform.kafka.model_dump(), **outside})}
    )
    found = amounts(priced(platform, outside_share=0.1), Group.BALANCERS)
    assert found["brokers"] == round(3 * 0.0225 * 730, 2)
    # Produced once and read twice, a tenth of it outside: 3 GiB/s x 0.1.
    assert found["processing"] == pytest.approx(730 * 3600 * 0.3 * 0.006, abs=0.01)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"outside_share: .* is refused: it is a share from 0 to 1"):
        priced(stack(), outside_share=share)


def test_a_difference_names_what_changes_the_largest_first() -> None:
    before, after = priced(stack(rates=(10**6,))), priced(stack(rates=(10**7,), size=200 * GIB))
    found = difference(before, after)
    assert [change.name for change in found.changes] == [
        "replication",
        "producers to leaders",
        "to consumers",
        "pool broker",
    ]
    assert found.changes[-1].more == 24.0
    assert found.more == pytest.approx(sum(change.more for change in found.changes), abs=0.001)
    assert difference(after, before).more == -found.more
    assert difference(after, after).changes == ()


def test_a_new_and_a_gone_position_are_differences() -> None:
    document = yaml.safe_load(FILE.read_text())
    document["storage_classes"]["gp3"]["iops"] = 4000
    before, after = priced(stack()), estimate(stack(), parse_prices(yaml.safe_dump(document)))
    assert [(each.name, each.before, each.after) for each in difference(before, after).changes] == [
        ("pool broker, IOPS", 0, 15.0)
    ]
    assert [(each.name, each.before, each.after) for each in difference(after, before).changes] == [
        ("pool broker, IOPS", 15.0, 0)
    ]


def test_estimates_of_two_stacks_are_not_compared() -> None:
    with pytest.raises(ConfigError, match=r"estimate\.stack: 'test' is refused: the other estimate has 'other'"):
        difference(priced(stack()), priced(stack(stack="other")))


def test_an_estimate_is_read_as_it_was_printed() -> None:
    found = priced(stack())
    assert read_estimate(found.model_dump_json()) == found
    with pytest.raises(ConfigError, match=r"estimate\.stack: it is missing"):
        read_estimate("{}")
