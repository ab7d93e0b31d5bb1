"""One dev stack for all end-to-end tests, brought up by the user's own command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Platform, ops


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The dev stack, up and healthy."""
    ops("up", "--stack", "dev")
    running = Platform(tmp_path_factory.mktemp("clients"))
    running.wait_healthy()
    yield running


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Where a test writes the overlay it deploys."""
    return tmp_path / "overlay.yaml"
