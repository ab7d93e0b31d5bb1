"""The orchestrator of sagas: intake and decider side by side, begun anew when Kafka lets them down."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from pyairtable_events.bus import EventBus
from pyairtable_events.errors import BusFailed, PublishFailed, Unavailable
from pyairtable_events.retry import RetryPolicy
from pyairtable_events.saga import SagaDefinition, SagaState
from pyairtable_events.saga_decider import SagaDecider
from pyairtable_events.saga_intake import SagaIntake
from pyairtable_events.saga_log import TOPIC

log = logging.getLogger(__name__)

_HEALTHY_SECONDS: Final = 60.0
"""After a run as long as that, a failure is the first of its series."""


class SagaOrchestrator:
    """Runs the sagas of a service. Instances share the partitions of the log; each partition has one owner."""

    def __init__(
        self,
        bus: EventBus,
        definitions: Sequence[SagaDefinition],
        topics: Sequence[str],
        *,
        instance: str,
        retry: RetryPolicy | None = None,
        remember: timedelta = timedelta(hours=1),
    ) -> None:
        """``topics`` are where triggers and answers come from.

        ``instance`` tells this process from its siblings and is the same after a restart, as a StatefulSet's pod name
        is: then nobody waits for the group to notice. ``remember`` is how long an ended saga is kept, so that its
        trigger's duplicates start no second one. Raises ValueError for two definitions of one type and version.
        """
        kinds = [(one.type, one.version) for one in definitions]
        if len(set(kinds)) != len(kinds):
            raise ValueError("a saga's type and version tell its definition: there are two of the same")
        self._retry = retry or RetryPolicy(attempts=10)
        self._decider = SagaDecider(bus, definitions, instance, TOPIC, remember)
        self._intake = SagaIntake(bus, definitions, topics, instance, TOPIC)

    def run(self, stop: threading.Event) -> None:
        """Run until asked to stop; raises what either part raises after the last try of the retry policy."""
        failures: list[BaseException] = []
        halt = threading.Event()

        def kept(part: Callable[[threading.Event], None]) -> None:
            try:
                self._again(part, halt)
            except Exception as error:  # noqa: BLE001 raised again by the caller's thread
                failures.append(error)
            finally:
                halt.set()

        threads = [
            threading.Thread(target=kept, args=(part,), name=name)
            for part, name in ((self._intake.run, "saga-intake"), (self._decider.run, "saga-decider"))
        ]
        for thread in threads:
            thread.start()
        while not stop.wait(0.1) and not halt.is_set():
            continue
        halt.set()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def states(self) -> dict[UUID, SagaState]:
        """Return the sagas under way that this instance owns, by id."""
        return self._decider.states()

    def _again(self, part: Callable[[threading.Event], None], stop: threading.Event) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                part(stop)
                return
            except (BusFailed, PublishFailed, Unavailable) as error:
                failures = 1 if time.monotonic() - began > _HEALTHY_SECONDS else failures + 1
                if failures >= self._retry.attempts:
                    raise
                log.warning("begins anew: %s", error)
                if not self._retry.wait(failures, stop):
                    return
