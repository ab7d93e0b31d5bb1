"""What the benchmarks of the engine share: runs that take turns, what they take, and a stack that is thrown away."""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi.automation.errors import CommandError

from ops.failure import Failure
from ops.progress import Reporter, shown
from ops.stack import Engine, engine_failure
from ops.workspace import Workspace
from toolchain.engine import engine_environment

_ROOT: Final = Path(__file__).parents[1]
_STACK: Final = "bench"
_OF_THE_STACK: Final = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""Variables of the stack that is up; the bench's has its own."""


@dataclass(frozen=True)
class Run:
    """One run of one side."""

    seconds: float
    cpu_seconds: float
    """Processor time of the tool and all its plugins."""


def timed(act: Callable[[], object]) -> Run:
    """Measure what an action and the processes it starts take."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    act()
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def comparison(sides: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Return the medians of two sides and the ratio of their seconds, the first side's to the second's."""
    result: dict[str, Any] = {}
    for side, runs in sides.items():
        result[side] = {
            "seconds": round(statistics.median(one.seconds for one in runs), 1),
            "seconds_range": [
                round(min(one.seconds for one in runs), 1),
                round(max(one.seconds for one in runs), 1),
            ],
            "cpu_seconds": round(statistics.median(one.cpu_seconds for one in runs), 1),
        }
    medians = [statistics.median(one.seconds for one in sides[side]) for side in sides]
    result["ratio"] = round(medians[0] / medians[1], 2)
    return result


def update(folder: Path, project: str, parallel: int, reporter: Reporter, title: str) -> Callable[[], None]:
    """Prepare a stack of the program in a folder, which takes no part in the time, and return its update."""
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": project, "runtime": runtime}))
    workspace = Workspace(folder, _STACK)
    own = {name: value for name, value in os.environ.items() if name not in _OF_THE_STACK}
    workspace.make_passphrase(own)
    workspace.backend.mkdir(parents=True)
    # The program is elsewhere, what it takes from the platform's own is here.
    programs = {**engine_environment(), "PYTHONPATH": str(_ROOT)}
    engine = Engine.of(workspace, programs, own)
    engine.run("stack", "init", _STACK)

    def act() -> None:
        with shown(reporter, title) as (progress, on_event):
            try:
                engine.up(on_event, parallel=parallel)
            except CommandError as error:
                raise Failure(progress.failure() or str(engine_failure(error))) from None

    return act
