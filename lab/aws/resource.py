"""What a resource type of the stand-in is made of."""

from collections.abc import Mapping
from typing import Any, ClassVar

from lab.aws.account import Place
from lab.aws.schema import Fields, Published, published

Properties = Mapping[str, Any]
"""By the provider's names, without marks of secrets."""


class Resource:
    """One type: how it is made, read, changed and deleted. An instance is one call's view of it, in one region."""

    pulumi_type: ClassVar[str]
    """Pulumi's name of the type: aws:s3/bucket:Bucket"""
    takes: ClassVar[frozenset[str]]
    """Inputs that are done; any other that the real provider knows is refused by name."""
    fixed: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change replaces it, as the provider's documentation says."""
    named: ClassVar[str | None] = None
    """The input that is made up from Pulumi's name when it isn't given."""
    longest: ClassVar[int] = 255
    """Characters a made-up name has at most."""
    defaults: ClassVar[Properties] = {}
    """What an input that isn't given means, where the service isn't asked or answers with it."""
    hidden: ClassVar[frozenset[str]] = frozenset()
    """Outputs that the provider always has, and that this type doesn't give."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @classmethod
    def published(cls) -> Published:
        """Return what the provider's package says of the type."""
        return published(cls.pulumi_type)

    @classmethod
    def fields(cls) -> Fields:
        """Return the type's inputs."""
        return cls.published().inputs

    @classmethod
    def moved(cls, old: Properties, new: Properties) -> frozenset[str]:
        """Return the outputs that such an update changes, so that its preview doesn't know them."""
        del old, new
        return frozenset()

    def create(self, inputs: Properties) -> str:
        """Make it in one call and return its id."""
        raise NotImplementedError

    def settle(self, name: str, inputs: Properties) -> None:
        """Do what making it takes besides; if that fails, the engine knows of it and goes on with an update."""

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return what there is by this id, None where nothing is; ``known`` is empty when it is imported."""
        raise NotImplementedError

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change it in place; where that is to say everything again, this does it."""
        del old
        self.settle(name, new)

    def delete(self, name: str, known: Properties) -> None:
        """Delete it; that it isn't there is no error."""
        raise NotImplementedError


def names(text: str) -> frozenset[str]:
    """Return the words of a text: names of properties, which have no spaces."""
    return frozenset(text.split())


def retagged(old: Properties, new: Properties) -> tuple[list[str], dict[str, str]]:
    """Return the keys of tags to remove, and the tags to set."""
    before, after = old.get("tags") or {}, new.get("tags") or {}
    return sorted(before.keys() - after.keys()), {key: after[key] for key in after if before.get(key) != after[key]}
