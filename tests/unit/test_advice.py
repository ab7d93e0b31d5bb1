"""Right-sizing: what was seen of a stack, and what is advised, with its figures, reasons and costs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advice.advise import Advice, Confidence, Findings, advise, applied
from advice.change import amount, cores_text, replaced, span
from advice.components import components, path_of
from advice.figures import Usage, cpu, inflow, produced
from advice.processors import rounded
from advice.thresholds import headroom
from advice.window import ContainerSample, DiskSample, GroupSample, Window
from config.base import parse_size
from config.build import build_platform
from config.platform import PlatformSpec
from cost.prices import load_prices
from tests.observed import BROKER, containers, partition, window
from tests.priced import stack
from tests.unit.test_aws_config import changed

GIB, MIB = 2**30, 2**20
MINUTE, HOUR, DAY = 60, 3600, 86_400
TOPIC = "topic-0"


def found(seen: Window, platform: PlatformSpec | None = None) -> Findings:
    return advise(platform or stack(), seen, load_prices())


def advised(seen: Window, platform: PlatformSpec | None = None) -> dict[str, tuple[str, str]]:
    """Path to what there is and what is advised."""
    return {each.path: (each.current, each.advised) for each in found(seen, platform).advice}


def one(findings: Findings) -> Advice:
    (advice,) = findings.advice
    return advice


CPU, MEMORY, HEAP = f"{BROKER}.resources.cpu", f"{BROKER}.resources.memory", f"{BROKER}.jvm.heap"


@pytest.mark.parametrize(
    ("cores", "seconds", "expected"),
    [
        # Three zones: when one is away, the others have half as much again.
        ((1.0, 1.8, 0.5), MINUTE, {CPU: ("2", "3500m")}),
        ((1.61, 0.1, 0.1), MINUTE, {CPU: ("2", "3250m")}),
        ((1.59, 1.5, 1.5), DAY, {}),
        ((0.9, 0.9, 0.9), DAY, {}),
        ((0.1, 0.1, 0.1), MINUTE, {CPU: ("2", "1")}),
        ((0.1, 0.1, 0.1), DAY - 1, {CPU: ("2", "1")}),
        ((0.1, 0.1, 0.1), DAY, {CPU: ("2", "200m")}),
        ((0.0,), DAY, {CPU: ("2", "50m")}),
    ],
)
def test_processors(cores: tuple[float, ...], seconds: float, expected: dict[str, tuple[str, str]]) -> None:
    assert advised(window(containers(BROKER, cores=cores, seconds=seconds), seconds=seconds)) == expected


def test_a_reason_has_the_figures_and_says_how_long_they_were_watched() -> None:
    advice = one(found(window(containers(BROKER, cores=(0.1, 0.3)), seconds=60)))
    assert advice.reason == (
        "at its peak one used 0.3 of 2 cores (15%), all on average 0.2, in 60 s; less than 50% of it only after a "
        "whole day"
    )
    assert (advice.confidence, advice.watched_seconds) == (Confidence.LOW, 60)
    advice = one(found(window(containers(BROKER, cores=(1.8,), seconds=DAY), seconds=DAY)))
    assert advice.reason == (
        "at its peak one used 1.8 of 2 cores (90%), all on average 1.8, in 24 h, above 80%, the alert; advised is a "
        "request of which that is 53%, so that the others stay below it when one is away"
    )
    assert advice.confidence is Confidence.HIGH


def test_a_limit_goes_up_with_its_request() -> None:
    platform = stack(resources={"cpu": "2", "memory": "7Gi", "cpu_limit": "3"})
    assert advised(window(containers(BROKER, cores=(1.8,))), platform) == {
        CPU: ("2", "3500m"),
        f"{BROKER}.resources.cpu_limit": ("3", "3500m"),
    }


def test_savings_are_those_of_the_estimate() -> None:
    """c6i.xlarge becomes m6i.large, in us-east-1, three times."""
    findings = found(window(containers(BROKER, cores=(0.1,))))
    assert one(findings).monthly == findings.monthly == pytest.approx(-3 * 730 * (0.17 - 0.096), abs=0.01)


def test_what_no_machine_has_room_for_has_no_price() -> None:
    platform = stack(resources={"cpu": "15", "memory": "60Gi"})
    assert one(found(window(containers(BROKER, cores=(14.0,))), platform)).monthly is None


@pytest.mark.parametrize(
    ("resident", "working_set", "seconds", "expected"),
    [
        (int(6.2 * GIB), 7 * GIB, MINUTE, {MEMORY: ("7Gi", "7680Mi")}),
        # A full page cache is no shortage.
        (5 * GIB, 7 * GIB, DAY, {}),
        (4 * GIB, 4 * GIB, DAY, {}),
        # All of it was never touched.
        (GIB, 2 * GIB, MINUTE, {HEAP: ("4Gi", "2Gi")}),
        (GIB, 2 * GIB, DAY, {HEAP: ("4Gi", "1Gi")}),
    ],
)
def test_memories_of_brokers(
    resident: int, working_set: int, seconds: float, expected: dict[str, tuple[str, str]]
) -> None:
    seen = containers(BROKER, cores=(1.0,), resident=resident, working_set=working_set, seconds=seconds)
    assert advised(window(seen, seconds=seconds)) == expected


def test_a_heap_counts_from_the_start_of_its_process() -> None:
    seen = containers(BROKER, cores=(1.0,), resident=GIB, working_set=GIB, age=2 * DAY)
    advice = one(found(window(seen)))
    assert (advice.path, advice.advised, advice.confidence) == (HEAP, "1Gi", Confidence.HIGH)
    assert advice.reason.endswith("is less than 50% of the heap, after 2 days since the oldest started")


def test_brokers_give_up_memory_after_a_day_and_keep_a_page_cache() -> None:
    platform = stack(resources={"cpu": "2", "memory": "32Gi"})
    seen: dict[str, Any] = {"cores": (1.0,), "resident": 4 * GIB, "working_set": 5 * GIB}
    assert advised(window(containers(BROKER, **seen)), platform) == {}
    whole_day = containers(BROKER, **seen, seconds=DAY)
    # Heap, buffers and the platform document's two GiB.
    assert advised(window(whole_day, seconds=DAY), platform) == {MEMORY: ("32Gi", "6400Mi")}
    read_again = containers(BROKER, **{**seen, "working_set": 20 * GIB}, seconds=DAY)
    assert advised(window(read_again, seconds=DAY), platform) == {MEMORY: ("32Gi", "20Gi")}


def test_a_page_cache_holds_thirty_seconds_of_writes() -> None:
    """200 MiB/s in three copies on three brokers are 6,000 MiB, beside 4 GiB."""
    seen = containers(BROKER, cores=(1.0,), resident=4 * GIB, working_set=6 * GIB)
    platform = stack(size=64 * 2**40)
    findings = found(window(seen, topics={TOPIC: (200.0 * MIB, 1)}), platform)
    advice = one(findings)
    assert (advice.path, advice.advised) == (MEMORY, "10Gi")
    assert advice.reason.startswith("3Gi are left for the page cache beside 4Gi, and 30 s of writes, which it should")


def companions(**sections: Any) -> PlatformSpec:
    return stack(
        schema_registry={
            "implementation": "confluent",
            "image": {"name": "registry:8"},
            "replicas": 2,
            "resources": {"cpu": "500m", "memory": "2Gi"},
            "jvm": {"heap": "1Gi"},
            "external": {"type": "node-port"},
        },
        connect={
            "image": {"name": "connect:4"},
            "replicas": 2,
            "resources": {"cpu": "1", "memory": "4Gi"},
            "jvm": {"heap": "2560Mi"},
            "connectors": [{"name": "lake", "plugin": "iceberg-sink", "tasks": 4}],
            **sections.pop("connect", {}),
        },
        **sections,
    )


@pytest.mark.parametrize(
    ("path", "usage", "seconds", "expected"),
    [
        # Two share the load.
        ("schema_registry", {"cores": (0.45, 0.1)}, MINUTE, {"schema_registry.resources.cpu": ("500m", "1250m")}),
        ("schema_registry.proxy", {"cores": (0.02,)}, MINUTE, {}),
        ("connect", {"cores": (0.9, 0.9)}, MINUTE, {"connect.replicas": ("2", "4")}),
        # The other one has time: a further worker wouldn't help.
        ("connect", {"cores": (0.9, 0.1)}, MINUTE, {"connect.resources.cpu": ("1", "2250m")}),
        (
            "schema_registry",
            {"cores": (0.2,), "resident": 1800 * MIB, "working_set": 1800 * MIB},
            MINUTE,
            {"schema_registry.resources.memory": ("2Gi", "2176Mi")},
        ),
        # A limit that is too low kills, so that a minute says nothing.
        ("schema_registry", {"cores": (0.2,), "resident": 600 * MIB, "working_set": 600 * MIB}, MINUTE, {}),
        (
            "schema_registry",
            {"cores": (0.2,), "resident": 600 * MIB, "working_set": 600 * MIB},
            DAY,
            {"schema_registry.resources.memory": ("2Gi", "1408Mi")},
        ),
        (
            "connect",
            {"cores": (0.4,), "resident": 2000 * MIB, "working_set": 2100 * MIB},
            DAY,
            {},
        ),
    ],
)
def test_what_stands_beside_the_brokers(
    path: str, usage: dict[str, Any], seconds: float, expected: dict[str, tuple[str, str]]
) -> None:
    seen = window(containers(path, **usage, seconds=seconds), seconds=seconds)
    assert advised(seen, companions()) == expected


def test_there_are_no_more_workers_than_tasks_and_an_autoscaler_has_its_way() -> None:
    seen = window(containers("connect", cores=(0.95, 0.95)))
    few = companions(connect={"connectors": [{"name": "lake", "plugin": "iceberg-sink", "tasks": 3}]})
    assert advised(seen, few) == {"connect.replicas": ("2", "3")}
    scaled = companions(connect={"autoscaling": {"max_replicas": 4}})
    assert advised(seen, scaled) == {"connect.resources.cpu": ("1", "2500m")}


def test_a_worker_goes_after_an_idle_day_but_two_stay() -> None:
    platform = companions(connect={"replicas": 4})
    idle: dict[str, Any] = {"cores": (0.1, 0.1, 0.1, 0.1)}
    assert advised(window(containers("connect", **idle, seconds=DAY), seconds=DAY), platform) == {
        "connect.replicas": ("4", "3")
    }
    two = window(containers("connect", cores=(0.01, 0.01), seconds=DAY), seconds=DAY)
    assert "connect.replicas" not in advised(two, companions())


SIZE = f"{BROKER}.storage.size"


def test_a_full_disk_grows_and_a_large_one_can_t_shrink() -> None:
    full = found(window(topics={TOPIC: (0.0, 0)}, held=90 * GIB))
    assert (one(full).path, one(full).current, one(full).advised) == (SIZE, "100Gi", "106Gi")
    assert one(full).reason == (
        "broker 0 uses 90Gi of 100Gi (90%); 85% may be used; a shorter retention or a retention_bytes does as well"
    )
    assert one(full).monthly == pytest.approx(3 * 6 * 0.08)
    empty = found(window(topics={TOPIC: (0.0, 0)}, held=GIB))
    assert empty.advice == ()
    assert empty.notes == (
        f"{SIZE}: broker 0 uses 1Gi of 100Gi (1%): it has more room than it needs; nothing is advised, because volumes "
        "can't shrink: a new pool could have smaller ones",
    )


@pytest.mark.parametrize(("total", "expected"), [(100 * GIB, {SIZE: ("100Gi", "110Gi")}), (900 * GIB, {})])
def test_a_file_system_of_its_own_counts_whole_and_a_shared_one_doesn_t(
    total: int, expected: dict[str, tuple[str, str]]
) -> None:
    disks = {broker: DiskSample(total=total, usable=total - 93 * GIB) for broker in range(3)}
    seen = window(topics={TOPIC: (0.0, 0)}, held=60 * GIB, disks=disks)
    assert advised(seen) == expected


def test_retention_at_the_rates_that_were_seen_has_to_fit_after_an_hour() -> None:
    """2 MiB/s for a day are 169 GiB, which is more than what the catalogue's 1 MB/s keep."""
    seen: dict[str, Any] = {"topics": {TOPIC: (2.0 * MIB, 1)}}
    short = found(window(seconds=MINUTE, **seen))
    assert short.advice == ()
    assert short.notes[-1] == (
        "topics.topic-0.bytes_per_second: 2Mi/s came on average, 2Mi/s at the peak, in 60 s; the catalogue expects "
        "977Ki/s, from which disks and costs follow; watch it for 60 min before a rate may stand for long"
    )
    assert advised(window(seconds=HOUR, **seen)) == {
        SIZE: ("100Gi", "206Gi"),
        "topics.topic-0.bytes_per_second": ("1000000", "2Mi"),
    }


def bounded(retention_bytes: int, **changes: Any) -> PlatformSpec:
    return replaced(stack(**changes), ("topics", TOPIC, "retention_bytes"), retention_bytes)


def test_a_bound_that_cuts_retention_short_is_raised_while_there_is_room() -> None:
    """100 KiB/s for a day, on six partitions."""
    seen: dict[str, Any] = {"topics": {TOPIC: (100.0 * 1024, 1)}, "seconds": HOUR}
    path = "topics.topic-0.retention_bytes"
    assert advised(window(**seen), bounded(GIB)) == {path: ("1Gi", "1407Mi")}
    assert advised(window(**seen), bounded(2 * GIB)) == {}
    full = found(window(**seen, held=84 * GIB), bounded(GIB))
    assert full.advice == ()
    assert full.notes == (
        f"{path}: at 100Ki/s, the mean of 60 min, 6Gi hold 17.5 h, and retention is 1d; the disks have no room for "
        "more: 672Mi a broker",
    )


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # 6,000 came and 3,000 were done, by six consumers: twice as many would do.
        (GroupSample(lag=9_000, members=6), GroupSample(lag=12_000, members=6), {"partitions": ("6", "12")}),
        (GroupSample(lag=11_500, members=6), GroupSample(lag=12_000, members=6), {"partitions": ("6", "7")}),
        (GroupSample(lag=13_000, members=6), GroupSample(lag=12_000, members=6), {}),
        (GroupSample(lag=0, members=6), GroupSample(lag=9_999, members=6), {}),
        (GroupSample(lag=0, members=3), GroupSample(lag=12_000, members=3), {}),
    ],
)
def test_partitions(before: GroupSample, now: GroupSample, expected: dict[str, tuple[str, str]]) -> None:
    key = ("reader", TOPIC)
    seen = window(topics={TOPIC: (1000.0, 100)}, groups=({key: before}, {key: now}))
    assert advised(seen) == {f"topics.{TOPIC}.{name}": change for name, change in expected.items()}


def test_more_consumers_come_before_more_partitions() -> None:
    key = ("reader", TOPIC)
    groups = ({key: GroupSample(lag=0, members=3)}, {key: GroupSample(lag=12_000, members=3)})
    notes = found(window(topics={TOPIC: (1000.0, 100)}, groups=groups)).notes
    assert notes[-1] == (
        "topics.topic-0.partitions: group reader is 12000 records behind, 12000 more than 60 s before; 3 consumers "
        "share 6 partitions: start more of them, not more partitions"
    )


def at_aws(**usage: Any) -> Findings:
    seen = [
        containers("kafka.pools[0]", cores=(0.5,), resident=900 * MIB, working_set=GIB, seconds=DAY),
        containers("kafka.pools[1]", **usage, seconds=DAY),
    ]
    platform = build_platform("staging", changed("protect", True))
    return advise(platform, window(*seen, seconds=DAY), load_prices())


def test_machines_follow_requests() -> None:
    platform = build_platform("staging", changed("protect", True))
    assert platform.aws is not None
    index = [group.name for group in platform.aws.node_groups].index("broker")
    memory = platform.kafka.pools[1].resources.memory
    path = f"aws.node_groups[{index}].instance_type"
    busy = {each.path: each for each in at_aws(cores=(7.0, 7.0, 7.0), resident=memory // 2).advice}
    assert busy[path].advised == "m7g.4xlarge"
    assert (busy[path].monthly or 0) > 0
    assert busy[path].reason.endswith("has no room for the advised requests, and it is the cheapest that has")


def test_what_wasn_t_seen_is_said() -> None:
    findings = found(window(containers("connect", cores=(0.5,)), unknown=("pods on node x: forbidden",)), companions())
    assert findings.unknown == (
        "pods on node x: forbidden",
        "kafka.pools[0]: none of its containers was seen",
        "schema_registry: none of its containers was seen",
        "schema_registry.proxy: none of its containers was seen",
        "how much of their heaps JVMs use: they publish no figure of it, so that none is called too small; the "
        "collector's log would say it",
    )
    once = containers(BROKER, cores=(1.0,), seconds=5)
    assert "measured once only" in found(window(once, seconds=5)).unknown[0]
    assert found(Window(seconds=60)).advice == ()


@given(
    st.floats(min_value=0, max_value=14, allow_nan=False),
    st.integers(min_value=0, max_value=20 * GIB),
    st.integers(min_value=0, max_value=20 * GIB),
)
def test_advice_that_is_taken_comes_to_rest_and_every_heap_fits(cores: float, resident: int, more: int) -> None:
    used: dict[str, Any] = {"cores": (cores,), "resident": resident, "working_set": resident + more}
    seen = window(containers(BROKER, **used, seconds=DAY), seconds=DAY)
    platform = stack()
    # A smaller heap lets the memory around it shrink.
    for _ in range(2):
        platform = taken(platform, found(seen, platform))
        pool = platform.kafka.pools[0]
        assert pool.jvm.heap <= pool.resources.memory * 3 // 4
    assert found(seen, platform).advice == ()


def taken(platform: PlatformSpec, findings: Findings) -> PlatformSpec:
    """The stack with the values that are advised, as its configuration would have them."""
    for each in findings.advice:
        key = each.path.removeprefix(f"{BROKER}.").split(".")
        value = each.advised if each.path == CPU else parse_size(each.advised)
        platform = replaced(platform, ("kafka", "pools", 0, *key), value)
    return platform


def sample(at: float, used: float) -> ContainerSample:
    return ContainerSample(path=BROKER, pod="x", at=at, cpu_seconds=used)


def test_processor_time_is_a_rate_between_measurements_that_are_apart() -> None:
    same_again = [sample(0, 10), sample(0, 10), sample(30, 40), sample(30, 40), sample(60, 55)]
    assert cpu(same_again) == Usage(mean=0.75, peak=1.0)
    too_near = [sample(0, 0), sample(1, 9), sample(20, 10)]
    assert cpu(too_near) == Usage(mean=0.5, peak=0.5)
    restarted = [sample(0, 100), sample(30, 3), sample(60, 33)]
    assert cpu(restarted) == Usage(mean=1.0, peak=1.0)
    assert cpu([sample(0, 10)]) is None


@pytest.mark.parametrize(
    ("before", "after", "came"),
    [
        (partition({0: 100}), partition({0: 350, 1: 300}), 250),
        # 50 of 100 records were deleted, 60 came: 110 are there, in 220 bytes.
        (partition({0: 200}, begin=0, end=100), partition({0: 220}, begin=50, end=160), 120),
        # Compacted.
        (partition({0: 200}, begin=0, end=100), partition({0: 100}, begin=0, end=150), pytest.approx(50 * 100 / 150)),
        (partition({0: 200}, begin=0, end=100), partition({0: 0}, begin=100, end=100), 0),
    ],
)
def test_what_came_into_a_partition(before: Any, after: Any, came: float) -> None:
    assert inflow(before, after) == came


def test_rates_of_topics_are_of_one_copy() -> None:
    assert produced(window(topics={"a": (1000.0, 1)}))["a"] == Usage(mean=1000, peak=1000)


def test_pods_are_told_by_their_labels() -> None:
    kafka = {"app.kubernetes.io/name": "kafka", "kafka.pyairtable.dev/pool": "broker"}
    registry = {"app.kubernetes.io/name": "schema-registry"}
    platform = companions()
    table = {
        (tuple(kafka.items()), "kafka"): BROKER,
        (tuple({**kafka, "kafka.pyairtable.dev/pool": "gone"}.items()), "kafka"): None,
        (tuple(registry.items()), "schema-registry"): "schema_registry",
        (tuple(registry.items()), "proxy"): "schema_registry.proxy",
    }
    for (labels, container), expected in table.items():
        assert path_of(platform, dict(labels), container) == expected
    connect = {"app.kubernetes.io/name": "kafka-connect"}
    assert path_of(platform, connect, "kafka-connect") == "connect"
    assert path_of(platform, {}, "kafka") is None
    beside = {"schema_registry", "schema_registry.proxy", "connect"}
    assert {each.path for each in components(platform)} == {BROKER, *beside}


def test_a_place_that_isn_t_there_is_an_error() -> None:
    with pytest.raises(LookupError):
        replaced(stack(), ("kafka", "poolz"), 1)
    assert applied(stack(), []) == stack()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (cores_text(rounded(0.01)), "50m"),
        (cores_text(rounded(0.95)), "950m"),
        (cores_text(rounded(1.01)), "1250m"),
        (cores_text(rounded(2.0)), "2"),
        (amount(1536 * MIB), "1.5Gi"),
        (amount(500), "500 bytes"),
        (span(90), "90 s"),
        (span(3 * DAY), "3 days"),
        (f"{headroom(1):.2f} {headroom(2):.2f} {headroom(3):.2f}", "0.80 0.40 0.53"),
    ],
)
def test_figures_for_people(shown: str, expected: str) -> None:
    assert shown == expected
