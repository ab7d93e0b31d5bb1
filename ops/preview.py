"""``ops preview``: what ``up`` would do, resource by resource."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata
from rich.console import Console
from rich.text import Text

from ops.engine_text import resource_name, resource_type
from ops.failure import InterruptedFailure
from ops.markdown import blinded_property
from ops.operation import observed
from ops.progress import EngineProgress, Reporter
from ops.spec import platform_of
from ops.stack import Engine
from ops.state_folder import check_named
from ops.throwaway_stack import is_unset, placeholders_of, throwaway
from ops.workspace import Workspace
from toolchain.engine import engine_environment
from toolchain.ensure import ensure

_MARKS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "delete": ("-", "red"),
    "replace": ("±", "red"),
    "create-replacement": ("++", "red"),
    "delete-replaced": ("--", "red"),
    "import": ("=", "cyan"),
}
_QUIET: Final = frozenset({"same", "read", "refresh", "create-replacement", "delete-replaced"})
"""Operations that are no change, or are told by the ``replace`` they belong to."""


def preview(workspace: Workspace, reporter: Reporter) -> dict[str, Any]:
    """Run the engine's preview; raises Failure with the program's own words when it refuses."""
    workspace.check_stack()
    unset = is_unset(workspace, os.environ)
    if not unset:
        check_named(workspace, os.environ)
    workspace.check_passphrase(os.environ)
    if unset:
        return _preview_unset(workspace, reporter)
    platform_of(workspace)
    with workspace.locked("preview"):
        ensure(["pulumi"])
        workspace.make_passphrase(os.environ)
        workspace.backend.mkdir(parents=True, exist_ok=True)
        engine = Engine.of(workspace, engine_environment())
        engine.prepare()
        with observed(engine, reporter, "pulumi preview", _stopped) as (progress, on_event):
            engine.preview(on_event)
    return document(workspace.stack, progress, progress.steps)


def _preview_unset(workspace: Workspace, reporter: Reporter) -> dict[str, Any]:
    """Preview a stack as one that is made from nothing; what is assumed for it comes first among the warnings."""
    assumed = placeholders_of(workspace, os.environ)
    ensure(["pulumi"])
    with (
        throwaway(workspace, assumed, os.environ) as engine,
        observed(engine, reporter, "pulumi preview", _stopped) as (progress, on_event),
    ):
        engine.preview(on_event)
    found = document(workspace.stack, progress, progress.steps)
    return {**found, "warnings": [*assumed.told(), *found["warnings"]]}


def _stopped(_progress: EngineProgress) -> InterruptedFailure:
    return InterruptedFailure("interrupted; a preview changes nothing")


def document(stack: str, progress: EngineProgress, steps: Sequence[StepEventMetadata]) -> dict[str, Any]:
    """Return what ``--json`` prints: the changes, how many resources there are of each operation, and warnings."""
    return {
        "stack": stack,
        "changes": [change(step) for step in steps if step.op.value not in _QUIET],
        "summary": dict(sorted(progress.changes.items())),
        "warnings": progress.warnings,
    }


def change(step: StepEventMetadata) -> dict[str, Any]:
    """Describe one step. The engine has blinded the secrets it knows of; what a provider read may be one as well."""
    kind = resource_type(step.urn)
    paths = sorted(step.detailed_diff or {}) or sorted(step.diffs or ())
    kinds = {path: diff.diff_kind.value for path, diff in (step.detailed_diff or {}).items()}
    return {
        "op": step.op.value,
        "type": kind,
        "name": resource_name(step.urn),
        "urn": step.urn,
        "diff": [
            {
                "path": path,
                "kind": kinds.get(path, "update"),
                "old": blinded_property(kind, path, _value(step.old, path)),
                "new": blinded_property(kind, path, _value(step.new, path)),
            }
            for path in paths
        ],
    }


def _value(state: StepEventStateMetadata | None, path: str) -> Any:
    """Return what was asked for or, of a property that nobody asks for, what there is."""
    if state is None:
        return None
    asked = look_up(state.inputs or {}, path)
    return look_up(state.outputs or {}, path) if asked is None else asked


def path_parts(path: str) -> list[str | int]:
    """Split a property path, ``config["retention.ms"]`` or ``spec.ports[0].name``, into its keys and indices."""
    parts: list[str | int] = []
    rest = path
    while rest:
        if rest.startswith('["'):
            key, _, rest = rest[2:].partition('"]')
            parts.append(key)
        elif rest.startswith("["):
            index, _, rest = rest[1:].partition("]")
            parts.append(int(index) if index.isdecimal() else index)
        else:
            rest = rest.removeprefix(".")
            end = min((found for mark in ".[" if (found := rest.find(mark)) >= 0), default=len(rest))
            parts.append(rest[:end])
            rest = rest[end:]
    return parts


def look_up(properties: Mapping[str, Any], path: str) -> Any:
    """Return the value at a property path, None where there is none."""
    value: Any = properties
    for part in path_parts(path):
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def show(document: dict[str, Any], console: Console) -> None:
    """Print the preview for people."""
    for item in document["changes"]:
        mark, colour = _MARKS.get(item["op"], ("?", "magenta"))
        console.print(Text(f"{mark:>2} {item['name']}  {item['type']}", style=colour), soft_wrap=True)
        if item["op"] in ("update", "replace"):
            for diff in item["diff"]:
                console.print(
                    Text(f"      {diff['path']}: {_short(diff['old'])} => {_short(diff['new'])}"), soft_wrap=True
                )
    for warning in document["warnings"]:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    summary = ", ".join(f"{count} {op}" for op, count in document["summary"].items())
    warnings = len(document["warnings"])
    counted = "" if not warnings else ", 1 warning" if warnings == 1 else f", {warnings} warnings"
    console.print(f"stack {document['stack']}: {summary or 'no resources'}{counted}", soft_wrap=True)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
