"""A drill's report says what was seen, and of every test how it ended."""

import pytest

from tests.drill_report import Case, cases, report

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" tests="4" time="754.4"
  timestamp="2026-11-27T04:05:06.789+00:00" hostname="somewhere">
<testcase classname="tests.e2e.test_survival" name="test_brokers_killed_one_after_another" time="612.3">
  <properties><property name="traffic" value="99 records"/></properties></testcase>
<testcase classname="tests.e2e.test_killed_up" name="test_the_next_up_goes_on[engine, 10 topics]" time="61.0">
  <failure message="lost">a | b</failure></testcase>
<testcase classname="tests.e2e.test_connect" name="test_no_change_follows" time="40.0"/>
<testcase classname="tests.e2e.test_connect" name="test_no_change_follows" time="2.0">
  <error message="it stays"/></testcase>
<testcase classname="tests.e2e.test_connect" name="test_x" time="0.0"><skipped message="why"/></testcase>
</testsuite></testsuites>"""


def test_every_test_is_there_once_with_its_worst_outcome() -> None:
    assert cases(JUNIT) == [
        Case("test_survival: brokers killed one after another", 612.3, "passed", ("99 records",)),
        Case("test_killed_up: the next up goes on (engine, 10 topics)", 61.0, "failed", ()),
        Case("test_connect: no change follows", 42.0, "failed", ()),
        Case("test_connect: x", 0.0, "skipped", ()),
    ]


def test_a_report_names_day_duration_and_what_was_seen_and_no_machine() -> None:
    lines = report(JUNIT).splitlines()
    assert lines[2].startswith("`make drill` on 2026-11-27: 1 of 4 tests passed, in 12 min 34 s.")
    assert "| test_survival: brokers killed one after another | passed | 612 s | 99 records |" in lines
    assert "somewhere" not in report(JUNIT)


def test_a_module_that_was_run_again_stands_by_its_last_run_and_it_is_said() -> None:
    again = """<testsuites><testsuite time="60" timestamp="2026-11-27T05:00:00+00:00">
      <testcase classname="tests.e2e.test_killed_up" name="test_the_next_up_goes_on" time="60"/>
    </testsuite></testsuites>"""
    lines = report(JUNIT, again).splitlines()
    assert lines[2] == (
        "`make drill` on 2026-11-27: 2 of 4 tests passed, in 13 min 34 s. "
        "test_killed_up was run again: at first 1 of its tests failed."
    )
    assert [line for line in lines if "killed_up:" in line] == [
        "| test_killed_up: the next up goes on | passed | 60 s |  |"
    ]


@pytest.mark.parametrize("text", ["<testsuites/>", '<testsuites><testsuite time="1" timestamp=""/></testsuites>'])
def test_a_file_without_tests_gives_no_report(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the file has no test: `make drill` writes one$"):
        report(text)
