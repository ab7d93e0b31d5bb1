"""A resource that refuses, already in the preview, what would lose a topic's data."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


def losses(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], allowed: Sequence[str]
) -> list[str]:
    """Return one sentence for each topic that would lose data and isn't allowed to."""
    found = []
    for name, was in sorted(old.items()):
        if name in allowed:
            continue
        now = new.get(name)
        remedy = f"or list {name!r} under allow_data_loss to delete its records"
        if now is None:
            found.append(
                f"topics.{name!r}: it is gone from the catalogue, which would delete it; put it back, {remedy}"
            )
            continue
        if int(now["partitions"]) < int(was["partitions"]):
            found.append(
                f"topics.{name!r}.partitions: {int(now['partitions'])} is refused: it has {int(was['partitions'])} "
                f"and Kafka can't remove partitions; use at least {int(was['partitions'])}, {remedy}"
            )
        if int(now["replication_factor"]) != int(was["replication_factor"]):
            found.append(
                f"topics.{name!r}.replication_factor: {int(now['replication_factor'])} is refused: it has "
                f"{int(was['replication_factor'])}, and the provider would place replicas blind to zones; keep it and "
                f"reassign partitions by plan, {remedy}"
            )
    return found


class _Provider(ResourceProvider):
    """``check`` runs in previews too and is given the last state: the one place where both can be compared."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        problems = losses(olds.get("topics") or {}, news.get("topics") or {}, news.get("allow_data_loss") or ())
        return CheckResult(news, [CheckFailure("topics", problem) for problem in problems])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="topics", outs=props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=old.get("topics") != new.get("topics"))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=new)


class TopicGuard(Resource, module="index", name="TopicGuard"):
    """Remembers partitions and replication factor of all topics; topics depend on it."""

    def __init__(
        self,
        name: str,
        *,
        topics: Mapping[str, Mapping[str, int]],
        allow_data_loss: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Guard ``topics``: name to ``partitions`` and ``replication_factor``."""
        super().__init__(_Provider(), name, {"topics": topics, "allow_data_loss": list(allow_data_loss)}, opts)
