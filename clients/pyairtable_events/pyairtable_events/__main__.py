"""``python -m pyairtable_events``: tables, the outbox's polling publisher, dead letters.

The event bus comes from its environment variables (``settings.py``), the database from libpq's: PGHOST, PGUSER, ….
Exit codes: 0 done, 1 something failed, 2 wrong usage.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

import psycopg

from pyairtable_events.bus import event_bus
from pyairtable_events.consumer import stopped_by_signals
from pyairtable_events.errors import EventsError
from pyairtable_events.migrate import migrate
from pyairtable_events.publisher import OutboxPublisher
from pyairtable_events.redrive import DeadLetter, dead_letters, redrive
from pyairtable_events.settings import from_environment


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m pyairtable_events")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("migrate", help="make the tables that aren't there").set_defaults(run=_migrate)
    commands.add_parser("publish", help="publish the outbox until stopped by a signal").set_defaults(run=_publish)
    listing = commands.add_parser("dead-letters", help="list the records nobody has decided about")
    listing.set_defaults(run=_list)
    back = commands.add_parser("redrive", help="send dead letters back to their topics")
    back.add_argument("--by", required=True, help="who decides, for the record")
    back.add_argument("--note", help="why, for the record")
    back.set_defaults(run=_redrive)
    for command in (listing, back):
        command.add_argument("--topic", help="only records of this topic")
        command.add_argument("--group", help="only records that this consumer group gave up")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        options.run(options)
    except (EventsError, psycopg.Error) as error:
        print(str(error).strip(), file=sys.stderr)  # noqa: T201 this is a command line
        return 1
    return 0


def _migrate(_options: argparse.Namespace) -> None:
    with psycopg.connect("", autocommit=True) as connection:
        migrate(connection)


def _publish(_options: argparse.Namespace) -> None:
    with event_bus(from_environment(os.environ)) as bus, stopped_by_signals() as stop:
        OutboxPublisher(lambda: psycopg.connect(""), bus.log).run(stop)


def _list(options: argparse.Namespace) -> None:
    with event_bus(from_environment(os.environ)) as bus:
        for one in _chosen(dead_letters(bus), options):
            where = f"{one.topic}-{one.partition}@{one.offset}"
            print(f"{one.id}  {where}  {one.consumer_group}  {one.exception}: {one.message}")  # noqa: T201


def _redrive(options: argparse.Namespace) -> None:
    with event_bus(from_environment(os.environ)) as bus:
        letters = _chosen(dead_letters(bus), options)
        count = redrive(bus, letters, by=options.by, note=options.note)
        print(f"{count} sent back")  # noqa: T201


def _chosen(letters: Sequence[DeadLetter], options: argparse.Namespace) -> list[DeadLetter]:
    return [
        one for one in letters if options.topic in (None, one.topic) and options.group in (None, one.consumer_group)
    ]


if __name__ == "__main__":
    sys.exit(main())
