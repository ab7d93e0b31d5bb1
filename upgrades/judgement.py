"""What an update would take away, read off the engine's steps."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ops.engine_text import resource_name, resource_type

_REPLACING: Final = frozenset({"replace", "create-replacement", "delete-replaced", "discard-replaced"})
_DELETING: Final = frozenset({"delete", "discard", "remove-pending-replace"})
_MAKING: Final = frozenset({"create", "import"})


class Operation(StrEnum):
    """How something is lost."""

    DELETE = "delete"
    REPLACE = "replace"


@dataclass(frozen=True, order=True, kw_only=True)
class Loss:
    """One resource of the last release that the present program would delete, or make anew."""

    stack: str
    urn: str
    operation: Operation
    because: tuple[str, ...]
    """Paths of the properties that force it; empty: the program has no such resource, or nothing was said."""
    became: str = ""
    """Name of a new resource of its type that is called alike; empty: none."""

    @property
    def type(self) -> str:
        """The type's token."""
        return resource_type(self.urn)

    @property
    def name(self) -> str:
        """Its name in the program."""
        return resource_name(self.urn)

    def __str__(self) -> str:
        """Return the sentence a user reads."""
        what = f"{self.stack}: {self.type} {self.name}"
        announce = "announce it in CHANGELOG.md"
        if self.operation is Operation.DELETE:
            alias = f"if it is now {self.became}, give that an alias, else " if self.became else ""
            text = "is deleted: the program registers nothing under its URN"
            remedy = f"{alias}register it again or {announce}"
        else:
            because = ", ".join(self.because) or "something it is made from"
            text = f"is replaced because of {because}"
            remedy = f"leave that as it was released, or {announce}"
        return f"{what} {text}; {remedy} ({self.urn})"


def losses(stack: str, steps: Sequence[Mapping[str, Any]]) -> list[Loss]:
    """Return what steps of ``pulumi preview --json`` would take away, each resource once, sorted."""
    made: dict[str, list[str]] = {}
    for step in steps:
        if step["op"] in _MAKING:
            made.setdefault(resource_type(step["urn"]), []).append(resource_name(step["urn"]))
    replaced: dict[str, set[str]] = {}
    deleted: set[str] = set()
    for step in steps:
        if step["op"] in _REPLACING:
            replaced.setdefault(step["urn"], set()).update(_reasons(step))
        elif step["op"] in _DELETING:
            deleted.add(step["urn"])
    found = [
        Loss(stack=stack, urn=urn, operation=Operation.REPLACE, because=tuple(sorted(reasons)))
        for urn, reasons in replaced.items()
    ]
    for urn in deleted - replaced.keys():
        alike = difflib.get_close_matches(resource_name(urn), made.get(resource_type(urn), ()), n=1)
        became = alike[0] if alike else ""
        found.append(Loss(stack=stack, urn=urn, operation=Operation.DELETE, because=(), became=became))
    return sorted(found)


def _reasons(step: Mapping[str, Any]) -> set[str]:
    """Return the properties that force a replacement: those that a detailed diff says do, else all it names."""
    detailed = {
        path for path, diff in (step.get("detailedDiff") or {}).items() if str(diff["kind"]).endswith("-replace")
    }
    return detailed or set(step.get("replaceReasons") or ())
