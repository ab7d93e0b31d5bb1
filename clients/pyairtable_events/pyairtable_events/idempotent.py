"""Effects that happen once: an event's id and its effect are committed by one transaction of PostgreSQL."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import psycopg

from pyairtable_events.envelope import Event
from pyairtable_events.errors import Unavailable

Effect = Callable[[psycopg.Connection[Any], Event], None]
"""Does an event's work through the connection it gets, whose transaction it leaves open."""
AsyncEffect = Callable[[psycopg.AsyncConnection[Any], Event], Awaitable[None]]

_CLAIM: Final = (
    "INSERT INTO processed_events (consumer, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING event_id"
)
"""One of two consumers that have the same event waits here for the other's transaction."""

_AWAY: Final = ("08", "53", "57P", "58", "25006")
"""Beginnings of the SQLSTATEs of a database that can't work now, whatever it is asked (PostgreSQL, appendix A): no
connection; no space, memory or connection left; shut down or starting; no input or output; a replica that reads."""


class Transactional:
    """A handler that runs its effect in a transaction; one thread calls it.

    A lost connection is Unavailable, and so is a database without space or that only reads; the next call makes a new
    connection, which may lead to another server.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], effect: Effect) -> None:
        self._connect = connect
        self._effect = effect
        self._connection: psycopg.Connection[Any] | None = None

    def __call__(self, event: Event) -> None:
        """Commit the effect; raises what it raises, with nothing done."""
        try:
            connection = self._open()
            with connection.transaction():
                self._effect(connection, event)
        except psycopg.Error as error:
            if _away(error, self._connection):
                self.close()
                raise Unavailable(_said(error)) from error
            raise

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = self._connect()
            self._connection.autocommit = True
        return self._connection


class Idempotent(Transactional):
    """A handler whose effect happens once per event and consumer, however often the event comes."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], consumer: str, effect: Effect) -> None:
        """``consumer`` is the name the events are counted under: that of the consumer group."""

        def once(connection: psycopg.Connection[Any], event: Event) -> None:
            if connection.execute(_CLAIM, (consumer, event.id)).fetchone() is not None:
                effect(connection, event)

        super().__init__(connect, once)


class AsyncTransactional:
    """The same for asyncio; one task calls it at a time."""

    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]], effect: AsyncEffect) -> None:
        self._connect = connect
        self._effect = effect
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def __call__(self, event: Event) -> None:
        """Commit the effect; raises what it raises, with nothing done."""
        try:
            connection = await self._open()
            async with connection.transaction():
                await self._effect(connection, event)
        except psycopg.Error as error:
            if _away(error, self._connection):
                await self.close()
                raise Unavailable(_said(error)) from error
            raise

    async def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = await self._connect()
            await self._connection.set_autocommit(True)
        return self._connection


class AsyncIdempotent(AsyncTransactional):
    """``Idempotent`` for asyncio."""

    def __init__(
        self, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]], consumer: str, effect: AsyncEffect
    ) -> None:
        async def once(connection: psycopg.AsyncConnection[Any], event: Event) -> None:
            claimed = await connection.execute(_CLAIM, (consumer, event.id))
            if await claimed.fetchone() is not None:
                await effect(connection, event)

        super().__init__(connect, once)


def forget(connection: psycopg.Connection[Any], older_than: timedelta) -> int:
    """Delete the ids of events processed longer ago than that, and return how many.

    Keep them at least as long as the longest retention of the topics consumed, and of the dead letter topic: an event
    can come again for as long as it is kept anywhere.
    """
    return connection.execute("DELETE FROM processed_events WHERE processed_at < now() - %s", (older_than,)).rowcount


def _away(error: psycopg.Error, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any] | None) -> bool:
    """Tell whether the database is away, so that the event is to wait for it, or the error is the effect's own."""
    if (error.sqlstate or "").startswith(_AWAY):
        return True
    return isinstance(error, psycopg.OperationalError) and (connection is None or connection.broken)


def _said(error: psycopg.Error) -> str:
    return f"the database: {str(error).strip() or type(error).__name__}"
