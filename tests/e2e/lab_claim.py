"""The lab is one per machine: a test run claims it, and clears away what a run that was broken off left."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from lab import cluster
from lab.paths import layout
from lab.process import Identity, identify
from tests.e2e.harness import ROOT, ops


def claim_file() -> Path:
    """Beside the lab's data, which comes and goes during a run."""
    root = layout().root
    return root.with_name(f"{root.name}.test-run")


@contextmanager
def claimed() -> Iterator[None]:
    """Hold the lab for this run; a stack that was brought up from this checkout before is used as it is."""
    file = claim_file()
    if file.exists():
        claim = json.loads(file.read_text())
        if Identity(**claim["process"]).alive:
            raise RuntimeError(f"process {claim['process']['pid']} is testing on the lab: wait for its end")
        if claim["checkout"] == str(ROOT):
            ops("down", "--stack", "dev")
        else:
            cluster.stop()
    elif cluster.status().state != "stopped" and not (ROOT / ".state" / "clusters" / "dev").exists():
        raise RuntimeError("a lab runs that isn't this checkout's: stop it first with `python -m lab stop`")
    own = identify(os.getpid())
    assert own is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"process": asdict(own), "checkout": str(ROOT)}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
