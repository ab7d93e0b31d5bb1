"""A lake through the kill of the worker that writes it: by `make drill`, because it doesn't hold every time yet."""

import time
from collections.abc import Iterator

import pytest

from lab.faults import kill_broker
from tests.e2e.event_platform import EventPlatform, event_platform, rows
from tests.e2e.events_stack import running
from tests.e2e.harness import Platform, wait_for
from tests.e2e.test_connect import WORKER, Service, lake, restarts

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def events(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventPlatform]:
    with event_platform(platform, tmp_path_factory.mktemp("lake")) as made:
        yield made


def test_everything_is_in_the_lake_once(events: EventPlatform) -> None:
    """The worker is killed while the sink runs: what it had written and not committed isn't there twice."""
    before = restarts(events.platform, WORKER)
    with running(Service(events).write):
        wait_for("the first rows in the lake", lambda: len(lake(events)) > 10)
        kill_broker(WORKER)
        wait_for("the worker's restart", lambda: restarts(events.platform, WORKER) > before)
        time.sleep(20)
    wanted = {event for _, event in rows(events.database)}
    wait_for("everything in the lake", lambda: wanted <= set(lake(events)), timeout=300)
    time.sleep(10)
    found = lake(events)
    assert {event: count for event, count in found.items() if count > 1} == {}
    assert wanted <= set(found)
