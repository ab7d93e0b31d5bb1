"""Kafka Connect on the dev stack: a PostgreSQL's outbox by Debezium, a lake of Iceberg in an object store."""

import json
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from lab.faults import kill_broker
from pyairtable_events.envelope import Event
from pyairtable_events.outbox import OutboxWriter
from pyairtable_events.redrive import read_to_end
from tests.drill import DRILL
from tests.e2e.event_platform import CATALOG, REGION, TABLE, EventPlatform, event_platform, rows
from tests.e2e.events_stack import running
from tests.e2e.harness import Platform, deliver, wait_for
from tests.e2e.test_changes import operations
from tests.events import DEAD_LETTERS, WORKFLOWS, completed
from tests.lake import event_ids

pytestmark = pytest.mark.e2e

WORKER = "kafka-connect-0"
AGGREGATES = 20
KILLS = 6 if DRILL else 1


@pytest.fixture(scope="module")
def events(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventPlatform]:
    with event_platform(platform, tmp_path_factory.mktemp("connect")) as made:
        yield made


@dataclass
class Service:
    """workflow-engine, as it writes events into its outbox, several transactions a second."""

    events: EventPlatform
    rolled_back: list[str] = field(default_factory=list)
    interrupted: int = 0

    def write(self, stop: threading.Event) -> None:
        """Write until it is stopped."""
        bus = self.events.bus("workflow-engine")
        writer, number = OutboxWriter(bus.serde), 0
        while not stop.wait(0.05):
            number += 1
            try:
                self._transaction(writer, number)
            except psycopg.OperationalError:
                # The server was killed: whether the transaction is in is for the table to say.
                self.interrupted += 1
                time.sleep(0.5)
        bus.close()

    def _transaction(self, writer: OutboxWriter, number: int) -> None:
        mark = self.events.mark
        batch = [completed(number, key=f"{mark}{(number + offset) % AGGREGATES}") for offset in range(1 + number % 3)]
        with self.events.database.connect() as connection:
            writer.write(connection, WORKFLOWS, *batch)
            if number % 7 == 0:
                connection.rollback()
                self.rolled_back += [str(event.id) for event in batch]


def published(events: EventPlatform) -> list[tuple[str, str]]:
    """Key and event id of every record of the topic that is an event of the outbox, in the order of its partition."""
    bus = events.bus("analytics-service")
    try:
        records = read_to_end(bus, WORKFLOWS)
        found = [
            ((one.key or b"").decode(), one.header("ce_id"))
            for one in records
            if (one.key or b"").startswith(events.mark.encode()) and one.header("ce_id") is not None
        ]
        return [(key, str(event)) for key, event in found]
    finally:
        bus.close()


def test_no_change_follows(events: EventPlatform) -> None:
    overlay = events.overlay(events.outbox(), events.lake())
    assert events.platform.preview(overlay) == {}


def kill_worker(events: EventPlatform, *, whole: bool) -> None:
    """Kill the worker, or its whole pod, and wait until what it wrote since is in the lake."""
    platform = events.platform
    before, seen = platform.incarnation(WORKER, "kafka-connect"), len(lake(events))
    if whole:
        platform.delete_pod(WORKER)
    else:
        kill_broker(WORKER)
    wait_for("the worker's next start", lambda: platform.incarnation(WORKER, "kafka-connect") != before)
    wait_for("new rows in the lake", lambda: len(lake(events)) > seen + 10, timeout=240)


@pytest.mark.timeout(900 + 300 * KILLS)
def test_rows_arrive_once_and_in_order_whatever_is_killed(
    events: EventPlatform, record_property: Callable[[str, object], None]
) -> None:
    """The worker, which also runs the sink, then the database, then a broker are killed while a service writes."""
    platform, service = events.platform, Service(events)
    with running(service.write):
        wait_for("the first rows in the lake", lambda: len(lake(events)) > 10)
        for number in range(KILLS):
            kill_worker(events, whole=number % 2 == 1)
        wait_for("rows after the worker's death", lambda: lag(events) < 20, timeout=180)
        events.database.kill()
        time.sleep(2)
        events.database.start()
        wait_for("rows after the database's death", lambda: service.interrupted > 0 and lag(events) < 20, timeout=180)
        kill_broker("kafka-broker-b-0")
        time.sleep(10)
    platform.wait_healthy()
    committed = rows(events.database)
    wait_for("the last rows in Kafka", lambda: len(published(events)) >= len(committed), timeout=180)
    killed = f"the worker killed {KILLS} times, PostgreSQL and a broker once"
    record_property(
        "outbox", f"{len(committed)} rows of the outbox and {len(service.rolled_back)} rolled back, {killed}"
    )
    assert len(committed) > 100
    assert len(service.rolled_back) > 10
    log = published(events)
    assert {event: count for (_, event), count in Counter(log).items() if count > 1} == {}, "sent twice"
    assert by_aggregate(log) == by_aggregate(committed), "lost, or out of order"
    assert {event for _, event in log} & set(service.rolled_back) == set()


def lag(events: EventPlatform) -> int:
    return len(rows(events.database)) - len(published(events))


def by_aggregate(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for aggregate, event in pairs:
        found.setdefault(aggregate, []).append(event)
    return found


def test_a_consumer_takes_them_for_events(events: EventPlatform) -> None:
    """What Debezium passes on is byte for byte what the service wrote: Avro by the registered schema."""
    bus = events.bus("analytics-service")
    wanted = {event for _, event in rows(events.database)}
    records = read_to_end(bus, WORKFLOWS)
    decoded = [bus.serde.decode(one) for one in records if one.header("ce_id") in wanted]
    bus.close()
    assert {str(event.id) for event in decoded} == wanted
    assert {event.envelope.source for event in decoded} == {"workflow-engine"}


def lake(events: EventPlatform) -> Counter[str]:
    """How often each event's id is in the lake."""
    namespace, _, name = TABLE.partition(".")
    with psycopg.connect(f"{events.catalogue.dsn} dbname={CATALOG}") as connection:
        found = connection.execute(
            "SELECT metadata_location FROM iceberg_tables WHERE table_namespace = %s AND table_name = %s",
            (namespace, name),
        ).fetchone()
    if found is None:
        return Counter()
    return event_ids(found[0], events.store, REGION, key="any", secret="any")


def dead_letters(platform: Platform, marked: bytes) -> list[dict[str, bytes]]:
    """Headers of the records of the dead letter topic whose value begins so."""
    consumer = Consumer(
        {
            **platform.librdkafka("analytics-service"),
            "group.id": f"analytics-service-{uuid4().hex}",
            "enable.auto.commit": "false",
            "enable.partition.eof": "true",
        }
    )
    found: list[dict[str, bytes]] = []
    try:
        partitions = consumer.list_topics(DEAD_LETTERS, 20).topics[DEAD_LETTERS].partitions
        consumer.assign([TopicPartition(DEAD_LETTERS, number, 0) for number in partitions])
        left = set(partitions)
        while left:
            for message in consumer.consume(100, 1.0):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error.str()
                    left.discard(message.partition())
                elif (message.value() or b"").startswith(marked):
                    found.append({name: value or b"" for name, value in message.headers() or []})
        return found
    finally:
        consumer.close()


def parked(platform: Platform, events: set[str]) -> dict[str, str]:
    """Why each of the events is in the dead letter topic, of those that are."""
    found = {}
    for headers in dead_letters(platform, b""):
        event = headers.get("ce_id", b"").decode()
        if event in events:
            found[event] = headers.get("__connect.errors.exception.message", b"?").decode()
    return found


def test_everything_is_in_the_lake_once_though_its_worker_was_killed(
    events: EventPlatform, record_property: Callable[[str, object], None]
) -> None:
    """What a killed worker had written and not committed isn't there twice, what it had announced isn't left out."""
    wanted = {event for _, event in rows(events.database)}
    deadline = time.monotonic() + 180
    while not wanted <= set(lake(events)) and time.monotonic() < deadline:
        time.sleep(2)
    # Longer than a commit's interval: what is written twice may come late.
    time.sleep(10)
    found = lake(events)
    record_property("lake", f"{len(wanted)} rows of the lake, the worker killed {KILLS} times")
    missing = wanted - set(found)
    assert missing == set(), (
        f"{len(missing)} of {len(wanted)} are missing, of them parked: {parked(events.platform, missing)}"
    )
    assert {event: count for event, count in found.items() if count > 1} == {}, "written twice"


def test_a_poison_record_is_parked_and_the_sink_goes_on(events: EventPlatform) -> None:
    platform, mark = events.platform, f"poison {uuid4().hex}".encode()
    assert deliver(platform.librdkafka("workflow-engine"), WORKFLOWS, [mark]) == []
    after = later(events)
    wait_for("the parked record", lambda: dead_letters(platform, mark) != [])
    (headers,) = dead_letters(platform, mark)
    assert headers["__connect.errors.topic"] == WORKFLOWS.encode()
    assert headers["__connect.errors.connector.name"] == b"lake"
    assert b"Exception" in headers["__connect.errors.exception.class.name"]
    wait_for("what came after it, in the lake", lambda: str(after.id) in lake(events), timeout=120)


def later(events: EventPlatform) -> Event:
    bus = events.bus("workflow-engine")
    event = completed(1, key="after-poison")
    bus.publish(WORKFLOWS, event)
    bus.close()
    return event


def restarted(platform: Platform) -> dict[str, int]:
    """How often the worker has restarted each connector and task that failed on it and hasn't recovered."""
    (pod,) = platform.pods("kafka-connect")
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:9404/restarts", timeout=10) as answer:
        return {one["of"]: one["restarts"] for one in json.load(answer)["restarts"]}


def test_a_sink_whose_catalogue_was_away_goes_on_by_itself(events: EventPlatform) -> None:
    events.catalogue.kill()
    event = later(events)
    wait_for("a restart of its task", lambda: restarted(events.platform).get("lake/0", 0) > 0, timeout=180)
    events.catalogue.start()
    wait_for("the event in the lake", lambda: lake(events)[str(event.id)] == 1, timeout=180)
    states = [task["state"] for task in (events.rest().status("lake") or {})["tasks"]]
    assert states == ["RUNNING"]


def test_no_event_is_parked_while_the_registry_is_away(events: EventPlatform) -> None:
    """The sink's task has read no schema yet when the registry goes."""
    platform, bus = events.platform, events.bus("workflow-engine")
    bus.publish(WORKFLOWS, completed(0, key="while-it-is-there"))
    ((kind, replicas),) = registry_workload(platform)
    platform.kubectl("scale", "-n", "kafka", kind, "--replicas=0")
    try:
        wait_for("the registry's end", lambda: platform.pods("schema-registry") == [])
        events.rest().restart("lake", 0)
        sent = [completed(number, key="while-it-is-away") for number in range(5)]
        for event in sent:
            bus.publish(WORKFLOWS, event)
        waiting = "The schema registry can't be asked"
        wait_for("the sink's wait", lambda: waiting in platform.kubectl("logs", "-n", "kafka", WORKER))
    finally:
        platform.kubectl("scale", "-n", "kafka", kind, f"--replicas={replicas}")
        bus.close()
    wanted = {str(event.id) for event in sent}
    wait_for("the events in the lake", lambda: wanted <= set(lake(events)), timeout=240)
    assert parked(platform, wanted) == {}


def registry_workload(platform: Platform) -> list[tuple[str, int]]:
    """Kind and name of what runs the registry's pods, and how many they are."""
    found = json.loads(platform.kubectl("get", "deployment,statefulset", "-n", "kafka", "-o", "json"))["items"]
    return [
        (f"{one['kind'].lower()}/{one['metadata']['name']}", int(one["spec"]["replicas"]))
        for one in found
        if one["metadata"]["labels"].get("app.kubernetes.io/name") == "schema-registry"
    ]


def test_a_refused_password_fails_the_update_and_leaves_nothing(events: EventPlatform) -> None:
    """Debezium tries the password before it takes the configuration, the sink's task when it starts: both are told."""
    outbox = events.outbox(name="other")
    outbox["outbox"] |= {"table": "public.other"}
    outbox["secrets"] = {"database.password": "wrong"}
    sink = events.lake(
        name="other-lake", secrets={**events.lake()["secrets"], "iceberg.catalog.jdbc.password": "wrong"}
    )
    for broken, user in ((outbox, "outbox_reader"), (sink, "lake")):
        done = events.up(events.outbox(), events.lake(), broken, check=False)
        assert done.code != 0
        # The engine shows it while it happens and again in its summary.
        (told,) = set(re.findall(rf"connector {broken['name']}: .*", done.text))
        assert f'password authentication failed for user "{user}"' in told
        assert "Traceback" not in done.text
        assert events.secret("wrong") not in done.text
        rest = events.rest()
        assert rest.config(broken["name"]) is None
        assert all(
            task["state"] == "RUNNING" for name in ("outbox", "lake") for task in (rest.status(name) or {})["tasks"]
        )
        state = json.loads(events.platform.pulumi("stack", "export").out)["deployment"]
        assert [
            one["urn"] for one in state["resources"] if one["urn"].endswith(f"::kafka-connect-{broken['name']}")
        ] == []
    steps = events.platform.preview(events.overlay(events.outbox(), events.lake()))
    assert "kafka-connect-other-lake" not in operations(steps)


def test_a_changed_connector_is_changed_in_place(events: EventPlatform) -> None:
    changed = events.lake()
    changed["iceberg"] |= {"commit_interval": "6s"}
    overlay = events.overlay(events.outbox(), changed)
    assert operations(events.platform.preview(overlay))["kafka-connect-lake"] == "update"
    events.platform.up(overlay)
    config = events.rest().config("lake") or {}
    assert config["iceberg.control.commit.interval-ms"] == "6000"
    done = events.platform.pulumi(
        "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive", overlay=overlay
    )
    assert done.code == 0
