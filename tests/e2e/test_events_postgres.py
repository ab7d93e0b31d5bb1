"""Outbox, idempotent effects and saga participants on a real PostgreSQL, with the log in memory. Needs no lab."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest

from ops.throwaway_postgres import running
from pyairtable_events.envelope import Event
from pyairtable_events.errors import OutboxMisuse, PublishFailed, SerializationFailed, Unavailable
from pyairtable_events.idempotent import AsyncIdempotent, AsyncTransactional, Idempotent, Transactional, forget
from pyairtable_events.memory import MemoryLog, MemoryProducer
from pyairtable_events.migrate import migrate
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.participant import (
    Act,
    Answer,
    AsyncAct,
    AsyncSagaParticipant,
    SagaParticipant,
    StepFailed,
    Work,
)
from pyairtable_events.publisher import OutboxPublisher, backlog
from pyairtable_events.record import Delivery, Outgoing
from pyairtable_events.retry import RetryPolicy
from pyairtable_events.saga import Direction, Entry, Json, Kind, SagaError
from pyairtable_events.saga_log import Command, command_of, thread_of, to_event
from tests.events import (
    STEP_COMPLETED,
    STEP_FAILED,
    WORKFLOWS,
    completed,
    recorded,
    run_started,
    serde,
    step_completed,
    step_failed,
)

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as dsn:
        yield dsn


@pytest.fixture
def dsn(server: str) -> str:
    """A database of the test's own, migrated twice: the second time changes nothing."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    mine = server.replace("dbname=postgres", f"dbname={name}")
    with psycopg.connect(mine, autocommit=True) as connection:
        migrate(connection)
        migrate(connection)
        connection.execute("CREATE TABLE effects (what text NOT NULL)")
    return mine


def connected(dsn: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(dsn, autocommit=True)


WRITER = OutboxWriter(serde())
ONCE = RetryPolicy(attempts=1)


def publish(dsn: str, log: MemoryLog) -> int:
    publisher = OutboxPublisher(lambda: connected(dsn), log)
    try:
        total = 0
        while rows := publisher.round().rows:
            total += rows
        return total
    finally:
        publisher.close()


def numbers(log: MemoryLog, key: str | None = None) -> list[int]:
    records = [record for record in log.records(WORKFLOWS) if key is None or record.key == key.encode()]
    return [serde().decode(record).payload["duration_ms"] for record in records]


def effects(dsn: str) -> list[str]:
    with connected(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT what FROM effects ORDER BY what")]


def test_committed_events_are_published_and_rolled_back_ones_never(dsn: str) -> None:
    log = MemoryLog()
    said = completed(1, "run-1")
    with connected(dsn) as connection:
        with connection.transaction():
            WRITER.write(connection, WORKFLOWS, said, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
            assert publish(dsn, log) == 0, "an open transaction's events aren't there yet"
        with pytest.raises(ZeroDivisionError), connection.transaction():
            WRITER.write(connection, WORKFLOWS, completed(2, "run-1"))
            raise ZeroDivisionError
        assert backlog(connection)[0] == 1
    assert publish(dsn, log) == 1
    (record,) = log.records(WORKFLOWS)
    assert record.value == serde().encode(WORKFLOWS, said)
    assert record.key == b"run-1"
    traced = ("traceparent", ("00-" + "a" * 32 + "-" + "b" * 16 + "-01").encode())
    assert record.headers == (*said.envelope.headers(), traced)
    with connected(dsn) as connection:
        assert backlog(connection) == (0, None)


def test_events_of_one_aggregate_are_published_in_the_order_of_their_transactions(dsn: str) -> None:
    """Eight writers, two aggregates, four publishers; the number is drawn inside the transaction, after the lock."""
    log = MemoryLog()
    with connected(dsn) as connection:
        connection.execute("CREATE TABLE counters (name text PRIMARY KEY, value int NOT NULL)")
        connection.execute("INSERT INTO counters VALUES ('a', 0), ('b', 0)")

    def write(name: str) -> None:
        with connected(dsn) as connection:
            for _ in range(25):
                with connection.transaction():
                    row = connection.execute(
                        "UPDATE counters SET value = value + 1 WHERE name = %s RETURNING value", (name,)
                    ).fetchone()
                    assert row is not None
                    WRITER.write(connection, WORKFLOWS, completed(row[0], name))

    stop = threading.Event()
    publishers = [OutboxPublisher(lambda: connected(dsn), log, batch=7, retry=ONCE) for _ in range(4)]
    sending = [threading.Thread(target=one.run, args=(stop,)) for one in publishers]
    writing = [threading.Thread(target=write, args=(name,)) for name in "abababab"]
    for thread in (*sending, *writing):
        thread.start()
    for thread in writing:
        thread.join()
    publish(dsn, log)
    stop.set()
    for thread in sending:
        thread.join()
    publish(dsn, log)
    assert numbers(log, "a") == list(range(1, 101))
    assert numbers(log, "b") == list(range(1, 101))


def test_a_writer_waits_for_the_transaction_before_it_on_the_same_aggregate(dsn: str) -> None:
    log = MemoryLog()
    with connected(dsn) as first, connected(dsn) as second:
        second.execute("SET lock_timeout = '200ms'")
        with first.transaction():
            WRITER.write(first, WORKFLOWS, completed(1, "same"))
            with second.transaction():
                WRITER.write(second, WORKFLOWS, completed(9, "other"))
            with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
                WRITER.write(second, WORKFLOWS, completed(2, "same"))
    publish(dsn, log)
    assert sorted(numbers(log)) == [1, 9]


class Refusing(MemoryLog):
    """A log that refuses one event, and with it, as a gapless producer does, everything behind it."""

    refused = 3

    def producer(self, *, gapless: bool = False) -> MemoryProducer:
        assert gapless, "the publisher's order rests on it"
        log = self

        class Producer(MemoryProducer):
            failed = False

            def send(self, record: Outgoing) -> "Future[Delivery]":
                event = serde().decode(recorded(record.value))
                self.failed = self.failed or event.payload["duration_ms"] == log.refused
                if not self.failed:
                    return super().send(record)
                future: Future[Delivery] = Future()
                future.set_exception(PublishFailed("refused"))
                return future

        return Producer(log)


def test_a_refused_event_stays_with_all_behind_it_until_it_is_taken(dsn: str) -> None:
    log = Refusing()
    with connected(dsn) as connection, connection.transaction():
        WRITER.write(connection, WORKFLOWS, *[completed(number, "k") for number in range(6)])
    publisher = OutboxPublisher(lambda: connected(dsn), log)
    with pytest.raises(PublishFailed, match=r"^3 rows of the outbox weren't confirmed: refused$"):
        publisher.round()
    assert numbers(log) == [0, 1, 2]
    log.refused = -1
    assert publisher.round().rows == 3
    publisher.close()
    assert numbers(log) == list(range(6))


@pytest.mark.parametrize(
    ("topic", "said", "traceparent", "error", "message"),
    [
        (
            "orders",
            completed(),
            None,
            OutboxMisuse,
            "the outbox can't reach 'orders': a topic is called pyairtable.<family>.events",
        ),
        (WORKFLOWS, completed(), "00-1", OutboxMisuse, "'00-1' is no W3C traceparent"),
        (
            WORKFLOWS,
            replace(completed(), payload={"run_id": uuid4(), "duration_ms": 1, "outputs": {"a": "x" * 900_000}}),
            None,
            OutboxMisuse,
            "has 900",
        ),
        (WORKFLOWS, replace(completed(), payload={}), None, SerializationFailed, "doesn't fit its schema"),
    ],
)
def test_events_that_could_never_be_published(
    dsn: str, topic: str, said: Event, traceparent: str | None, error: type[Exception], message: str
) -> None:
    with connected(dsn) as connection:
        with pytest.raises(error) as caught, connection.transaction():
            WRITER.write(connection, topic, said, traceparent=traceparent)
        assert message in str(caught.value)
        assert backlog(connection)[0] == 0


def test_a_write_outside_of_a_transaction_is_refused(dsn: str) -> None:
    message = "the connection is in no transaction: write inside `with connection.transaction():`"
    with connected(dsn) as connection, pytest.raises(OutboxMisuse) as caught:
        WRITER.write(connection, WORKFLOWS, completed())
    assert str(caught.value) == message

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            with pytest.raises(OutboxMisuse):
                await WRITER.write_async(connection, WORKFLOWS, completed())
            async with connection.transaction():
                await WRITER.write_async(connection, WORKFLOWS, completed(4))

    asyncio.run(main())
    log = MemoryLog()
    assert publish(dsn, log) == 1
    assert numbers(log) == [4]


def test_an_effect_happens_once(dsn: str) -> None:
    said = completed()

    def effect(connection: "psycopg.Connection[Any]", event: Event) -> None:
        connection.execute("INSERT INTO effects VALUES (%s)", (str(event.id),))

    handlers = [Idempotent(lambda: connected(dsn), group, effect) for group in ("a", "a", "b")]
    for handler in handlers * 2:
        handler(said)
        handler.close()
    assert effects(dsn) == [str(said.id)] * 2, "once for each consumer"
    with connected(dsn) as connection:
        assert forget(connection, timedelta(days=1)) == 0
        assert forget(connection, timedelta(0)) == 2


def test_a_failed_effect_leaves_nothing_and_may_come_again(dsn: str) -> None:
    broken = [True]

    def effect(connection: "psycopg.Connection[Any]", event: Event) -> None:
        connection.execute("INSERT INTO effects VALUES (%s)", (event.type,))
        if broken[0]:
            raise KeyError("x")

    said, handler = completed(), Idempotent(lambda: connected(dsn), "a", effect)
    with pytest.raises(KeyError):
        handler(said)
    assert effects(dsn) == []
    broken[0] = False
    handler(said)
    handler.close()
    assert len(effects(dsn)) == 1


def test_the_same_for_coroutines(dsn: str) -> None:
    async def effect(connection: "psycopg.AsyncConnection[Any]", event: Event) -> None:
        await connection.execute("INSERT INTO effects VALUES (%s)", (str(event.id),))

    async def main() -> None:
        handler = AsyncIdempotent(lambda: psycopg.AsyncConnection.connect(dsn), "a", effect)
        said = completed()
        await handler(said)
        await handler(said)
        await handler.close()

    asyncio.run(main())
    assert len(effects(dsn)) == 1


def test_a_lost_connection_is_unavailable_and_made_anew(dsn: str) -> None:
    def effect(connection: "psycopg.Connection[Any]", _event: Event) -> None:
        if first.pop(0):
            with connected(dsn) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("INSERT INTO effects VALUES ('done')")

    first = [True, False]
    handler = Transactional(lambda: connected(dsn), effect)
    with pytest.raises(Unavailable, match=r"^the database: "):
        handler(completed())
    handler(completed())
    handler.close()
    assert effects(dsn) == ["done"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        pytest.param(
            "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = 'disk_full'; END $$",
            r"^the database: could not extend file: No space left",
            id="a full disk",
        ),
        pytest.param(
            "DO $$ BEGIN RAISE EXCEPTION 'out of memory' USING ERRCODE = 'out_of_memory'; END $$",
            r"^the database: out of memory",
            id="no memory",
        ),
        pytest.param(
            "SET TRANSACTION READ ONLY",
            r"^the database: cannot execute INSERT in a read-only transaction$",
            id="a replica",
        ),
    ],
)
def test_a_database_that_takes_nothing_now_is_unavailable(dsn: str, statement: LiteralString, message: str) -> None:
    full = [True]

    def effect(connection: "psycopg.Connection[Any]", _event: Event) -> None:
        if full[0]:
            connection.execute(statement)
        connection.execute("INSERT INTO effects VALUES ('done')")

    async def effect_async(connection: "psycopg.AsyncConnection[Any]", _event: Event) -> None:
        await connection.execute(statement)
        await connection.execute("INSERT INTO effects VALUES ('done')")

    handler = Transactional(lambda: connected(dsn), effect)
    with pytest.raises(Unavailable, match=message):
        handler(completed())
    with pytest.raises(Unavailable, match=message):
        asyncio.run(call(AsyncTransactional(lambda: psycopg.AsyncConnection.connect(dsn), effect_async), completed()))
    full[0] = False
    handler(completed())
    handler.close()
    assert effects(dsn) == ["done"]


def test_an_effect_that_is_wrong_is_the_events_own_fault(dsn: str) -> None:
    def effect(connection: "psycopg.Connection[Any]", _event: Event) -> None:
        connection.execute("INSERT INTO effects VALUES (NULL), ('x'::int)")

    handler = Transactional(lambda: connected(dsn), effect)
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        handler(completed())
    handler.close()


def test_a_database_that_is_not_there_is_unavailable(dsn: str) -> None:
    nowhere = dsn.replace("dbname=test_", "dbname=no_")
    with pytest.raises(Unavailable, match=r"^the database: .* does not exist$"):
        Transactional(lambda: connected(nowhere), lambda *_: None)(completed())
    with pytest.raises(Unavailable, match=r"^the outbox's database: .* does not exist$"):
        OutboxPublisher(lambda: connected(nowhere), MemoryLog()).round()


def act(connection: "psycopg.Connection[Any]", command: Command) -> Json:
    connection.execute("INSERT INTO effects VALUES (%s)", (f"{command.step} {command.direction}",))
    return {"of": command.step}


def refuse(connection: "psycopg.Connection[Any]", command: Command) -> Json:
    act(connection, command)
    raise StepFailed("BUSY", "later", retriable=True)


def completed_step(command: Command, output: Json) -> Answer:
    return Answer(type=STEP_COMPLETED, payload=step_completed(command.saga_id, command.step, output))


def failed_step(command: Command, error: SagaError) -> Answer:
    return Answer(type=STEP_FAILED, payload=step_failed(command.saga_id, command.step, error))


class Handlers:
    """Makes participants that are called the same way, and ends them."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._made = dsn, ExitStack()

    def __call__(self, action: Act, compensation: Act | None = None) -> Callable[[Event], None]:
        work = {("run-workflow", "reserve"): Work(action=action, compensation=compensation)}
        effect = SagaParticipant(WRITER, "workflow-engine", WORKFLOWS, work, done=completed_step, failed=failed_step)
        handler = Transactional(lambda: connected(self._dsn), effect)
        self._made.callback(handler.close)
        return handler

    def close(self) -> None:
        self._made.close()


class AsyncHandlers(Handlers):
    """The same through coroutines, with actions that are coroutines."""

    def __call__(self, action: Act, compensation: Act | None = None) -> Callable[[Event], None]:
        taken_back = None if compensation is None else coroutine(compensation)
        work = {("run-workflow", "reserve"): Work(action=coroutine(action), compensation=taken_back)}
        effect = AsyncSagaParticipant(
            WRITER, "workflow-engine", WORKFLOWS, work, done=completed_step, failed=failed_step
        )
        handler = AsyncTransactional(lambda: psycopg.AsyncConnection.connect(self._dsn), effect)
        loop = self._made.enter_context(asyncio.Runner())
        self._made.callback(lambda: loop.run(handler.close()))
        return lambda event: loop.run(call(handler, event))


async def call(handler: AsyncTransactional, event: Event) -> None:
    await handler(event)


def coroutine(known: Act) -> AsyncAct:
    """An action as one that awaits: its own statement, and the refusal if it refuses."""

    async def acts(connection: "psycopg.AsyncConnection[Any]", command: Command) -> Json:
        await connection.execute("INSERT INTO effects VALUES (%s)", (f"{command.step} {command.direction}",))
        if known is refuse:
            raise StepFailed("BUSY", "later", retriable=True)
        return {"of": command.step}

    return acts


@pytest.fixture(params=[Handlers, AsyncHandlers], ids=["threads", "asyncio"])
def handlers(request: pytest.FixtureRequest, dsn: str) -> Iterator[Handlers]:
    made = request.param(dsn)
    yield made
    made.close()


def asking(kind: Kind = Kind.STEP_STARTED, attempt: int = 1, step: str = "reserve") -> Event:
    data = {"saga_type": "run-workflow", "input": {}, "outputs": {}}
    entry = Entry(kind=kind, saga_id=SAGA, step=step, attempt=attempt, data=data)
    return to_event(entry, thread_of(TRIGGER), "saga-orchestrator", TRIGGER.envelope.time)


SAGA = uuid4()
TRIGGER = run_started()


def answers(dsn: str) -> list[Event]:
    log = MemoryLog({WORKFLOWS: 1})
    publish(dsn, log)
    return [serde().decode(record) for record in log.records(WORKFLOWS)]


def test_a_step_acts_once_and_answers_as_often_as_it_is_asked(dsn: str, handlers: Handlers) -> None:
    handle = handlers(act)
    for attempt in (1, 1, 2):
        handle(asking(attempt=attempt))
    assert effects(dsn) == ["reserve action"]
    said = answers(dsn)
    assert [event.type for event in said] == [STEP_COMPLETED] * 3
    assert [event.payload["outputs"] for event in said] == [{"of": "reserve"}] * 3
    asked = [asking(attempt=attempt).id for attempt in (1, 1, 2)]
    assert [event.envelope.causation_id for event in said] == asked


def test_a_refusal_leaves_nothing_and_another_try_may_succeed(dsn: str, handlers: Handlers) -> None:
    refusing = handlers(refuse)
    acting = handlers(act)
    refusing(asking(attempt=1))
    assert effects(dsn) == []
    acting(asking(attempt=1))
    assert effects(dsn) == [], "the same try has the same answer"
    acting(asking(attempt=2))
    assert effects(dsn) == ["reserve action"]
    assert [event.type for event in answers(dsn)] == [STEP_FAILED, STEP_FAILED, STEP_COMPLETED]


def test_a_compensated_step_never_acts_again(dsn: str, handlers: Handlers) -> None:
    handle = handlers(act, act)
    handle(asking())
    handle(asking(Kind.STEP_COMPENSATION_STARTED))
    handle(asking(Kind.STEP_COMPENSATION_STARTED, attempt=2))
    handle(asking(attempt=2))
    # As a saga that starts again would ask: the success of before stands no more.
    handle(asking())
    assert effects(dsn) == ["reserve action", "reserve compensation"]
    assert [event.type for event in answers(dsn)] == [*[STEP_COMPLETED] * 3, STEP_FAILED, STEP_FAILED]


def test_what_never_acted_is_not_undone_and_acts_no_more(dsn: str, handlers: Handlers) -> None:
    handle = handlers(act, act)
    handle(asking(Kind.STEP_COMPENSATION_STARTED))
    handle(asking())
    assert effects(dsn) == []
    said = answers(dsn)
    assert [event.type for event in said] == [STEP_COMPLETED, STEP_FAILED]
    assert said[1].payload["error"]["code"] == "COMPENSATED"


def test_other_services_steps_are_left_alone(dsn: str, handlers: Handlers) -> None:
    handle = handlers(act)
    handle(asking(step="validate"))
    assert effects(dsn) == []
    assert answers(dsn) == []
    command = command_of(asking())
    assert command is not None
    assert command.direction is Direction.ACTION
    assert SagaError(code="a", message="b").retriable is False
