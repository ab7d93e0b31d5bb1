"""What a release's program registers on a stack: one file a stack, a resource a line, no secrets in it."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from config.literals import PULUMI_SECRET
from ops.engine_text import resource_name, resource_type
from ops.markdown import SECRET

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that a preview can't know (plugin.UnknownStringValue of its SDK)."""
FORMAT: Final = 1
"""Of the files; another one is refused."""
_KEPT: Final = (
    *("additionalSecretOutputs", "custom", "customTimeouts", "deleteBeforeReplace", "deletedWith"),
    *("ignoreChanges", "inputs", "parent", "propertyDependencies", "protect", "provider", "replaceOnChanges"),
    "retainOnDelete",
)
"""Of what the engine keeps of a resource, all by which it decides what to replace.

What a resource only waits for isn't among it: it is replaced for another's sake by a property that came from there.
"""

Properties = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One resource."""

    urn: str
    outputs: Properties
    """What the provider says of it."""
    fields: Properties
    """Everything else, by the names that the engine's own export has for it (apitype.ResourceV3)."""

    @property
    def type(self) -> str:
        """The type's token."""
        return resource_type(self.urn)

    @property
    def name(self) -> str:
        """Its name in the program."""
        return resource_name(self.urn)

    @property
    def inputs(self) -> Properties:
        """What the program asked for, as its provider completed it."""
        return dict(self.fields.get("inputs") or {})

    @property
    def needs(self) -> frozenset[str]:
        """URNs of what a state must have before it."""
        provider = str(self.fields.get("provider") or "").rpartition("::")[0]
        single = (self.fields.get("parent"), self.fields.get("deletedWith"), provider)
        reasons = self.fields.get("propertyDependencies", {}).values()
        return frozenset(filter(None, single)).union(*reasons)

    @property
    def unknown(self) -> list[str]:
        """Places whose value isn't known."""
        return sorted({path for part in (self.inputs, self.outputs) for path in _unknown(part)})


class RecordingError(Exception):
    """A recording can't be read; the message says which, why, and what to do."""


def resource(new_state: Properties, outputs: Properties) -> Recorded:
    """Return a resource from what a preview's JSON has of it, and from the outputs that its events have."""
    fields = {key: new_state[key] for key in _KEPT if new_state.get(key) not in (None, False, [], {}, "")}
    if "additionalSecretOutputs" in fields:
        fields["additionalSecretOutputs"] = sorted(fields["additionalSecretOutputs"])
    if "propertyDependencies" in fields:
        reasons = fields["propertyDependencies"].items()
        fields["propertyDependencies"] = {key: sorted(urns) for key, urns in reasons if urns}
    if "provider" in fields:
        # A preview knows no id of a provider that isn't there yet; a state has to have one.
        fields["provider"] = f"{fields['provider'].rpartition('::')[0]}::{resource_name(provider_urn(fields))}"
    return Recorded(urn=new_state["urn"], outputs=_blind(outputs), fields=_blind(fields))


def provider_urn(fields: Properties) -> str:
    """Return the URN in a resource's reference to its provider."""
    return str(fields["provider"]).rpartition("::")[0]


def ordered(resources: Iterable[Recorded]) -> list[Recorded]:
    """Return resources sorted by URN, but each after what it needs."""
    by_urn = {each.urn: each for each in resources}
    waiting = {urn: {needed for needed in each.needs if needed in by_urn} for urn, each in by_urn.items()}
    ready = [urn for urn, needed in waiting.items() if not needed]
    after: dict[str, list[str]] = {}
    for urn, needed in waiting.items():
        for each in needed:
            after.setdefault(each, []).append(urn)
    heapq.heapify(ready)
    found: list[Recorded] = []
    while ready:
        urn = heapq.heappop(ready)
        found.append(by_urn[urn])
        for follower in after.get(urn, ()):
            waiting[follower].discard(urn)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    return found


def render(stack: str, resources: Sequence[Recorded]) -> str:
    """Return a recording's text: the same resources give the same bytes."""
    lines = ",\n".join(_compact(_shortened(each)) for each in ordered(resources))
    return f'{{"format":{FORMAT},"stack":{json.dumps(stack)},"resources":[\n{lines}\n]}}\n'


def parse(text: str, file: str) -> list[Recorded]:
    """Read what ``render`` wrote; raises RecordingError that names ``file``."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise RecordingError(f"{file} has format {document['format']}, not {FORMAT}; use the release's own program")
        return [_lengthened(entry) for entry in document["resources"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{file} is no recording ({error}); put it back as it was released") from None


def _shortened(each: Recorded) -> dict[str, Any]:
    """Leave out of the outputs what the inputs say as well."""
    inputs = each.inputs
    outputs = {key: value for key, value in each.outputs.items() if inputs.get(key) != value}
    silent = sorted(key for key in inputs if key not in each.outputs)
    found = {"urn": each.urn, "outputs": outputs, "silent": silent, **each.fields}
    return {key: value for key, value in found.items() if value not in ([], {})}


def _lengthened(entry: Mapping[str, Any]) -> Recorded:
    fields = dict(entry)
    urn, outputs, silent = fields.pop("urn"), fields.pop("outputs", {}), fields.pop("silent", ())
    echoed = {key: value for key, value in fields.get("inputs", {}).items() if key not in silent}
    return Recorded(urn=urn, outputs={**echoed, **outputs}, fields=fields)


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _blind(value: Any) -> Any:
    """Return a property as it is, secrets as what the engine shows of them."""
    if isinstance(value, Mapping):
        return SECRET if PULUMI_SECRET in value else {key: _blind(item) for key, item in value.items()}
    return [_blind(item) for item in value] if isinstance(value, list) else value


def _unknown(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unknown(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _unknown(item, f"{path}[]")
    elif isinstance(value, str) and UNKNOWN in value:
        yield path


def with_outputs(each: Recorded, outputs: Properties) -> Recorded:
    """Return the resource with other outputs."""
    return replace(each, outputs=outputs)
