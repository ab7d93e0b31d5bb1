"""``python -m examples.run_workflow [--clients DIR]``: two requests, one that succeeds and one that is taken back.

DIR holds what ``ops client SERVICE --out DIR/SERVICE`` wrote for workflow-engine and saga-orchestrator; without it
everything but PostgreSQL stays in this process. The database is the one that libpq's variables name (PGHOST, …).
"""

import argparse
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from examples.run_workflow.saga import RUN_WORKFLOW, TOPIC
from examples.run_workflow.service import TABLES, counter, participant, request
from pyairtable_events.bus import EventBus, event_bus
from pyairtable_events.migrate import migrate
from pyairtable_events.orchestrator import SagaOrchestrator
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.publisher import OutboxPublisher
from pyairtable_events.record import Record
from pyairtable_events.saga_log import TOPIC as SAGAS
from pyairtable_events.settings import from_environment

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def bus_of(service: str, clients: Path | None) -> EventBus:
    """Return a service's bus, by its own credentials."""
    if clients is None:
        memory = {"EVENT_BUS_TYPE": "memory", "EVENT_BUS_SERVICE": service, "EVENT_BUS_SCHEMAS": str(SCHEMAS)}
        return event_bus(from_environment(memory))
    words = shlex.split((clients / service / "producer.env").read_text())
    return event_bus(from_environment(dict(word.split("=", 1) for word in words if word != "export")))


def connect() -> psycopg.Connection[Any]:
    """Connect to the database of the environment."""
    return psycopg.connect("", autocommit=True)


@contextmanager
def running(*loops: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run each loop in a thread until the block is left."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def follow(bus: EventBus, requests: set[UUID], stop: threading.Event) -> None:
    """Print the sagas' log until each request's saga has ended."""
    consumer = bus.log.consumer(f"{bus.service}-watch-{min(requests)}")
    consumer.subscribe([SAGAS], lambda _: None, lambda _: None, lambda _: None)
    open_ = set(requests)
    while open_ and not stop.is_set():
        found = consumer.poll(0.5)
        if not isinstance(found, Record):
            continue
        event = bus.serde.decode(found)
        if event.envelope.correlation in requests:
            name = event.type.rpartition(".")[2]
            print(f"{event.payload['saga_id']}  {name:24}{event.payload.get('step', '')}")  # noqa: T201
            if name in ("SagaCompleted", "SagaCompensated", "SagaFailed"):
                open_.discard(event.envelope.correlation)
    consumer.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the example to its end."""
    options = argparse.ArgumentParser(prog="python -m examples.run_workflow")
    options.add_argument("--clients", type=Path, metavar="DIR")
    clients = options.parse_args(arguments).clients
    engine, orchestrator = bus_of("workflow-engine", clients), bus_of("saga-orchestrator", clients)
    if clients is None:
        orchestrator.log = engine.log
    with connect() as connection:
        migrate(connection)
        connection.execute(TABLES)
        outbox = OutboxWriter(engine.serde)
        ids = {request(connection, outbox, engine.service, inputs) for inputs in ({}, {"fail": "write"})}
        with running(
            OutboxPublisher(connect, engine.log).run,
            participant(engine, connect).run,
            counter(engine, connect).run,
            SagaOrchestrator(orchestrator, [RUN_WORKFLOW], [TOPIC], instance="example").run,
        ):
            follow(engine, ids, threading.Event())
        rows = connection.execute(
            "SELECT step, count(*), sum(undone::int) FROM step_effects GROUP BY step ORDER BY step"
        )
        for step, done, undone in rows:
            print(f"{step}: done {done}, undone {undone}")  # noqa: T201
    engine.close()
    orchestrator.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
