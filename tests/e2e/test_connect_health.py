"""The committed health extension is what its sources give."""

import pytest

from assets.connect.build import JAR, entries
from assets.readiness.build import read
from lab.images import tools_classpath

pytestmark = pytest.mark.programs


def test_the_jar_is_current() -> None:
    assert read(JAR) == entries(tools_classpath())
