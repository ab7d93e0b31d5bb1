"""Which machines a lab was started with: as long as its data is there, it has these."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from lab.errors import LabError
from lab.paths import Layout
from lab.plan import MACHINES, Machine, Taint


def record(files: Layout, machines: Sequence[Machine]) -> None:
    """Note the lab's machines."""
    if tuple(machines) == MACHINES:
        return
    temporary = files.machines.with_suffix(".new")
    temporary.write_text(json.dumps([asdict(machine) for machine in machines], indent=2))
    temporary.replace(files.machines)


def recorded(files: Layout) -> tuple[Machine, ...]:
    """Return the lab's machines."""
    try:
        found = json.loads(files.machines.read_text())
    except FileNotFoundError:
        return MACHINES
    return tuple(
        Machine(**{**machine, "taints": tuple(Taint(**taint) for taint in machine["taints"])}) for machine in found
    )


def agreed(files: Layout, wanted: Sequence[Machine] | None) -> tuple[Machine, ...]:
    """Return the machines of this start; raises LabError when the lab that is there has others than those wanted."""
    if not files.root.exists():
        return MACHINES if wanted is None else tuple(wanted)
    there = recorded(files)
    if wanted is not None and tuple(wanted) != there:
        raise LabError(
            f"the lab has other machines: {', '.join(machine.name for machine in there)}; "
            "remove it first with `python -m lab stop`, or start it without --machines"
        )
    return there
