"""The committed health extension is what its sources give."""

from assets.connect.build import JAR, entries
from assets.readiness.build import read
from lab.images import tools_classpath


def test_the_jar_is_current() -> None:
    assert read(JAR) == entries(tools_classpath())
