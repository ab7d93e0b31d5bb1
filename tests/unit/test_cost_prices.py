"""The table of prices: what is taken from it, and how a mistake in it is told."""

import pytest
import yaml

from config.errors import ConfigError
from cost.estimate import estimate
from cost.position import Group
from cost.prices import FILE, load_prices, parse_prices, region_of
from tests.priced import amounts, priced, stack


def test_zones_of_no_cloud_are_priced_as_the_fallback() -> None:
    assert region_of(("az-a", "az-b"), load_prices()) == "eu-central-1"
    assert region_of(("us-east-1a", "us-east-1b"), load_prices()) == "us-east-1"


@pytest.mark.parametrize(
    ("zones", "says"),
    [
        (("eu-west-9a",), "kubernetes.zones: 'eu-west-9' is refused: there are prices of eu-central-1, us-east-1; add"),
        (("us-east-1a", "eu-central-1a"), "all zones must be of one region to be priced"),
    ],
)
def test_a_region_without_prices_is_refused(zones: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        priced(stack(zones=zones))
    assert says in str(caught.value)


def test_a_machine_that_no_price_fits_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        priced(stack(resources={"cpu": "64", "memory": "7Gi"}))
    assert str(caught.value.problems[0]) == (
        "kafka.pools[0].resources: 64 cores and 7Gi is refused: no machine with a price is that large, besides what "
        "the system takes; add a larger one to cost/prices.yaml"
    )


def test_provisioned_iops_and_throughput_cost_what_is_above_the_included() -> None:
    document = yaml.safe_load(FILE.read_text())
    document["storage_classes"]["gp3"] = {"volume": "gp3", "iops": 5000, "throughput": 225}
    found = amounts(estimate(stack(), parse_prices(yaml.safe_dump(document))), Group.STORAGE)
    assert found == {
        "pool broker": 24.0,  # 3 x 100 GB x 0.08
        "pool broker, IOPS": 30.0,  # 3 x 2,000 x 0.005
        "pool broker, throughput": 12.0,  # 3 x 100 MB/s x 0.04
    }


def test_a_storage_class_without_a_price_is_refused() -> None:
    document = yaml.safe_load(FILE.read_text())
    document["storage_classes"] = {"fast": {"volume": "gp3"}}
    document["default_storage_class"] = "fast"
    with pytest.raises(ConfigError, match=r"kafka\.pools\[0\]\.storage\.storage_class: 'gp3' is refused"):
        estimate(stack(), parse_prices(yaml.safe_dump(document)))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("regions.us-east-1.cross_zone_bg", 1, "prices.regions.us-east-1.cross_zone_bg: there is no such key"),
        ("regions.us-east-1.cross_zone_gb", -1, "prices.regions.us-east-1.cross_zone_gb: -1 is refused"),
        ("regions.us-east-1.cross_zone_gb", True, "prices.regions.us-east-1.cross_zone_gb: true is refused"),
        ("currency", "dollars", "prices.currency: 'dollars' is refused"),
        ("as_of", "yesterday", "prices.as_of: 'yesterday' is refused"),
        ("fallback_region", "mars", "fallback_region mars is none of regions"),
        ("default_storage_class", "io9", "default_storage_class io9 is none of storage_classes"),
        ("storage_classes.gp3.volume", "st1", "storage_classes.gp3.volume st1 is none of eu-central-1's volumes"),
        ("discount", 0.5, "prices.discount: there is no such key"),
    ],
)
def test_a_mistake_in_the_table_of_prices_is_told(path: str, value: object, says: str) -> None:
    document = yaml.safe_load(FILE.read_text())
    *parents, last = path.split(".")
    node = document
    for part in parents:
        node = node[part]
    node[last] = value
    with pytest.raises(ConfigError) as caught:
        parse_prices(yaml.safe_dump(document))
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "a: 1\na: 2\n", "{"])
def test_no_table_at_all_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"prices: "):
        parse_prices(text)
