"""What the guard refuses, and what it lets pass."""

from typing import Any

import pytest

from resources.topic_guard import _GuardProvider, losses

OLD = {
    "a.events": {"partitions": 6.0, "replication_factor": 3.0},
    "b.events": {"partitions": 2.0, "replication_factor": 3.0},
}


def changed(**shape: int | None) -> dict[str, dict[str, Any]]:
    return {**OLD, "a.events": {**OLD["a.events"], **shape}}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            changed(partitions=5),
            'topics["a.events"].partitions: 5 is refused: it has 6, and Kafka can take none away: the topic would be '
            "deleted and made anew; use at least 6, or, to lose its records, list a.events under allow_data_loss",
        ),
        (
            changed(replication_factor=2),
            'topics["a.events"].replication_factor: 2 is refused: it has 3, and the provider would place replicas '
            "without regard to zones; keep 3; or reassign its partitions by a plan of yours, run pulumi refresh, and "
            "list a.events under allow_data_loss for one update",
        ),
        (
            {"b.events": OLD["b.events"]},
            'topics["a.events"]: it is no longer in the catalogue, which would delete it and its records; put it back, '
            "or, to lose its records, list a.events under allow_data_loss, and remove it in the update after that",
        ),
    ],
)
def test_refused_unless_allowed_by_name(new: dict[str, dict[str, Any]], message: str) -> None:
    assert [str(problem) for problem in losses(OLD, new, [])] == [message]
    assert [str(problem) for problem in losses(OLD, new, ["b.events"])] == [message]
    assert losses(OLD, new, ["a.events"]) == []


@pytest.mark.parametrize("new", [OLD, changed(partitions=7), {**OLD, "c": {"partitions": 1, "replication_factor": 1}}])
def test_growth_passes(new: dict[str, dict[str, Any]]) -> None:
    assert losses(OLD, new, []) == []


def test_everything_is_told_at_once() -> None:
    new = {"a.events": {"partitions": 1, "replication_factor": 1}}
    assert [problem.path for problem in losses(OLD, new, [])] == [
        'topics["a.events"].partitions',
        'topics["a.events"].replication_factor',
        'topics["b.events"]',
    ]


def test_the_first_time_nothing_is_lost() -> None:
    news = {"topics": OLD, "allow_data_loss": []}
    result = _GuardProvider().check({}, news)
    assert result.inputs == news
    assert result.failures == []


def test_the_engine_is_told() -> None:
    olds = {"topics": OLD, "allow_data_loss": []}
    failures = _GuardProvider().check(olds, {"topics": changed(partitions=1), "allow_data_loss": []}).failures
    assert [(failure.property, failure.reason[:31]) for failure in failures] == [
        ("", 'topics["a.events"].partitions: ')
    ]


@pytest.mark.parametrize(("news", "expected"), [(OLD, False), (changed(partitions=7), True)])
def test_only_shapes_are_a_change(news: dict[str, Any], expected: bool) -> None:
    old = {"topics": OLD, "allow_data_loss": []}
    assert _GuardProvider().diff("topics", old, {"topics": news, "allow_data_loss": ["x"]}).changes is expected
