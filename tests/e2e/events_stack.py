"""A broker, a registry and a PostgreSQL of the test's own, for pyairtable_events. Needs java, and no lab."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from contracts.repository import subjects
from ops import throwaway_postgres as postgres
from pyairtable_events.bus import EventBus, event_bus
from pyairtable_events.migrate import migrate
from pyairtable_events.settings import from_environment
from tests.e2e import broker, registry
from tests.e2e.harness import ROOT, wait_for


@dataclass(frozen=True)
class Stack:
    """A broker, a registry that has the committed schemas, and a database."""

    environment: dict[str, str]
    dsn: str
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    """Processes that end with the stack, if their test hasn't ended them."""

    def bus(self, service: str = "workflow-engine") -> EventBus:
        return event_bus(from_environment({**self.environment, "EVENT_BUS_SERVICE": service}))

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.dsn, autocommit=True)

    def process(self, *command: str, service: str) -> "subprocess.Popen[bytes]":
        """Start python with the bus and the database in its environment."""
        database = {f"PG{name.upper()}": value for name, value in (part.split("=") for part in self.dsn.split())}
        names = {"PGDBNAME": "PGDATABASE", "PGCONNECT_TIMEOUT": "PGCONNECT_TIMEOUT"}
        own = {names.get(name, name): value for name, value in database.items()}
        path = os.pathsep.join([str(ROOT / "clients/pyairtable_events"), str(ROOT)])
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **self.environment, **own, "EVENT_BUS_SERVICE": service, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def forget(self) -> None:
        """Empty the tables, for the next test."""
        with self.connect() as connection:
            connection.execute("TRUNCATE effects, outbox, processed_events, saga_steps")

    def effects(self) -> Counter[str]:
        """What was done, and how often."""
        with self.connect() as connection:
            return Counter(row[0] for row in connection.execute("SELECT what FROM effects"))


@contextmanager
def stacked(folder: Path) -> Iterator[Stack]:
    """Run all three, with the topics, the committed schemas and the tables."""
    with ExitStack() as running:
        dsn = running.enter_context(postgres.running())
        address = running.enter_context(broker.running(folder))
        schemas = running.enter_context(registry.running(folder))
        for subject in subjects():
            assert schemas.register(subject) == 200, subject.name
        with psycopg.connect(dsn, autocommit=True) as connection:
            migrate(connection)
            connection.execute("CREATE TABLE effects (what text NOT NULL, told timestamptz DEFAULT clock_timestamp())")
        environment = {
            "EVENT_BUS_TYPE": "kafka",
            "EVENT_BUS_ALLOW_PLAINTEXT": "true",
            "KAFKA_BROKERS": address,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "SCHEMA_REGISTRY_URL": schemas.url,
        }
        stack = Stack(environment, dsn)
        try:
            yield stack
        finally:
            for process in stack.started:
                process.kill()
                process.communicate()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process in good order, once it has a handler for the signal: one that only starts would die of it."""

    def handles() -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text()
        (caught,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    wait_for("its handler", lambda: process.poll() is not None or handles())
    process.send_signal(signal.SIGTERM)
    ended(process, 0)


def ended(process: "subprocess.Popen[bytes]", code: int, timeout: float = 60) -> None:
    _, told = process.communicate(timeout=timeout)
    assert process.returncode == code, told.decode()[-3000:]


@contextmanager
def running(*loops: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run loops in threads; what they raise fails the test."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def run(loop: Callable[[threading.Event], None]) -> None:
        try:
            loop(stop)
        except Exception as error:  # noqa: BLE001 raised below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(loop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert raised == []
