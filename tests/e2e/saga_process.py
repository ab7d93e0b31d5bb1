"""An orchestrator as a process that kills itself (SIGKILL) at a point of its transactions; the test starts it."""

import os
import signal
import sys
from typing import NoReturn

from pyairtable_events.bus import event_bus
from pyairtable_events.consumer import stopped_by_signals
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.settings import from_environment
from tests.e2e.doom import Doom, DoomedLog, Killed
from tests.events import WORKFLOWS, five_steps


def end_process() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise Killed


def main(fatal: int) -> None:
    bus = event_bus(from_environment(os.environ))
    bus.log = DoomedLog(bus.log, Doom(fatal, end_process))
    with stopped_by_signals() as stop:
        SagaOrchestrator(bus, [five_steps()], [WORKFLOWS], instance="0").run(stop)


if __name__ == "__main__":
    main(int(sys.argv[1]))
