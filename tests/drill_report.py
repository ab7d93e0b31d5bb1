"""``python -m tests.drill_report build/drill.xml [AGAIN.xml ...]``: what `make drill` saw, as Markdown.

Later files hold modules that were run again: they stand for those of the same name before.
"""

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

_BAD = {"failure": "failed", "error": "failed", "skipped": "skipped"}


@dataclass(frozen=True)
class Case:
    """One test of a drill."""

    name: str
    seconds: float
    outcome: str
    """``passed``, ``failed`` or ``skipped``."""
    seen: tuple[str, ...]
    """What the test counted, in words of its own."""

    @property
    def module(self) -> str:
        return self.name.partition(":")[0]


def cases(junit: str) -> list[Case]:
    """Return the tests of a JUnit file in its order; one that fails in its teardown too is there once, as failed."""
    found: dict[str, Case] = {}
    for element in _parsed(junit).iter("testcase"):
        name = f"{element.get('classname', '').rpartition('.')[2]}: {_words(element.get('name', ''))}"
        outcomes = [_BAD[child.tag] for child in element if child.tag in _BAD]
        seen = tuple(one.get("value", "") for one in element.iter("property"))
        before = found.get(name)
        found[name] = Case(
            name=name,
            seconds=float(element.get("time", 0)) + (before.seconds if before else 0),
            outcome="failed" if before and before.outcome == "failed" else (outcomes or ["passed"])[0],
            seen=seen or (before.seen if before else ()),
        )
    return list(found.values())


def _words(name: str) -> str:
    function, bracket, parameters = name.removeprefix("test_").partition("[")
    return function.replace("_", " ") + (f" ({parameters.removesuffix(']')})" if bracket else "")


def _parsed(junit: str) -> ElementTree.Element:
    return ElementTree.fromstring(junit)  # noqa: S314 pytest wrote it


def report(first: str, *again: str) -> str:
    """Return the report on a drill, and on modules of it that were run again; raises ValueError without a test."""
    suites = [_parsed(junit).find("testsuite") for junit in (first, *again)]
    every, repeated = cases(first), []
    for junit in again:
        newer = cases(junit)
        modules = dict.fromkeys(case.module for case in newer)
        for module in modules:
            failed = sum(case.module == module and case.outcome == "failed" for case in every)
            repeated.append(f" {module} was run again: at first {failed} of its tests failed.")
        every = [case for case in every if case.module not in modules] + newer
    if suites[0] is None or not every:
        raise ValueError("the file has no test: `make drill` writes one")
    total = sum(float(suite.get("time", 0)) for suite in suites if suite is not None)
    minutes, seconds = divmod(round(total), 60)
    day = datetime.fromisoformat(suites[0].get("timestamp", "")).date()
    passed = sum(case.outcome == "passed" for case in every)
    rows = (
        f"| {case.name.replace('|', '')} | {case.outcome} | {round(case.seconds)} s | {'; '.join(case.seen)} |"
        for case in every
    )
    return "\n".join(
        (
            "# The last drill",
            "",
            f"`make drill` on {day}: {passed} of {len(every)} tests passed, in {minutes} min {seconds} s."
            + "".join(repeated),
            "",
            "| test | outcome | time | seen |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(report(*(Path(file).read_text() for file in sys.argv[1:])))
    except (OSError, ValueError, ElementTree.ParseError) as problem:
        raise SystemExit(f"error: no report of the drill: {problem}") from None
