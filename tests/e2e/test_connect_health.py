"""The committed jars of Kafka Connect's workers are what their sources give."""

import pytest

from assets.connect.build import JARS, Jar
from assets.readiness.build import read
from lab.images import tools_classpath

pytestmark = pytest.mark.programs


@pytest.mark.parametrize("jar", JARS, ids=lambda jar: jar.path.name)
def test_the_jar_is_current(jar: Jar) -> None:
    assert read(jar.path) == jar.entries(tools_classpath())
