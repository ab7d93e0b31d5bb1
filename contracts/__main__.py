"""``python -m contracts``: checks and releases schemas. Exit codes: 0 done, 1 a schema has problems, 2 wrong usage."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.check import Report, check
from contracts.errors import ContractError, Problem
from contracts.release import release
from contracts.repository import SCHEMAS


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m contracts", description="Check and release event schemas.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="compare the schemas with their history")
    checking.add_argument("--released", action="store_true", help="fail, too, when a schema isn't released yet")
    checking.set_defaults(run=_check)
    releasing = commands.add_parser("release", help="append a schema to its history")
    releasing.add_argument("subject", metavar="SUBJECT")
    releasing.set_defaults(run=_release)
    for command in (checking, releasing):
        command.add_argument("--json", action="store_true", help="print one JSON document")
        command.add_argument("--schemas", type=Path, default=SCHEMAS, metavar="DIR", help="folder of the schemas")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def _check(options: argparse.Namespace) -> int:
    report = check(options.schemas)
    failed = bool(report.problems) or (options.released and bool(report.pending))
    if options.json:
        _document(
            {
                "subjects": list(report.subjects),
                "problems": _rows(report.problems),
                "pending": [{"subject": name, "version": version} for name, version in report.pending],
            }
        )
    else:
        _say(*map(str, report.problems), *_pending(report), _summary(report))
    return 1 if failed else 0


def _pending(report: Report) -> list[str]:
    refused = {problem.subject for problem in report.problems}
    return [
        f"{name}: not released; `python -m contracts release {name}` makes it version {version}"
        for name, version in report.pending
        if name not in refused
    ]


def _summary(report: Report) -> str:
    count = len(report.problems)
    if count:
        return "1 problem" if count == 1 else f"{count} problems"
    return f"{len(report.subjects)} subjects agree with their history"


def _release(options: argparse.Namespace) -> int:
    try:
        version, new = release(options.subject, options.schemas)
    except ContractError as error:
        if options.json:
            _document({"subject": options.subject, "problems": _rows(error.problems)})
        else:
            _say(*map(str, error.problems))
        return 1
    if options.json:
        _document({"subject": options.subject, "version": version, "new": new})
    else:
        _say(f"{options.subject}: {'released as' if new else 'it is'} version {version}")
    return 0


def _rows(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"subject": one.subject, "path": one.path, "message": one.message} for one in problems]


def _document(document: dict[str, Any]) -> None:
    _say(json.dumps(document, indent=2))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
