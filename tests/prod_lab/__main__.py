"""``python -m tests.prod_lab [COMMAND…]``: prod on the lab, then a shell or a command beside it, then nothing of it."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.prod_lab.bring_up import prod_lab
from tests.prod_lab.stack import STACK


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as folder, prod_lab(Path(folder)) as lab:
        for each in ([".venv/bin/python", "-m", "ops", "up", "--stack", STACK], command):
            done = subprocess.run(lab.command(*each), cwd=lab.root, env=dict(lab.environment))
            if done.returncode != 0:
                break
        return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["bash"]))
