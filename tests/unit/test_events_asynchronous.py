"""What runs in asyncio: it stops with its task, and what it raises is the task's."""

import asyncio
import threading

import pytest

from pyairtable_events.asynchronous import run_async
from pyairtable_events.bus import EventBus
from pyairtable_events.memory import MemoryLog
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.saga import Kind
from pyairtable_events.saga_log import TOPIC, from_event
from tests.events import WORKFLOWS, five_steps, run_started, serde


def test_an_orchestrator_runs_while_its_task_does() -> None:
    log = MemoryLog({WORKFLOWS: 1, TOPIC: 1})
    EventBus("workflow-engine", log, serde()).publish(WORKFLOWS, run_started())
    orchestrator = SagaOrchestrator(
        EventBus("saga-orchestrator", log, serde()), [five_steps()], [WORKFLOWS], instance="0"
    )

    async def main() -> None:
        task = asyncio.create_task(run_async(orchestrator))
        while len(log.records(TOPIC)) < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 30))
    assert [from_event(serde().decode(one)).kind for one in log.records(TOPIC)] == [
        Kind.SAGA_STARTED,
        Kind.STEP_STARTED,
    ]
    assert [one.name for one in threading.enumerate() if one.name.startswith("saga-")] == []


def test_what_ends_by_itself_tells_why() -> None:
    class Broken:
        def run(self, stop: threading.Event) -> None:  # noqa: ARG002
            raise RuntimeError("no brokers")

    with pytest.raises(RuntimeError, match=r"^no brokers$"):
        asyncio.run(run_async(Broken()))
