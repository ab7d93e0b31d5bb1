from lab.startup import wait_together
from lab.steps import Cancel


def test_a_node_that_was_ready_before_the_last_one_has_to_be_so_still() -> None:
    looks = iter([{"a"}, {"a", "b"}, {"b", "c"}, set[str](), {"a", "b", "c"}, {"a"}])
    said: list[str] = []
    wait_together({"a", "b", "c"}, lambda: next(looks), Cancel(), said.append)
    assert said == ["a is ready", "b is ready", "c is ready"]
    assert list(looks) == [{"a"}]
