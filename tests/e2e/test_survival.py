"""A broker killed, a zone cut off, a setting rolled through: every record is accounted for."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from lab.faults import cut_zone, heal_zone, kill_broker, stalled_broker
from tests.drill import DRILL
from tests.e2e.harness import Platform, wait_for
from tests.e2e.traffic import TOPIC, traffic

pytestmark = pytest.mark.e2e

KILLS = 24 if DRILL else 1

SNAPSHOT = 65
"""Seconds in which every node writes a snapshot of the cluster's metadata; the platform lets a minute pass at most."""


@pytest.fixture(scope="module", autouse=True)
def deleted(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> float:
    """When a user was deleted, by the monotonic clock: first of all, for what it changes takes a while to show."""
    quota = {"producer_bytes_per_second": "1Mi", "consumer_bytes_per_second": "1Mi"}
    service = {"produces": ["pyairtable.system.events"], "quota": quota}
    overlay = tmp_path_factory.mktemp("deleted") / "overlay.json"
    overlay.write_text(json.dumps({"services": {"short-lived": service}}))
    platform.up(overlay)
    platform.up()
    return time.monotonic()


def restarts(platform: Platform, pod: str) -> int:
    found = [item for item in platform.pods() if item["metadata"]["name"] == pod]
    return sum(one["restartCount"] for one in found[0]["status"]["containerStatuses"]) if found else -1


@pytest.mark.timeout(900 + 90 * KILLS)
def test_brokers_killed_one_after_another(platform: Platform, record_property: Callable[[str, object], None]) -> None:
    with traffic(platform) as stream:
        for number in range(KILLS):
            pod = f"kafka-broker-{'bca'[number % 3]}-0"
            before = platform.incarnation(pod)
            if number // 3 % 2:
                platform.delete_pod(pod)
            else:
                kill_broker(pod)
            wait_for("its next start", lambda pod=pod, before=before: platform.incarnation(pod) != before)  # type: ignore[misc]
            acked = stream.acked
            wait_for("more acknowledged records", lambda acked=acked: stream.acked > acked + 400)  # type: ignore[misc]
            platform.wait_healthy()
    record_property("traffic", f"{stream.acked} records acknowledged and read, a broker killed {KILLS} times")


def test_the_zone_of_a_group_s_coordinator_cut_off_for_30_seconds(platform: Platform) -> None:
    admin = AdminClient(admin_settings(platform))
    zones = {broker["id"]: broker["zone"] for broker in platform.status()["brokers"]}
    with traffic(platform) as stream:
        group = admin.describe_consumer_groups([stream.group], request_timeout=20)[stream.group].result()
        zone = zones[group.coordinator.id]
        cut_zone(zone)
        try:
            time.sleep(30)
            acked = stream.acked
            wait_for("records acknowledged while the zone is away", lambda: stream.acked > acked + 400)
        finally:
            heal_zone(zone)
        platform.wait_healthy()


def test_a_restarted_broker_still_knows_the_users_when_one_was_deleted(platform: Platform, deleted: float) -> None:
    """Its own log of the cluster's metadata says of the deleted user first that it is there, then that it isn't."""
    time.sleep(max(0.0, deleted + SNAPSHOT - time.monotonic()))
    before = restarts(platform, "kafka-broker-c-0")
    kill_broker("kafka-broker-c-0")
    wait_for("the restart of the killed broker", lambda: restarts(platform, "kafka-broker-c-0") == before + 1)
    platform.wait_healthy()
    brokers = AdminClient(admin_settings(platform)).list_topics(timeout=20).brokers.values()
    assert len(brokers) == 3
    for broker in brokers:
        own = {**platform.librdkafka("auth-service"), "bootstrap.servers": f"{broker.host}:{broker.port}"}
        assert TOPIC in AdminClient(own).list_topics(timeout=20).topics, f"broker {broker.id} knows no auth-service"


UNANSWERED = {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


class Watch:
    """Samples pods and in-sync replicas during a roll."""

    def __init__(self, platform: Platform, admin: AdminClient) -> None:
        self.worst_not_ready = 0
        self.fewest_in_sync = 3
        self.samples = 0
        self._platform, self._admin = platform, admin
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            pods = self._platform.pods()
            self.worst_not_ready = max(self.worst_not_ready, 3 - sum(ready(pod) for pod in pods))
            try:
                topic = self._admin.describe_topics(TopicCollection([TOPIC]), request_timeout=5)[TOPIC].result()
            except KafkaException as error:
                # The broker that was asked is the one that goes down: nothing was seen, so nothing is counted.
                assert error.args[0].code() in UNANSWERED, error
                continue
            self.fewest_in_sync = min(self.fewest_in_sync, *(len(partition.isr) for partition in topic.partitions))
            self.samples += 1


def ready_since(platform: Platform) -> dict[str, str]:
    return {
        pod["metadata"]["name"]: condition["lastTransitionTime"]
        for pod in platform.pods()
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    }


def test_a_broker_that_stalls_for_a_moment_stays_ready(platform: Platform) -> None:
    """The next broker's start takes the processors: a rolled one that counted as away would make two of them."""
    wait_for("three ready brokers", lambda: len(ready_since(platform)) == 3)
    before = ready_since(platform)
    with stalled_broker("kafka-broker-b-0"):
        time.sleep(3.5)
    time.sleep(5)
    assert ready_since(platform) == before


def ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def test_a_broker_setting_rolled_through_all_pools(platform: Platform, overlay: Path) -> None:
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in platform.pods()}
    admin = AdminClient(admin_settings(platform))
    overlay.write_text(json.dumps({"kafka": {"broker_config": {"log.cleaner.threads": 2}}}))
    try:
        with traffic(platform), Watch(platform, admin) as watch:
            platform.up(overlay)
        pods = sorted(platform.pods(), key=lambda pod: str(pod["status"]["startTime"]))
        assert [pod["metadata"]["name"] for pod in pods] == ["kafka-broker-a-0", "kafka-broker-b-0", "kafka-broker-c-0"]
        assert all(before[pod["metadata"]["name"]] != pod["metadata"]["uid"] for pod in pods), "a broker did not roll"
        assert watch.samples > 10
        assert watch.worst_not_ready == 1, "more than one broker was away at a time"
        assert watch.fewest_in_sync == 2, "in-sync replicas fell below min.insync.replicas"
    finally:
        platform.up()
        platform.wait_healthy()


def admin_settings(platform: Platform) -> dict[str, str]:
    outputs = json.loads(platform.pulumi("stack", "output", "--json", "--show-secrets").out)
    admin = outputs["clients"]["admin"]
    return platform.librdkafka("auth-service", sasl_username=admin["username"], sasl_password=admin["password"])
