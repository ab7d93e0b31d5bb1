"""Which ended sagas are forgotten: never so that a duplicate of a trigger looks like one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyairtable_events.saga_checkpoint import Ended, checkpoint, forgettable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO, JUST_NOW = NOW - timedelta(hours=2), NOW
BEFORE = NOW - timedelta(hours=1)


def ended(first: int, last: int | None = None, at: datetime = LONG_AGO) -> Ended:
    return Ended(at=at, first=first, last=first if last is None else last)


@pytest.mark.parametrize(
    ("running", "remembered", "position", "forgotten"),
    [
        pytest.param([], {"a": ended(0)}, 10, ["a"], id="one that ended long ago"),
        pytest.param([], {"a": ended(0, at=JUST_NOW)}, 10, [], id="one that ended just now"),
        pytest.param([5], {"a": ended(0)}, 10, ["a"], id="one before a saga that runs"),
        pytest.param([5], {"a": ended(0, 7)}, 10, [], id="one whose duplicate stands behind a saga that runs"),
        pytest.param([5], {"a": ended(7, 8)}, 10, [], id="one behind a saga that runs"),
        pytest.param(
            [], {"a": ended(0, 7), "b": ended(5, at=JUST_NOW)}, 10, [], id="one that reaches over a young one"
        ),
        pytest.param([], {"a": ended(0, 4), "b": ended(3, 8)}, 10, ["a", "b"], id="two that overlap, at once"),
        pytest.param(
            [7], {"a": ended(0, 4), "b": ended(3, 8)}, 10, [], id="one that reaches over another that must stay"
        ),
        pytest.param([7], {"a": ended(0, 2), "b": ended(3, 8)}, 10, ["a"], id="one before another that must stay"),
    ],
)
def test_what_is_forgotten(
    running: list[int], remembered: dict[str, Ended], position: int, forgotten: list[str]
) -> None:
    assert forgettable(running, remembered, position, BEFORE) == forgotten


def test_a_checkpoint_is_where_the_oldest_began() -> None:
    assert checkpoint([7, 5], [ended(6)], 9) == 5
    assert checkpoint([7], [ended(6, 8)], 9) == 6
    assert checkpoint([], [], 9) == 9


SAGAS = st.tuples(st.integers(0, 40), st.integers(0, 20), st.booleans())


@given(st.lists(st.integers(0, 60), max_size=4), st.dictionaries(st.integers(0, 99), SAGAS, max_size=12))
def test_a_checkpoint_never_lies_between_a_forgotten_saga_and_its_duplicate(
    running: list[int], drawn: dict[int, tuple[int, int, bool]]
) -> None:
    remembered = {
        key: ended(first, first + length, LONG_AGO if old else JUST_NOW) for key, (first, length, old) in drawn.items()
    }
    forgotten = set(forgettable(running, remembered, 61, BEFORE))
    assert forgotten <= {key for key, (_, _, old) in drawn.items() if old}
    offset = checkpoint(running, (one for key, one in remembered.items() if key not in forgotten), 61)
    assert all(remembered[key].last < offset for key in forgotten)
    # Nothing more could be forgotten by itself: memory isn't held for nothing.
    for key in remembered.keys() - forgotten:
        one = remembered[key]
        others = [kept for other, kept in remembered.items() if other not in forgotten | {key}]
        assert one.at >= BEFORE or one.last >= checkpoint(running, others, 61)
