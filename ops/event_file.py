"""``--events FILE``: what a command does, a JSON object a line. The shape is in docs/operations.md.

No property of a resource is in it, and texts of others are redacted: such a file can be kept as a build's artifact.
"""

import contextlib
import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi.automation.events import EngineEvent, StepEventMetadata

from ops.engine_text import plain, resource_name, resource_type
from ops.failure import Failure
from ops.redaction import redacted


class EventFile:
    """Writes the events of one command, whole lines only, from any thread."""

    def __init__(self, file: Path, command: str, stack: str) -> None:
        self._common = {"command": command, "stack": stack}
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._steps: dict[str, float] = {}
        self.problem = ""
        """Why the rest of the events is missing, empty when nothing is."""
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failure(
                f"events can't be written to {file} ({error.strerror})", "name a file in a directory that is there"
            ) from None
        self._stream = os.fdopen(descriptor, "wb", buffering=0)
        self._whole = 0
        """Bytes that are whole lines."""
        self.write("begin")

    def write(self, event: str, **content: Any) -> None:
        """Append an event; a file that takes no more doesn't stop the command, see ``problem``."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **self._common, **content})
        with self._lock:
            if self.problem or self._stream.closed:
                return
            try:
                self._append(f"{line}\n".encode())
            except OSError as error:
                self._note(error)

    def _append(self, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:
                # Without a buffer: what one takes and can't get rid of, it would fail with again when it is closed.
                left = left[self._stream.write(left) :]
        except OSError:
            # A pipe can't be shortened, and a device needn't be.
            with contextlib.suppress(OSError):
                self._stream.truncate(self._whole)
            raise
        self._whole += len(line)

    def _note(self, error: OSError) -> None:
        self.problem = self.problem or error.strerror or "unknown reason"

    def text(self, event: str, text: str, **content: Any) -> None:
        """Append an event with a text of others."""
        self.write(event, **content, text=redacted(text))

    def engine(self, event: EngineEvent) -> None:
        """Append what one of the engine's events says, if it says something of a resource, a message or a sum."""
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            self._steps[step.urn] = time.monotonic()
            self.write("resource-begin", **_named(step))
        elif event.res_outputs_event:
            self._ended("resource-end", event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._ended("resource-failed", event.res_op_failed_event.metadata)
        elif event.diagnostic_event and not event.diagnostic_event.ephemeral:
            said = event.diagnostic_event
            self.text("diagnostic", plain(said.message), severity=said.severity, urn=said.urn or None)
        elif event.summary_event:
            changes = {str(getattr(op, "value", op)): n for op, n in event.summary_event.resource_changes.items()}
            self.write("summary", changes=dict(sorted(changes.items())))

    def _ended(self, event: str, step: StepEventMetadata) -> None:
        begun = self._steps.pop(step.urn, None)
        seconds = None if begun is None else round(time.monotonic() - begun, 3)
        self.write(event, **_named(step), seconds=seconds)

    def end(self, exit_code: int, problem: str = "") -> None:
        """Append the last event and close the file; one that can't be written is a ``problem``, not an error."""
        seconds = round(time.monotonic() - self._begin, 3)
        self.text("end", problem, exit_code=int(exit_code), seconds=seconds)
        with self._lock:
            try:
                self._stream.close()
            except OSError as error:
                self._note(error)


def _named(step: StepEventMetadata) -> dict[str, Any]:
    return {"op": step.op.value, "type": resource_type(step.urn), "name": resource_name(step.urn), "urn": step.urn}
