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
    """Hand every event of ``file`` on, in order, from a thread; on leaving, the last one has been handed on."""
    file.touch(mode=0o600)
    ended = threading.Event()

    def follow() -> None:
        with file.open(encoding="utf-8") as stream:
            partial = ""
            while True:
                # Asked before the read: what was written before the end is then still read.
                last = ended.is_set()
                for line in stream:
                    partial += line
                    if partial.endswith("\n"):
                        on_event(EngineEvent.from_json(json.loads(partial)))
                        partial = ""
                if last:
                    return
                ended.wait(_POLL)

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
