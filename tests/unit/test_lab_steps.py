import threading

import pytest

from lab.errors import Cancelled, LabError
from lab.steps import Cancel, Step, run


def test_steps_wait_for_what_they_need() -> None:
    order: list[str] = []
    run(
        [
            Step(name="last", action=lambda: order.append("last"), after=["middle"]),
            Step(name="middle", action=lambda: order.append("middle"), after=["first"]),
            Step(name="first", action=lambda: order.append("first")),
        ],
        Cancel(),
    )
    assert order == ["first", "middle", "last"]


def test_independent_steps_run_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=30)
    run([Step(name=name, action=lambda: (meeting.wait(), None)[1]) for name in "abc"], Cancel())
    assert not meeting.broken


def test_failure_cancels_the_others_and_is_what_is_raised() -> None:
    cancel, begun, after = Cancel(), threading.Event(), threading.Event()

    def fail() -> None:
        begun.wait(30)
        raise LabError("the disk is full")

    def endless() -> None:
        begun.set()
        cancel.wait_for("nothing", lambda: False, timeout=60)

    with pytest.raises(LabError, match=r"^the disk is full$"):
        run(
            [
                Step(name="endless", action=endless),
                Step(name="fail", action=fail),
                Step(name="after", action=after.set, after=["fail"]),
            ],
            cancel,
        )
    assert not after.is_set()


def test_cancelled_from_outside() -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled, match=r"^the start of the lab was interrupted$"):
        run([Step(name="step", action=cancel.check)], cancel)


def test_timeout_says_what_was_waited_for() -> None:
    with pytest.raises(LabError, match=r"^tea did not happen within 0 s; see `python -m lab logs`$"):
        Cancel().wait_for("tea", lambda: False, timeout=0)


def test_impossible_orders_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown \['nobody'\]"):
        run([Step(name="a", action=lambda: None, after=["nobody"])], Cancel())
    with pytest.raises(ValueError, match=r"wait for each other: \['a', 'b'\]"):
        run(
            [
                Step(name="a", action=lambda: None, after=["b"]),
                Step(name="b", action=lambda: None, after=["a"]),
            ],
            Cancel(),
        )
