"""The table of prices: typed, closed, from one file."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import Field, ValidationError, model_validator

from config.base import Size, Spec
from config.errors import ConfigError, Problem, from_pydantic, shown
from config.yaml_file import read_yaml, yaml_problem

FILE: Final = Path(__file__).parent / "prices.yaml"
HOURS: Final = 730
"""Hours of a month, as AWS' own calculator has them."""
GB: Final = 2**30
"""Bytes of the GB that AWS bills, for volumes, objects and transfer alike."""
_ZONE: Final = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d+)[a-z]")
"""A zone of AWS: its region, then a letter."""

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Units of the table's currency."""
Count = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class InstancePrice(Spec):
    """A type of machine, on demand, with Linux."""

    vcpus: Count
    memory: Size
    """Bytes."""
    hour: Price


class VolumePrice(Spec):
    """A type of block storage volume."""

    gb_month: Price
    iops_month: Price
    """Of each IOPS above ``included_iops``."""
    throughput_month: Price
    """Of each MB/s above ``included_throughput``."""
    included_iops: int = 3000
    """IOPS of every volume without extra charge."""
    included_throughput: int = 125
    """MB/s of every volume without extra charge."""


class StorageClassPrice(Spec):
    """What a StorageClass of Kubernetes makes."""

    volume: str
    """Type of volume, one of ``volumes`` of each region."""
    iops: int = 0
    """IOPS of each volume; what the type includes is free."""
    throughput: int = 0
    """MB/s of each volume; what the type includes is free."""


class LoadBalancerPrice(Spec):
    """A network load balancer."""

    hour: Price
    unit_hour: Price
    """Of a capacity unit: one GB an hour."""


class RegionPrices(Spec):
    """Prices of one region."""

    instances: Annotated[Mapping[str, InstancePrice], Field(min_length=1)]
    """Type to price; the cheapest one that is large enough is taken."""
    volumes: Mapping[str, VolumePrice]
    cross_zone_gb: Price
    """Of a GB from one zone to another: what sender and receiver pay together."""
    load_balancer: LoadBalancerPrice
    object_gb_month: Price


class PriceTable(Spec):
    """All prices, with where and when they come from."""

    as_of: date
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217."""
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    """Price lists the figures are from."""
    fallback_region: str
    """Region that zones of no cloud are priced as."""
    default_storage_class: str
    """For volumes that name no StorageClass."""
    storage_classes: Mapping[str, StorageClassPrice]
    regions: Mapping[str, RegionPrices]

    @model_validator(mode="after")
    def _names_exist(self) -> "PriceTable":
        if self.fallback_region not in self.regions:
            raise ValueError(f"fallback_region {self.fallback_region} is none of regions")
        if self.default_storage_class not in self.storage_classes:
            raise ValueError(f"default_storage_class {self.default_storage_class} is none of storage_classes")
        for name, made in self.storage_classes.items():
            for region, prices in self.regions.items():
                if made.volume not in prices.volumes:
                    raise ValueError(f"storage_classes.{name}.volume {made.volume} is none of {region}'s volumes")
        return self


def parse_prices(text: str) -> PriceTable:
    """Read a table of prices; raises ConfigError that names every wrong, unknown or missing key."""
    try:
        document = read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError([Problem("prices", "", yaml_problem(error), f"correct {FILE.name}")]) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("prices", shown(document), "it must be a mapping", f"correct {FILE.name}")])
    try:
        return PriceTable.model_validate(document)
    except ValidationError as error:
        raise ConfigError(from_pydantic(error, PriceTable, ["prices"])) from None


@cache
def load_prices() -> PriceTable:
    """Return the table of cost/prices.yaml; raises ConfigError when it can't be used."""
    return parse_prices(FILE.read_text())


def region_of(zones: Iterable[str], table: PriceTable) -> str:
    """Return the region the zones are in, the fallback for zones of no cloud.

    Raises ConfigError for zones of several regions, and for a region that has no prices.
    """
    found = sorted({match[1] if (match := _ZONE.fullmatch(zone)) else "" for zone in zones})
    if found in ([], [""]):
        return table.fallback_region
    if len(found) > 1:
        allowed = "all zones must be of one region to be priced"
        raise ConfigError([Problem("kubernetes.zones", shown(", ".join(sorted(zones))), allowed, "correct the zones")])
    if found[0] not in table.regions:
        allowed = f"there are prices of {', '.join(sorted(table.regions))}"
        raise ConfigError(
            [Problem("kubernetes.zones", shown(found[0]), allowed, f"add the region to cost/{FILE.name}")]
        )
    return found[0]
