"""Pools, zones, replicas and the quorum."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from config.errors import Problem, dotted, shown, suggestion
from config.literals import ZONE_LABEL, Role
from config.parts import Parts

_ZONE: Final = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_EMPTY_IDS: Final = frozenset({"AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ"})
"""Zero and one: org.apache.kafka.common.Uuid keeps them for itself."""


def zone_suffix(zone: str) -> str:
    """Return the part of a zone's name that goes into object names: ``az-a`` gives ``a``, ``eu-central-1a`` ``1a``."""
    return zone.rsplit("-", 1)[-1]


def node_id(first: int, zone_index: int, replica: int) -> int:
    """Return a node's id: zones count by one, further replicas of a zone by a hundred."""
    return first + zone_index + 100 * replica


def zones(parts: Parts) -> Iterator[Problem]:
    """Pools name zones the cluster has, each once; their suffixes tell them apart."""
    known = parts.kubernetes.zones if parts.kubernetes else ()
    if parts.kubernetes:
        if not known:
            yield Problem("kubernetes.zones", "a list", "it is empty", "name the zones the nodes carry")
        for index, zone in enumerate(known):
            if zone in known[:index]:
                yield Problem(f"kubernetes.zones[{index}]", shown(zone), "it is listed twice", "remove one")
            elif not _ZONE.fullmatch(zone):
                yield Problem(
                    f"kubernetes.zones[{index}]",
                    shown(zone),
                    "a zone has at most 63 of the characters a-z 0-9 -, with no - at its ends",
                    f"name it as the nodes' label {ZONE_LABEL} does",
                )
            elif zone_suffix(zone) in {zone_suffix(other) for other in known[:index]}:
                yield Problem(
                    f"kubernetes.zones[{index}]",
                    shown(zone),
                    f"its suffix {zone_suffix(zone)!r}, which names pods, is another zone's too",
                    "use zones with distinct last parts",
                )
    for path, pool in parts.pools():
        if not pool.zones:
            yield Problem(f"{path}.zones", "a list", "it is empty", "name at least one zone")
        for index, zone in enumerate(pool.zones):
            if known and zone not in known:
                yield Problem(f"{path}.zones[{index}]", shown(zone), "there is no such zone", suggestion(zone, known))
            elif zone in pool.zones[:index]:
                yield Problem(f"{path}.zones[{index}]", shown(zone), "it is listed twice", "remove one")
        if not 1 <= pool.nodes_per_zone <= 50:
            yield Problem(
                f"{path}.nodes_per_zone", shown(pool.nodes_per_zone), "allowed are 1 to 50", "correct the value"
            )


def node_ids(parts: Parts) -> Iterator[Problem]:
    """Node ids are unique in a cluster and not negative."""
    owner: dict[int, str] = {}
    for path, pool in parts.pools():
        if not 0 <= pool.first_node_id <= 1_000_000:
            yield Problem(
                f"{path}.first_node_id", shown(pool.first_node_id), "allowed are 0 to 1000000", "correct the value"
            )
            continue
        clashes = set()
        for replica in range(min(pool.nodes_per_zone, 50)):
            for index in range(len(pool.zones)):
                number = node_id(pool.first_node_id, index, replica)
                if owner.setdefault(number, path) != path:
                    clashes.add(number)
        if clashes:
            yield Problem(
                f"{path}.first_node_id",
                shown(pool.first_node_id),
                f"node id {min(clashes)} is taken by {owner[min(clashes)]}",
                "leave room: zones count by 1, further nodes of a zone by 100",
            )


def roles(parts: Parts) -> Iterator[Problem]:
    """A cluster has brokers and controllers, and every pool a role."""
    for path, pool in parts.pools():
        if not pool.roles:
            yield Problem(f"{path}.roles", "a list", "it is empty", "name broker, controller or both")
    if parts.kafka is None:
        return
    for role in Role:
        if not any(parts.pools(role)):
            yield Problem("kafka.pools", "", f"no pool has the role {role}", f"add {role} to the roles of a pool")


def quorum(parts: Parts) -> Iterator[Problem]:
    """The quorum is odd, and keeps its majority when a zone is lost (KIP-595)."""
    per_zone: Counter[str] = Counter()
    for _, pool in parts.pools(Role.CONTROLLER):
        per_zone.update(dict.fromkeys(pool.zones, pool.nodes_per_zone))
    total = per_zone.total()
    if total <= 0:
        return
    if total % 2 == 0 or total > 7:
        yield Problem(
            "kafka.pools",
            f"a quorum of {total} controllers",
            "allowed are 1, 3, 5 or 7",
            "change zones or nodes_per_zone",
        )
    elif parts.protect and total < 3:
        yield Problem(
            "kafka.pools",
            f"a quorum of {total} controller",
            "a protected stack needs at least 3",
            "put controllers into three zones, or set protect: false for a throwaway stack",
        )
    zone, most = per_zone.most_common(1)[0]
    if total > 1 and (total - most) * 2 <= total:
        yield Problem(
            "kafka.pools",
            f"{most} of {total} controllers in zone {zone}",
            "the quorum would lose its majority with that zone",
            "spread controllers over at least three zones",
        )


def replication(parts: Parts) -> Iterator[Problem]:
    """Replicas sit in zones of their own, and one may be away without stopping acks=all."""
    kafka = parts.kafka
    if kafka is None or not parts.brokers:
        return
    defaults = (kafka.replication_factor, kafka.min_insync_replicas)
    yield from _replication(parts, "kafka", *defaults, own=(True, True))
    if parts.protect and kafka.min_insync_replicas == 1:
        yield Problem(
            "kafka.min_insync_replicas",
            "1",
            "a protected stack needs at least 2, or an acknowledged record may be on one disk only",
            "raise it, or set protect: false for a throwaway stack",
        )
    for topic in parts.topics:
        factor = defaults[0] if topic.replication_factor is None else topic.replication_factor
        minimum = defaults[1] if topic.min_insync_replicas is None else topic.min_insync_replicas
        own = (topic.replication_factor is not None, topic.min_insync_replicas is not None)
        if any(own):
            yield from _replication(parts, dotted(["topics", topic.name]), factor, minimum, own)


def _replication(parts: Parts, path: str, factor: int, minimum: int, own: tuple[bool, bool]) -> Iterator[Problem]:
    zone_count = len(parts.broker_zones)
    if own[0] and not 1 <= factor <= zone_count:
        yield Problem(
            f"{path}.replication_factor",
            shown(factor),
            f"allowed are 1 to {zone_count}, the number of zones with brokers",
            "lower it or add a zone",
        )
    if minimum < 1:
        yield Problem(f"{path}.min_insync_replicas", shown(minimum), "it must be at least 1", "raise it")
    elif minimum >= factor and (factor > 1 or minimum > 1):
        yield Problem(
            f"{path}.min_insync_replicas",
            shown(minimum),
            f"it must be below the replication factor of {factor}, or one broker away stops every acks=all producer",
            f"use {max(1, factor - 1)}",
        )


def partitions(parts: Parts) -> Iterator[Problem]:
    """A topic has partitions, and a broker not more replicas than it can recover in time."""
    for topic in parts.topics:
        if not 1 <= topic.partitions <= 1000:
            yield Problem(
                dotted(["topics", topic.name, "partitions"]),
                shown(topic.partitions),
                "allowed are 1 to 1000",
                "correct the value",
            )
    if parts.kafka is None or not parts.brokers:
        return
    default = parts.kafka.replication_factor
    replicas = sum(topic.partitions * (topic.replication_factor or default) for topic in parts.topics)
    if replicas > 4000 * parts.brokers:
        yield Problem(
            "topics",
            f"{replicas} replicas on {parts.brokers} brokers",
            "at most 4000 replicas on a broker",
            "use fewer partitions or more brokers",
        )


def cluster_id(parts: Parts) -> Iterator[Problem]:
    """Kafka's Uuid: 16 bytes in URL-safe base64 without padding, and none of its reserved values."""
    if parts.kafka is None:
        return
    text = parts.kafka.cluster_id
    try:
        content = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    written = base64.urlsafe_b64encode(content).decode().rstrip("=")
    if len(content) != 16 or written != text or text.startswith("-") or text in _EMPTY_IDS:
        yield Problem(
            "kafka.cluster_id",
            shown(text),
            "it is a UUID in 22 characters of URL-safe base64, as Kafka writes it, with no - at its start",
            'make one for a new cluster: python3 -c "import base64, uuid; '
            'print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22])"',
        )
