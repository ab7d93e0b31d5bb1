"""Consumers, orchestrators and publishers in asyncio: each in a thread of its own, handlers in the event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from pyairtable_events.envelope import Event


class Runs(Protocol):
    """EventConsumer, SagaOrchestrator, OutboxPublisher."""

    def run(self, stop: threading.Event) -> Any:
        """Run until asked to stop."""


async def run_async(part: Runs) -> None:
    """Run it in a thread of its own until this task is cancelled; it then stops as it does when asked to.

    Raises what it raises.
    """
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(part.run, stop))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with suppress(asyncio.CancelledError):
            await running
        raise


def in_loop(handler: Callable[[Event], Awaitable[None]], loop: asyncio.AbstractEventLoop) -> Callable[[Event], None]:
    """Return a handler for a consumer's thread that runs a coroutine in the event loop and waits for its end."""

    async def handled(event: Event) -> None:
        await handler(event)

    return lambda event: asyncio.run_coroutine_threadsafe(handled(event), loop).result()
