"""A resource that is nothing but a point in the order of things."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class _MilestoneProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="milestone", outs=props)


class Milestone(Resource, module="index", name="Milestone"):
    """Comes after many, so that many can come after them by one edge each.

    Whoever depends on a component gets an edge to each resource below it, which the program computes and the state
    holds: fifty resources after five thousand ACLs are a quarter of a million.
    """

    def __init__(self, name: str, *, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions) -> None:
        """Come after resources, and after all that is below those that are components."""
        super().__init__(
            _MilestoneProvider(),
            name,
            {},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(after))),
        )
