"""One run of the engine, as a command shows it and as it can be stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from ops.command import Interrupted
from ops.event_log import OnEvent
from ops.failure import Failure, InterruptedFailure
from ops.progress import EngineProgress, Reporter, shown
from ops.stack import Engine, engine_failure

_FIRST: Final = "stopping: the engine ends what it has begun and saves its state; once more, and it stops at once"
_SECOND: Final = "stopping at once: the next `ops up` finds out what became of what had begun"


@contextmanager
def observed(
    engine: Engine, reporter: Reporter, title: str, stopped: Callable[[EngineProgress], InterruptedFailure]
) -> Iterator[tuple[EngineProgress, OnEvent]]:
    """Follow one engine run: yields its progress and the callback for its events.

    Raises Failure with the program's or the engine's own words when it fails, and what ``stopped`` returns when the
    user stopped it.
    """
    engine.command.on_interrupt = lambda count: reporter.say(_FIRST if count == 1 else _SECOND)
    with shown(reporter, title) as (progress, on_event):
        try:
            yield progress, on_event
        except ConcurrentUpdateError as error:
            raise engine_failure(error) from None
        except CommandError as error:
            raise Failure(progress.failure() or str(engine_failure(error))) from None
        except Interrupted:
            raise stopped(progress) from None
