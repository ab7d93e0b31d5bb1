"""One dev stack for all end-to-end tests, brought up by the user's own command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bare_lab import untouched
from tests.e2e.harness import Platform, ops
from tests.e2e.lab_claim import claimed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the lab's own starts and stops last, when the stack and its lab have been taken down."""
    items.sort(key=lambda item: item.get_closest_marker("e2e_lifecycle") is not None)


@pytest.fixture(scope="session")
def lab_claim() -> Iterator[None]:
    """The machine's lab, for this run alone."""
    with claimed():
        yield


@pytest.fixture(scope="session")
def platform(lab_claim: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The dev stack, up and healthy."""
    del lab_claim
    ops("up", "--stack", "dev")
    running = Platform(tmp_path_factory.mktemp("clients"))
    running.wait_healthy()
    yield running


@pytest.fixture
def before(lab_claim: None) -> Iterator[dict[str, object]]:
    """What the machine looked like; afterwards no lab runs and it must look so again."""
    del lab_claim
    with untouched() as found:
        yield found


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Where a test writes the overlay it deploys."""
    return tmp_path / "overlay.yaml"
