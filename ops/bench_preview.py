"""``ops bench preview``: how previews of a stack that nobody has set up grow with its topics and ACLs."""

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ops.exit_code import ExitCode
from ops.failure import Failure
from ops.generated_catalogue import Size, overlay
from ops.preview_document import read_preview
from ops.process_tree import Usage, measure
from ops.progress import Reporter
from ops.throwaway_stack import is_unset
from ops.workspace import Workspace

SIZES: Final = (Size(0, 0), Size(100, 500), Size(500, 2500), Size(1000, 5000))
SECONDS_LIMIT: Final = 60.0
"""What a preview of a thousand topics and five thousand ACLs may take."""
BYTES_LIMIT: Final = 2**30
"""And of memory, all processes together."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured."""

    sizes: Sequence[Size] = SIZES
    runs: int = 3


@dataclass(frozen=True)
class Run:
    """One preview: how many resources it showed, and what it took."""

    resources: int
    usage: Usage


def run(workspace: Workspace, plan: Plan, reporter: Reporter) -> dict[str, Any]:
    """Measure each size in turn, and again, so that what else the machine does falls on all of them.

    Raises UsageFailure for no such stack, Failure where the stack is set up, or a preview fails.
    """
    workspace.check_stack()
    if not is_unset(workspace, {}):
        raise Failure(
            f"stack {workspace.stack} is set up here, and its preview compares it with its state",
            "run it in a fresh clone, of a stack other than dev",
        )
    seen: dict[Size, list[Run]] = {size: [] for size in plan.sizes}
    load = [os.getloadavg()[0]]
    for number in range(plan.runs):
        for size in plan.sizes:
            title = f"{size.topics} topics, {size.acls} ACLs, run {number + 1} of {plan.runs}"
            with reporter.live(title):
                one = preview(workspace, size)
            load.append(os.getloadavg()[0])
            seen[size].append(one)
            used = one.usage
            reporter.say(f"{title}: {used.seconds:.1f} s, {used.cpu_seconds:.1f} s of processor time, {_mib(used)} MiB")
    return document(workspace.stack, plan, seen, load)


def preview(workspace: Workspace, size: Size) -> Run:
    """Preview the stack with a generated catalogue on top; raises Failure with the preview's own words."""
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as name:
        folder = Path(name)
        added = folder / "overlay.yaml"
        # JSON is YAML that is read fast, as an overlay that people write would be short.
        added.write_text(json.dumps(overlay(size)))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        command = [sys.executable, "-m", "ops", "preview", "--stack", workspace.stack, "--json"]
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            used = measure(command, workspace.root, {**kept, "PLATFORM_OVERLAY": str(added)}, out, err)
        if used.exit_code != ExitCode.CHANGES:
            said = (folder / "err").read_text(errors="replace").strip()
            raise Failure(f"the preview of {size} failed: {said.removeprefix('error: ')}")
        found = read_preview((folder / "out").read_text(), workspace.stack)
    return Run(sum(found.summary.values()), used)


def document(stack: str, plan: Plan, seen: Mapping[Size, Sequence[Run]], load: Sequence[float]) -> dict[str, Any]:
    """Return medians by size, and what a further resource takes; ``load`` is the machine's, before each run and after.

    A resource's part is that between the smallest and the largest size: what a preview takes anyway isn't in it.
    """
    sizes = [_summary(size, runs) for size, runs in seen.items()]
    least, most = (pick(sizes, key=lambda one: one["resources"]) for pick in (min, max))
    more = most["resources"] - least["resources"]
    return {
        "stack": stack,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "system": f"{platform.system()} {platform.release().partition('-')[0]}",
            "python": platform.python_version(),
            "load": [round(min(load), 1), round(max(load), 1)],
        },
        "runs": plan.runs,
        "limits": {"seconds": SECONDS_LIMIT, "bytes": BYTES_LIMIT},
        "sizes": sizes,
        "a_resource": {
            "seconds": round((most["seconds"] - least["seconds"]) / more, 5),
            "cpu_seconds": round((most["cpu_seconds"] - least["cpu_seconds"]) / more, 5),
            "bytes": round((most["peak_bytes"] - least["peak_bytes"]) / more),
        }
        if more
        else None,
    }


def _summary(size: Size, runs: Sequence[Run]) -> dict[str, Any]:
    seconds = [one.usage.seconds for one in runs]
    middle = sorted(runs, key=lambda one: one.usage.cpu_seconds)[len(runs) // 2].usage
    return {
        "topics": size.topics,
        "acls": size.acls,
        "resources": runs[0].resources,
        "seconds": round(statistics.median(seconds), 1),
        "seconds_range": [round(min(seconds), 1), round(max(seconds), 1)],
        "cpu_seconds": round(statistics.median(one.usage.cpu_seconds for one in runs), 1),
        "peak_bytes": round(statistics.median(one.usage.peak_bytes for one in runs)),
        # Of the run in the middle, so that the parts are those of one whole.
        "cpu_by_program": dict(middle.cpu_by_program),
        "bytes_by_program": dict(middle.bytes_by_program),
    }


def title(document: Mapping[str, Any]) -> str:
    """Say of what stack the previews are, and whether they are medians."""
    runs = document["runs"]
    return f"previews of stack {document['stack']}, {'one run each' if runs == 1 else f'medians of {runs} runs'}"


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    table = Table(title=title(document), box=None)
    for heading in ("topics", "ACLs", "resources", "seconds", "processor, s", "memory, MiB", "s / 1,000 resources"):
        table.add_column(heading, justify="right")
    for one in document["sizes"]:
        table.add_row(
            f"{one['topics']:,}",
            f"{one['acls']:,}",
            f"{one['resources']:,}",
            "{} ({} to {})".format(one["seconds"], *one["seconds_range"]),
            f"{one['cpu_seconds']}",
            f"{one['peak_bytes'] / 2**20:,.0f}",
            f"{one['seconds'] / one['resources'] * 1000:.1f}",
        )
    console.print(table)
    if part := document["a_resource"]:
        console.print(
            f"a further resource: {part['seconds'] * 1000:.1f} ms, {part['cpu_seconds'] * 1000:.1f} ms of processor "
            f"time, {part['bytes'] / 1024:.0f} KiB",
            soft_wrap=True,
        )
    least, most = document["machine"]["load"]
    console.print(f"the machine's load meanwhile: {least} to {most}", soft_wrap=True)


def _mib(used: Usage) -> str:
    return f"{used.peak_bytes / 2**20:,.0f}"
