"""Volumes, and what connectors add to an object store."""

from collections.abc import Iterator
from typing import Final

from config.errors import ConfigError, Problem, shown, suggestion
from config.platform import PlatformSpec
from cost.nodes import machine_counts
from cost.position import Group, Position, position
from cost.prices import FILE, GB, HOURS, PriceTable, RegionPrices, StorageClassPrice

_GP3: Final = "gp3"
"""The volume that the stack's own StorageClass and machines' roots are."""


def storage_positions(platform: PlatformSpec, table: PriceTable, prices: RegionPrices) -> Iterator[Position]:
    """Yield the volumes of pools and of ksqlDB, and the roots of machines that the stack has itself.

    Raises ConfigError for a StorageClass without a price.
    """
    aws = platform.aws
    if aws is not None and aws.storage_class is not None:
        own = StorageClassPrice(
            volume=_GP3, iops=aws.storage_class.iops or 0, throughput=aws.storage_class.throughput or 0
        )
        table = table.model_copy(update={"storage_classes": {**table.storage_classes, aws.storage_class.name: own}})
    for index, pool in enumerate(platform.kafka.pools):
        count, name = len(pool.zones) * pool.nodes_per_zone, f"pool {pool.name}"
        yield from _volumes(
            (f"kafka.pools[{index}].storage", name), count, pool.storage.size, pool.storage.storage_class, table, prices
        )
    if platform.ksqldb and (storage := platform.ksqldb.storage):
        where = ("ksqldb.storage", "ksqlDB")
        yield from _volumes(where, platform.ksqldb.replicas, storage.size, storage.storage_class, table, prices)
    if aws is not None:
        roots = sum(count * aws.group(name).root_volume for name, count in machine_counts(platform, aws).items()) / GB
        yield position(Group.STORAGE, "roots of machines", roots, f"{_GP3} GB", prices.volumes[_GP3].gb_month)


def _volumes(
    where: tuple[str, str],
    count: int,
    size: int,
    storage_class: str | None,
    table: PriceTable,
    prices: RegionPrices,
) -> Iterator[Position]:
    path, name = where
    made = table.storage_classes.get(storage_class or table.default_storage_class)
    if made is None:
        remedy = f"add it to cost/{FILE.name}, or {suggestion(storage_class or '', table.storage_classes)}"
        raise ConfigError([Problem(f"{path}.storage_class", shown(storage_class), "it has no price", remedy)])
    volume = prices.volumes[made.volume]
    yield position(Group.STORAGE, name, count * size / GB, f"{made.volume} GB", volume.gb_month)
    if (iops := made.iops - volume.included_iops) > 0:
        yield position(Group.STORAGE, f"{name}, IOPS", count * iops, "IOPS", volume.iops_month)
    if (throughput := made.throughput - volume.included_throughput) > 0:
        yield position(Group.STORAGE, f"{name}, throughput", count * throughput, "MB/s", volume.throughput_month)


def object_positions(platform: PlatformSpec, prices: RegionPrices) -> Iterator[Position]:
    """Yield what each sink to an object store adds in a month, kept for one; each further month costs as much again."""
    rates = {topic.name: topic.bytes_per_second for topic in platform.topics}
    for connector in platform.connect.connectors if platform.connect else ():
        if connector.iceberg or connector.s3:
            written = sum(rates.get(name, 0) for name in connector.reads) * HOURS * 3600 / GB
            yield position(Group.OBJECTS, f"connector {connector.name}", written, "GB", prices.object_gb_month)
