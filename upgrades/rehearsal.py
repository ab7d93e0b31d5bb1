"""An update of a released stack, gone through in previews."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from upgrades.foreseen import completed
from upgrades.recording import Recorded
from upgrades.stage import Preview, Stage

_ROUNDS: Final = 4
"""Previews until all that can be compared has been: a provider on a gate on sets takes two."""


@dataclass(frozen=True)
class Rehearsal:
    """What was seen."""

    steps: Sequence[Mapping[str, Any]]
    """Every resource's steps, as ``pulumi preview --json`` has them."""
    unjudged: Sequence[str]
    """URNs of resources that no preview could compare."""


def rehearse(stage: Stage, recorded: Sequence[Recorded]) -> Rehearsal:
    """Preview the program on a release's resources; raises Failure in its words when it refuses.

    Where brokers are made anew, the settings of what talks to Kafka aren't known in a preview, and the engine doesn't
    compare topics at all. So it is previewed again as if the rest had been done.
    """
    known = {each.urn: each for each in recorded}
    preview = stage.preview(recorded)
    steps = [step for step in preview.steps if step["urn"] not in preview.unjudged]
    for _ in range(_ROUNDS - 1):
        waiting = frozenset(preview.unjudged)
        if not waiting:
            break
        preview = stage.preview(advanced(preview, known))
        steps += [step for step in preview.steps if step["urn"] in waiting - frozenset(preview.unjudged)]
    return Rehearsal(steps, preview.unjudged)


def advanced(preview: Preview, known: Mapping[str, Recorded]) -> list[Recorded]:
    """Return the resources as they are when all that a preview could compare is done, and all else is as ``known``."""
    former = {step["urn"]: (step.get("oldState") or {}).get("urn", "") for step in preview.steps}
    found: list[Recorded] = []
    for each in preview.resources:
        before = known.get(former.get(each.urn, "")) or known.get(each.urn)
        if each.urn in preview.unjudged and before is not None:
            inputs = {**each.fields, "inputs": before.inputs}
            found.append(replace(each, fields=inputs, outputs=before.outputs))
        else:
            found.append(completed(each))
    return found
