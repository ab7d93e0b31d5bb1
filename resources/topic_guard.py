"""A resource that refuses, already in the preview, what would lose a topic's records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from config.errors import Problem, dotted, shown

Shape = Mapping[str, Any]
"""A topic's ``partitions`` and ``replication_factor``; the engine hands numbers back as floats."""


def losses(old: Mapping[str, Shape], new: Mapping[str, Shape], allowed: Sequence[str]) -> list[Problem]:
    """Return a problem for each topic that ``new`` would damage and that isn't ``allowed`` to be."""
    return [
        problem
        for name, was in sorted(old.items())
        if name not in allowed
        for problem in _losses_of(name, was, new.get(name))
    ]


def _losses_of(name: str, was: Shape, now: Shape | None) -> Iterator[Problem]:
    lose = f"or, to lose its records, list {name} under allow_data_loss"
    if now is None:
        yield Problem(
            dotted(["topics", name]),
            "",
            "it is no longer in the catalogue, which would delete it and its records",
            f"put it back, {lose}, and remove it in the update after that",
        )
        return
    partitions, had = int(now["partitions"]), int(was["partitions"])
    if partitions < had:
        yield Problem(
            dotted(["topics", name, "partitions"]),
            shown(partitions),
            f"it has {had}, and Kafka can take none away: the topic would be deleted and made anew",
            f"use at least {had}, {lose}",
        )
    replicas, kept = int(now["replication_factor"]), int(was["replication_factor"])
    if replicas != kept:
        yield Problem(
            dotted(["topics", name, "replication_factor"]),
            shown(replicas),
            f"it has {kept}, and the provider would place replicas without regard to zones",
            f"keep {kept}; or reassign its partitions by a plan of yours, run pulumi refresh, and list {name} under "
            "allow_data_loss for one update",
        )


class _GuardProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code.

    ``check`` runs in previews too, and is given the last state: the one place where old and new can be compared.
    """

    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        problems = losses(olds.get("topics") or {}, news["topics"], news["allow_data_loss"])
        return CheckResult(news, [CheckFailure("", str(problem)) for problem in problems])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="topics", outs=props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=old.get("topics") != new["topics"])

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=new)


class TopicGuard(Resource, module="index", name="TopicGuard"):
    """Remembers partitions and replication factor of all topics, and fails a change that would lose records.

    Topics depend on it, so none is touched when it refuses.
    """

    def __init__(
        self,
        name: str,
        *,
        topics: Mapping[str, Shape],
        allow_data_loss: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Guard ``topics``, a mapping of names to shapes; nothing is refused for those in ``allow_data_loss``."""
        super().__init__(_GuardProvider(), name, {"topics": topics, "allow_data_loss": list(allow_data_loss)}, opts)
