"""Records what the present program registers on a stack."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from ops.failure import Failure
from upgrades.foreseen import completed
from upgrades.recording import Properties, Recorded, render
from upgrades.stage import staged

_ROUNDS: Final = 12
"""Previews until a recording must be its own successor; a chain of keys, certificates and Secrets takes four."""
_SUFFIX: Final = re.compile(r"-[0-9a-f]{7}$")
"""What the engine puts behind a name that it makes up: seven hexadecimal digits, others each time."""
_NO_SUFFIX: Final = "-0000000"


def record(checkout: Path, stack: str) -> str:
    """Return the recording of a stack; raises Failure when the program refuses, or a value can't be foreseen.

    The first preview knows no value that only making a resource tells. With these made up, the next one knows what
    follows from them, and so on until a preview's resources are those of the one before.
    """
    known: list[Recorded] = []
    text = ""
    with staged(checkout, stack) as stage:
        for _ in range(_ROUNDS):
            known = [completed(each) for each in named(stage.preview(known).resources)]
            before, text = text, render(stack, known)
            if text == before:
                break
        else:
            raise Failure(
                f"the recording of {stack} is another with each preview",
                "see which resource's inputs differ from run to run, and let them follow from the configuration",
            )
    if unknown := sorted(f"{each.type} {each.name}: {path}" for each in known for path in each.unknown):
        raise Failure(
            f"the recording of {stack} has values that a preview doesn't know: {'; '.join(unknown)}",
            "say in upgrades/foreseen.py in which form they are read",
        )
    return text


def named(resources: Sequence[Recorded]) -> list[Recorded]:
    """Return resources whose made-up names are always the same."""
    names = {name: _SUFFIX.sub(_NO_SUFFIX, name) for each in resources for name in _made_up(each)}
    if not names:
        return list(resources)
    pattern = re.compile("|".join(map(re.escape, names)))

    def settled(part: Properties) -> Properties:
        found: Properties = json.loads(pattern.sub(lambda match: names[match[0]], json.dumps(dict(part))))
        return found

    return [replace(each, fields=settled(each.fields), outputs=settled(each.outputs)) for each in resources]


def _made_up(each: Recorded) -> Iterator[str]:
    for key in each.inputs.get("__defaults", ()):
        value = each.inputs.get(key)
        if isinstance(value, str) and _SUFFIX.search(value):
            yield value
