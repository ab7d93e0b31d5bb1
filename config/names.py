"""Names that Kafka and Kubernetes accept."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from typing import Final

from config.errors import Problem, dotted, shown, suggestion
from config.literals import RESERVED_USERS, ZONE_LABEL
from config.parts import Parts

_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
"""Kafka, org.apache.kafka.common.internals.Topic."""
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
"""RFC 1123."""
_NAMESPACE: Final = "a namespace has at most 63 of the characters a-z 0-9 -, with no - at its ends"
_TOLERATION: Final[dict[str, tuple[str, ...]]] = {
    "key": (),
    "operator": ("Equal", "Exists"),
    "value": (),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
}
"""Fields of a toleration, and what they may say where that is a closed set."""


def topic_names(parts: Parts) -> Iterator[Problem]:
    """Kafka refuses some names, and takes two that differ in ``.`` and ``_`` only for the same metric."""
    for name in sorted(parts.topic_names):
        path = dotted(["topics", name])
        if name in (".", "..") or not _TOPIC.fullmatch(name):
            yield Problem(
                path,
                shown(name),
                "a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -",
                "choose another name",
            )
        elif name.startswith("__"):
            yield Problem(path, shown(name), "names that start with __ are Kafka's own", "choose another name")
    alike: dict[str, list[str]] = {}
    for name in sorted(parts.topic_names):
        alike.setdefault(name.replace(".", "_"), []).append(name)
    for one, other in chain.from_iterable(combinations(names, 2) for names in alike.values()):
        yield Problem(
            dotted(["topics", other]),
            shown(other),
            f"it collides with {one!r}: metrics don't tell . from _",
            "choose another name",
        )


def service_ids(parts: Parts) -> Iterator[Problem]:
    """An id is a Kafka user, a certificate's CN, part of a Secret's name, and a prefix of group names."""
    for service in parts.services:
        path = dotted(["services", service.id])
        if len(service.id) > 48 or not _LABEL.fullmatch(service.id):
            yield Problem(
                path,
                shown(service.id),
                "a service's id has at most 48 of the characters a-z 0-9 -, with no - at its ends",
                "choose another id",
            )
        elif service.id in RESERVED_USERS:
            yield Problem(path, shown(service.id), "this name is the platform's own", "choose another id")
    ids = sorted(service.id for service in parts.services)
    for place, one in enumerate(ids):
        for other in ids[place + 1 :]:
            # Sorted, those that begin with an id come right after it.
            if not other.startswith(one):
                break
            yield Problem(
                dotted(["services", one]),
                shown(one),
                f"it is the beginning of {other!r}, so its access to groups and transactions, which goes by prefix, "
                "would be access to that service's",
                "choose an id that no other id starts with",
            )


def pool_names(parts: Parts) -> Iterator[Problem]:
    """A pool's name is part of StatefulSet and pod names."""
    seen: set[str] = set()
    for path, pool in parts.pools():
        if len(pool.name) > 24 or not _LABEL.fullmatch(pool.name):
            yield Problem(
                f"{path}.name",
                shown(pool.name),
                "a pool's name has at most 24 of the characters a-z 0-9 -, with no - at its ends",
                "choose another name",
            )
        elif pool.name in seen:
            yield Problem(f"{path}.name", shown(pool.name), "another pool has this name", "choose another name")
        seen.add(pool.name)


def namespace(parts: Parts) -> Iterator[Problem]:
    """Namespaces are RFC 1123 labels, and the system's are not for us."""
    name = parts.kubernetes.namespace if parts.kubernetes else "kafka"
    if len(name) > 63 or not _LABEL.fullmatch(name):
        yield Problem(
            "kubernetes.namespace",
            shown(name),
            _NAMESPACE,
            "choose another name",
        )
    elif name == "default" or name.startswith("kube-"):
        yield Problem(
            "kubernetes.namespace", shown(name), "the cluster needs a namespace of its own", "choose another name"
        )


def object_names(parts: Parts) -> Iterator[Problem]:
    """The cluster's name begins every object's, and a StatefulSet's name is at most 52 characters of a pod's label."""
    if parts.kafka is None:
        return
    name = parts.kafka.name
    if not _LABEL.fullmatch(name) or not name[:1].isalpha():
        yield Problem(
            "kafka.name",
            shown(name),
            "a cluster's name begins with a letter and has the characters a-z 0-9 -, with no - at its end",
            "choose another name",
        )
        return
    for path, pool in parts.pools():
        longest = max((f"{name}-{pool.name}-{zone.rsplit('-', 1)[-1]}" for zone in pool.zones), key=len, default="")
        if len(longest) > 52:
            allowed = f"the StatefulSet {longest} has {len(longest)} characters, allowed are 52"
            yield Problem(f"{path}.name", shown(pool.name), allowed, "shorten it, kafka.name or the zone")
    for index, other in enumerate(parts.kafka.client_namespaces):
        if len(other) > 63 or not _LABEL.fullmatch(other):
            yield Problem(f"kafka.client_namespaces[{index}]", shown(other), _NAMESPACE, "correct the name")


def placement(parts: Parts) -> Iterator[Problem]:
    """Tolerations have the keys and effects of Kubernetes; a node selector leaves the zone to the platform."""
    for path, pool in parts.pools():
        for index, toleration in enumerate(pool.tolerations):
            for key, value in toleration.items():
                at = f"{path}.{dotted(['tolerations', index, key])}"
                if key not in _TOLERATION:
                    yield Problem(at, "", "there is no such key", suggestion(key, _TOLERATION))
                elif _TOLERATION[key] and value not in _TOLERATION[key]:
                    yield Problem(at, shown(value), f"allowed are {', '.join(_TOLERATION[key])}", "choose one of them")
        if ZONE_LABEL in pool.node_selector:
            at = f"{path}.{dotted(['node_selector', ZONE_LABEL])}"
            yield Problem(at, shown(pool.node_selector[ZONE_LABEL]), "the platform sets the zone", "use zones")


def known_topics(parts: Parts) -> Iterator[Problem]:
    """Services name topics of the catalogue."""
    for service in parts.services:
        for field, names in (("produces", service.produces), ("consumes", service.consumes)):
            yield from topic_problems(dotted(["services", service.id, field]), names, parts)
        if not service.produces and not service.consumes:
            yield Problem(
                dotted(["services", service.id]), "", "it neither produces nor consumes", "name its topics or remove it"
            )


def topic_problems(path: str, names: Sequence[str], parts: Parts) -> Iterator[Problem]:
    """Yield the names of a list that are no topics of this stack, or are there twice."""
    for index, name in enumerate(names):
        at = f"{path}[{index}]"
        if name in parts.disabled_topics:
            remedy = f"remove it here, or enable {dotted(['topics', name])}"
            yield Problem(at, shown(name), "this stack leaves that topic out", remedy)
        elif name not in parts.topic_names:
            yield Problem(at, shown(name), "there is no such topic", suggestion(name, parts.topic_names))
        elif name in names[:index]:
            yield Problem(at, shown(name), "it is listed twice", "remove one")
