"""The engine's events while it runs, from the file it writes them to.

A line per event costs the engine nothing; the Automation API's other way, a request per event, holds it up for each.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pulumi.automation.events import EngineEvent

OnEvent = Callable[[EngineEvent], None]

_POLL: Final = 0.1
"""Seconds between two looks at a file that had nothing new."""


@contextmanager
def followed(file: Path, on_event: OnEvent) -> Iterator[None]:
    """Hand every event of ``file`` on, in order, from a thread; on leaving, the last one has been handed on.

    Of a line that is no event, and of what ``on_event`` raises, the first is raised on leaving, unless the block raises
    something itself; the events behind it are handed on.
    """
    file.touch(mode=0o600)
    ended = threading.Event()
    failures: list[Exception] = []

    def hand_on(line: bytes) -> None:
        try:
            on_event(EngineEvent.from_json(json.loads(line)))
        except Exception as error:  # noqa: BLE001
            # Raised by the thread that waits for this one.
            failures.append(error)

    def follow() -> None:
        with file.open("rb") as stream:
            partial = b""
            while True:
                # Asked before the read: what was written before the end is then still read.
                last = ended.is_set()
                for line in stream:
                    partial += line
                    if partial.endswith(b"\n"):
                        hand_on(partial)
                        partial = b""
                if last:
                    break
                ended.wait(_POLL)
            if partial:
                hand_on(partial)

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
    if failures:
        raise failures[0]
