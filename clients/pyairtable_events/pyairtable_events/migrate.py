"""The tables of this package: each file of ``migrations/`` may be run again at any time."""

from importlib.resources import files

import psycopg

TABLES = ("outbox", "processed_events", "saga_steps")
"""Names of the tables, and of their files."""

_LOCK = 0x7079616972_0001
"""Advisory lock that lets one migration run at a time: PostgreSQL's IF NOT EXISTS alone is no guard against two."""


def statements(table: str) -> str:
    """Return a table's SQL, for services that have a migration tool of their own."""
    return (files("pyairtable_events") / "migrations" / f"{table}.sql").read_text()


def migrate(connection: psycopg.Connection, tables: tuple[str, ...] = TABLES) -> None:
    """Make the tables that aren't there in the first schema of ``search_path``, in one transaction."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for table in tables:
            connection.execute(statements(table).encode())
