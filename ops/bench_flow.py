"""What the benches of Kafka Connect share: two sides that take turns, and what their processes take."""

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka.admin import AdminClient, NewTopic

from lab.images.connect_plugins import plugins
from lab.images.kafka import libraries
from manifests import connect_paths, paths
from ops.bare_brokers import NODES, BareCluster, bare_brokers
from ops.bare_connect import MAIN, BareConnect, bare_connect
from ops.bench_comparison import heap_of
from ops.connect_stack import PARTITIONS, TOPIC, ConnectStack
from ops.failure import Failure
from ops.kafka import TIMEOUT, refusals, scram_settings
from ops.progress import Reporter
from ops.throwaway_postgres import Server
from ops.workspace import Workspace
from resources.connect_rest import ConnectError, ConnectRest
from resources.connector import TIMEOUT as TIMEOUT_SECONDS
from resources.connector import NotRunning, wait_until_running

PLATFORM: Final = "platform"
BY_HAND: Final = "by hand"
RECORD_BYTES: Final = 1024
HEAP: Final = 512 * 2**20
"""Of the worker by hand, in bytes: what the platform's has by config/overlays/event-platform.yaml."""
_BROKER: Final = "kafka.Kafka"
_OTHER: Final = {"offset.flush.interval.ms": "1000"}
"""Of the worker by hand, beside the defaults: an idle sink answers its coordinator only that often, and with the
default of a minute no run would end."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Brokers, a worker and a database that do the same work as another side's."""

    name: str
    settings: Mapping[str, Any] = field(repr=False)
    """librdkafka settings of a client of its brokers."""
    rest: ConnectRest = field(repr=False)
    """Its worker."""
    connector: str
    database: Server
    """Of the outbox, or of the lake's catalogue."""
    marks: tuple[str, str]
    """What only the command lines of its brokers, and of its worker, have."""
    store: str = ""
    """URL of the lake's object store."""

    @contextmanager
    def spending(self, into: dict[str, float]) -> Iterator[None]:
        """Fill in the processor time that its brokers and its worker take during a block, in microseconds."""
        programs = {"brokers_us": (_BROKER, self.marks[0]), "worker_us": (MAIN, self.marks[1])}
        before = {name: used(*program) for name, program in programs.items()}
        yield
        into.update({name: (used(*program) - before[name]) * 1e6 for name, program in programs.items()})


@dataclass(frozen=True)
class Hand:
    """Bare brokers in plaintext, with a bare worker."""

    brokers: BareCluster
    worker: BareConnect


def used(main: str, mark: str) -> float:
    """Return the processor seconds of all processes that run a main class and have ``mark`` in an argument."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            # Their guards have the same arguments.
            if not arguments[0].endswith("java") or main not in arguments:
                continue
            if any(mark in argument for argument in arguments):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def by_hand(workspace: Workspace, reporter: Reporter) -> Iterator[Hand]:
    """Start what does the same with upstream's defaults: three brokers, a topic, a worker."""
    with bare_brokers(libraries(), heap_of(workspace), secured=False) as brokers:
        servers = brokers.settings["bootstrap.servers"]
        with refusals(servers):
            topic = NewTopic(TOPIC, PARTITIONS, NODES, config={"min.insync.replicas": "2"})
            admin = AdminClient(dict(brokers.settings))
            admin.create_topics([topic], operation_timeout=TIMEOUT)[TOPIC].result()
        with reporter.live("starting the worker by hand"):
            running = bare_connect(servers, plugins(), brokers.folder / "connect", heap=HEAP, settings=_OTHER)
            with running as worker:
                yield Hand(brokers, worker)


def platform_side(stack: ConnectStack, connector: str, database: Server, store: str = "") -> Side:
    """Return the platform's own side."""
    return Side(
        name=PLATFORM,
        settings=scram_settings(stack.outputs, stack.outputs.admin),
        rest=stack.rest,
        connector=connector,
        database=database,
        marks=(paths.CONFIG, connect_paths.CONFIG),
        store=store,
    )


def hand_side(hand: Hand, connector: str, database: Server, store: str = "") -> Side:
    """Return the side by hand."""
    folder = str(hand.brokers.folder)
    return Side(
        name=BY_HAND,
        settings=hand.brokers.settings,
        rest=hand.worker.rest,
        connector=connector,
        database=database,
        marks=(folder, folder),
        store=store,
    )


def started(rest: ConnectRest, connector: str) -> None:
    """Wait until a connector by hand runs; the platform's own run when the stack is up. Raises Failure."""
    try:
        wait_until_running(rest, connector, TIMEOUT_SECONDS)
    except (NotRunning, ConnectError) as error:
        raise Failure(f"{connector} by hand: {error}") from None


Measures = Mapping[str, float]
"""What one run of one side gave, by name."""


def take_turns(
    sides: Sequence[Side], runs: int, title: str, reporter: Reporter, once: Callable[[Side], Measures]
) -> dict[str, list[Measures]]:
    """Run each side ``runs`` times, after a run that isn't counted: JVMs compile what they run."""
    seen: dict[str, list[Measures]] = {side.name: [] for side in sides}
    for number in range(runs + 1):
        for side in sides if number % 2 == 0 else sides[::-1]:
            told = f"{title}, {side.name}, " + (f"run {number} of {runs}" if number else "warming up")
            with reporter.live(told):
                measures = once(side)
            reporter.say(f"{told}: {measures['records'] / measures['seconds']:,.0f} records/s")
            if number:
                seen[side.name].append(measures)
    return seen


def by_hand_ratios(sides: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, float]:
    """Return the platform's figures over those by hand, without those that are 0 there."""
    named = {side["name"]: side for side in sides}
    return {key: round(named[PLATFORM][key] / named[BY_HAND][key], 2) for key in keys if named[BY_HAND][key]}


def summary(runs: Sequence[Measures]) -> dict[str, Any]:
    """Return the medians of one side: records a second, their range, and microseconds of processor time a record."""
    rates = [run["records"] / run["seconds"] for run in runs]
    return {
        "records_per_second": round(statistics.median(rates)),
        "records_per_second_range": [round(min(rates)), round(max(rates))],
        **{
            f"{kind}_us_per_record": round(statistics.median(run[f"{kind}_us"] / run["moved"] for run in runs))
            for kind in ("brokers", "worker")
        },
    }
