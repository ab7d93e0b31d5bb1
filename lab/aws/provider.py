"""What the engine asks a provider for, on plain properties: no gRPC here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from config.errors import Problem, suggestion
from lab.aws.account import Account
from lab.aws.changes import Kind, changes, covers, is_ignored, observed, pruned
from lab.aws.check import UNKNOWN, Path, problems
from lab.aws.errors import Refused, is_gone
from lab.aws.resource import Properties, Resource

DEFAULTED: Final = "__defaults"
"""The input that lists those the provider made up, as Pulumi's providers made from Terraform's keep it."""
_SEED_DIGITS: Final = 7


class Unfinished(Exception):
    """It was made, and what was to follow failed."""

    def __init__(self, name: str, outputs: Properties, inputs: Properties, reason: Exception) -> None:
        self.name, self.outputs, self.inputs, self.reason = name, outputs, inputs, reason
        super().__init__(str(reason))


@dataclass(frozen=True)
class Change:
    """One place that differs."""

    path: Path
    kind: Kind
    replaces: bool


@dataclass(frozen=True)
class Checked:
    """Inputs as the engine is to keep them, and what is wrong with those that were given."""

    inputs: Properties
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Provider:
    """One configured provider."""

    account: Account
    types: Mapping[str, type[Resource]] = field(repr=False)

    def type_of(self, token: str) -> type[Resource]:
        """Return a type by its token; raises Refused for one that the stand-in doesn't do."""
        found = self.types.get(token)
        if found is None:
            raise Refused(
                f"the stand-in for AWS's plugin doesn't do {token}; {suggestion(token, self.types)}, "
                "or use the real plugin"
            )
        return found

    def check(self, token: str, name: str, old: Properties, new: Properties, seed: bytes) -> Checked:
        """Return a resource's inputs with the provider's tags and a made-up name, and all problems."""
        kind = self.type_of(token)
        inputs = {key: value for key, value in new.items() if key != DEFAULTED}
        found = problems(inputs, kind.fields(), kind.takes)
        if kind.named and inputs.get(kind.named) is None:
            kept = old.get(kind.named) if kind.named in old.get(DEFAULTED, ()) else None
            inputs[kind.named] = kept or made_up(name, seed, kind.longest)
            inputs[DEFAULTED] = [kind.named]
        given = inputs.get("tags") or {}
        if "tags" in kind.takes and given != UNKNOWN and (tags := {**self.account.default_tags, **given}):
            inputs["tags"] = tags
        return Checked(inputs, found)

    def diff(
        self, token: str, known: Properties, old: Properties, new: Properties, ignored: Sequence[str]
    ) -> list[Change]:
        """Return where a resource's inputs differ; ``known`` are its outputs.

        As with the real provider, what AWS decides where nobody does is no change once nobody asks for it any more,
        nor is to ask for what there is.
        """
        kind = self.type_of(token)
        before, after = ({**kind.defaults, **each, DEFAULTED: None} for each in (old, new))
        for key in kind.published().always & before.keys():
            if after.get(key) is None:
                del before[key]
        for key in after.keys() & known.keys():
            if before.get(key) is None and covers(after[key], known[key]):
                before[key] = after[key]
        return [
            Change(path, change, path[0] in kind.fixed)
            for path, change in changes(before, after)
            if not is_ignored(path, ignored)
        ]

    def replaced_first(self, token: str, old: Properties, new: Properties) -> bool:
        """Whether the old one must go before the new one comes, which is to have its name."""
        name = self.type_of(token).named
        return name is not None and name not in new.get(DEFAULTED, ()) and old.get(name) == new.get(name)

    def foreseen(
        self, token: str, inputs: Properties, known: Properties | None = None, old: Properties | None = None
    ) -> dict[str, Any]:
        """Return a preview's outputs: what AWS decides is unknown, or stays as ``known`` when ``old`` is updated."""
        kind = self.type_of(token)
        published = kind.published()
        region = inputs.get("region") or self.account.settings.get("region") or UNKNOWN
        found: dict[str, Any] = {"region": region, "tagsAll": inputs.get("tags") or {}}
        found.update(known or {})
        unknown = published.always - found.keys() if known is None else kind.moved(old or {}, inputs)
        found.update(dict.fromkeys(unknown, UNKNOWN))
        found.update(self._shown(token, inputs))
        if "tags" in inputs:
            found["tagsAll"] = inputs["tags"]
        return {name: value for name, value in found.items() if name in published.outputs}

    def create(self, token: str, inputs: Properties) -> tuple[str, Properties]:
        """Make a resource, return its id and outputs; raises Unfinished when it was made and isn't whole."""
        resource = self._resource(token, inputs)
        name = resource.create(inputs)
        try:
            resource.settle(name, inputs)
            return name, self._outputs(resource, name, inputs)
        except Exception as error:
            raise Unfinished(name, self._shown(token, inputs), inputs, error) from error

    def read(
        self, token: str, name: str, known: Properties, inputs: Properties
    ) -> tuple[Properties, Properties] | None:
        """Return outputs and inputs of what there is by an id, None for nothing."""
        resource = self._resource(token, {**known, **inputs})
        found = self._found(resource, name, {**known, **inputs})
        if found is None:
            return None
        published = resource.published()
        home = self.account.settings.get("region")
        # Without inputs it is imported: everything there is to say is one; else, what nobody asked for and isn't AWS's.
        more = resource.takes if not inputs else resource.takes - published.always
        usual = {"region": home, **resource.defaults}
        added = {
            key: pruned(found[key])
            for key in more - inputs.keys()
            if found.get(key) not in (None, "", [], {}, usual.get(key))
        }
        asked = {**(resource.defaults if not inputs else {}), **observed(inputs, found), **added}
        return self._merged(resource, asked, found), asked

    def update(self, token: str, name: str, old: Properties, new: Properties) -> Properties:
        """Change a resource in place and return its outputs."""
        resource = self._resource(token, new)
        resource.update(name, old, new)
        return self._outputs(resource, name, new)

    def delete(self, token: str, name: str, known: Properties) -> None:
        """Delete a resource; that it is gone already is no error."""
        try:
            self._resource(token, known).delete(name, known)
        except ClientError as error:
            if not is_gone(error):
                raise

    def _resource(self, token: str, inputs: Properties) -> Resource:
        return self.type_of(token)(self.account.place(inputs.get("region")))

    def _found(self, resource: Resource, name: str, known: Properties) -> Properties | None:
        try:
            found = resource.read(name, known)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        if found is None:
            return None
        outputs = resource.published().outputs
        if strange := sorted(found.keys() - outputs):
            raise Refused(
                f"the stand-in's {resource.pulumi_type} answers with {', '.join(strange)}, which AWS's hasn't"
            )
        if "region" in outputs:
            found = {"region": resource.place.region, **found}
        if "tags" in found and "tagsAll" in outputs:
            found = {**found, "tagsAll": found["tags"]}
        return found

    def _outputs(self, resource: Resource, name: str, inputs: Properties) -> Properties:
        found = self._found(resource, name, inputs)
        if found is None:
            raise Refused(f"{resource.pulumi_type} {name} was made and isn't there")
        return self._merged(resource, inputs, found)

    def _merged(self, resource: Resource, inputs: Properties, found: Properties) -> dict[str, Any]:
        asked = self._shown(resource.pulumi_type, inputs)
        same = {key: value for key, value in asked.items() if key not in found or covers(value, found[key])}
        return {**found, **same}

    def _shown(self, token: str, inputs: Properties) -> dict[str, Any]:
        outputs = self.type_of(token).published().outputs
        return {key: value for key, value in inputs.items() if key in outputs}


def made_up(name: str, seed: bytes, longest: int) -> str:
    """Return a name for a resource that isn't given one: Pulumi's name and seven hexadecimal digits."""
    clean = re.sub(r"[^\w.-]", "-", name)[: longest - _SEED_DIGITS - 1]
    return f"{clean}-{seed.hex()[:_SEED_DIGITS]}"
