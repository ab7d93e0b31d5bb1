"""Types of machines of the ``aws`` section: the cheapest that have room."""

from collections.abc import Iterator, Mapping

from advice.change import Change
from config.aws import NodeGroupSpec
from config.instance_types import instance_type
from config.node_group_rules import room_of_group
from config.platform import PlatformSpec
from cost.prices import InstancePrice


def machines(
    now: PlatformSpec, then: PlatformSpec, instances: Mapping[str, InstancePrice], watched: float
) -> Iterator[Change | str]:
    """Yield other types for groups whose own is too small or too dear for what ``then`` asks for, all advice taken.

    A type without a price in the region isn't advised, nor is one without the disks that the group uses.
    """
    if now.aws is None:
        return
    for index, group in enumerate(now.aws.node_groups):
        price = instances.get(group.instance_type)
        fitting = sorted(
            (instances[name].hour, name) for name in instances if _serves(name, group, now) and _fits(name, group, then)
        )
        path = f"aws.node_groups[{index}].instance_type"
        if not fitting:
            yield f"{path}: no type with a price has room for what is asked for, or for what is advised"
            continue
        hour, best = fitting[0]
        room = _fits(group.instance_type, group, then)
        if best == group.instance_type or (room and (price is None or hour >= price.hour)):
            continue
        asked = "its requests" if now == then else "the advised requests"
        reason = (
            f"it is the cheapest type with room for {asked}"
            if room
            else f"{group.instance_type} has no room for {asked}, and it is the cheapest that has"
        )
        yield Change(
            location=("aws", "node_groups", index, "instance_type"),
            value=best,
            current=group.instance_type,
            advised=best,
            reason=reason,
            watched=watched,
        )


def _serves(name: str, group: NodeGroupSpec, platform: PlatformSpec) -> bool:
    """Tell whether a type is of the stack's architecture and, where the group uses disks of its own, has some."""
    kind = instance_type(name)
    if kind is None or platform.aws is None or kind.architecture is not platform.aws.architecture:
        return False
    return kind.nvme or group.instance_store is None


def _fits(name: str, group: NodeGroupSpec, platform: PlatformSpec) -> bool:
    pools = {pool.name: pool for pool in platform.kafka.pools}
    other = group.model_copy(update={"instance_type": name})
    return instance_type(name) is not None and not list(room_of_group("", other, pools.get(group.name), platform))
