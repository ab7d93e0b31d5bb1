from pathlib import Path

from lab.paths import Layout
from lab.status import collect


def test_a_lab_that_was_never_started_is_stopped_and_not_called_wrong(tmp_path: Path) -> None:
    status = collect(Layout(tmp_path))
    assert (status.state, status.wrong) == ("stopped", ())
