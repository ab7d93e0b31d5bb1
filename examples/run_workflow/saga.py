"""The saga: reserve the records, generate with the model, write the result; each is undone when a later one fails."""

from typing import Final

from pyairtable_events.envelope import Event
from pyairtable_events.saga import Json, SagaDefinition, Step

TOPIC: Final = "pyairtable.workflows.events"
NAMESPACE: Final = "com.pyairtable.workflows.events"
RUN_STARTED: Final = f"{NAMESPACE}.RunStarted"
STEP_COMPLETED: Final = f"{NAMESPACE}.StepCompleted"
STEP_FAILED: Final = f"{NAMESPACE}.StepFailed"
STEPS: Final = ("reserve", "generate", "write")


def _step(name: str) -> Step:
    done, failed = frozenset({STEP_COMPLETED}), frozenset({STEP_FAILED})
    return Step(name=name, done=done, failed=failed, undone=done, undo_failed=failed)


def _input(trigger: Event) -> Json:
    return {"run_id": str(trigger.payload["run_id"]), "inputs": dict(trigger.payload["inputs"])}


RUN_WORKFLOW: Final = SagaDefinition(
    type="run-workflow", steps=tuple(map(_step, STEPS)), triggers=frozenset({RUN_STARTED}), input=_input
)
