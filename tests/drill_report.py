"""``python -m tests.drill_report build/drill.xml``: what `make drill` saw, as Markdown, from pytest's JUnit file."""

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


def report(junit: str) -> str:
    """Return the report; raises ValueError where the file has no test."""
    suite = _parsed(junit).find("testsuite")
    every = cases(junit)
    if suite is None or not every:
        raise ValueError("the file has no test: `make drill` writes one")
    minutes, seconds = divmod(round(float(suite.get("time", 0))), 60)
    day = datetime.fromisoformat(suite.get("timestamp", "")).date()
    passed = sum(case.outcome == "passed" for case in every)
    rows = (
        f"| {case.name.replace('|', '')} | {case.outcome} | {round(case.seconds)} s | {'; '.join(case.seen)} |"
        for case in every
    )
    return "\n".join(
        (
            "# The last drill",
            "",
            f"`make drill` on {day}: {passed} of {len(every)} tests passed, in {minutes} min {seconds} s. "
            "It wrote this page itself.",
            "",
            "| test | outcome | time | seen |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(report(Path(sys.argv[1]).read_text()))
    except (OSError, ValueError, ElementTree.ParseError) as problem:
        raise SystemExit(f"error: no report of the drill: {problem}") from None
