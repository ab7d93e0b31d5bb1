"""``python -m upgrades``: judges upgrades and makes releases. Exit codes as of ``python -m ops``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.command import Interrupted
from ops.exit_code import ExitCode
from ops.failure import Failure, UsageFailure
from ops.grammar import Grammar
from toolchain.cache import Missing
from upgrades.changelog import ChangelogError
from upgrades.check import Verdict, check
from upgrades.release import release

ROOT = Path(__file__).resolve().parents[1]


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = Grammar(prog="python -m upgrades", description="Judge upgrades and make releases.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = "fail when a stack of the last release would lose what the changelog doesn't announce"
    checking = commands.add_parser("check", help=text, description=text)
    checking.add_argument("--stack", action="append", default=[], metavar="S", help="only this one; may be repeated")
    checking.set_defaults(run=_check)
    text = "record what the program registers on every stack as a release"
    releasing = commands.add_parser("release", help=text, description=text)
    releasing.add_argument("version", metavar="VERSION", help="three numbers: 1.2.3")
    releasing.set_defaults(run=_release)
    for command in (checking, releasing):
        command.add_argument("--json", action="store_true", help="print one JSON document")
    return top


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options, root)
    except UsageFailure as error:
        _note(f"error: {error}")
        return ExitCode.USAGE
    except (Failure, ChangelogError, ConfigError, Missing) as error:
        _note(f"error: {error}")
        return ExitCode.FAILED
    except (KeyboardInterrupt, Interrupted):
        _note("interrupted; nothing was changed")
        return ExitCode.INTERRUPTED
    return code


def _check(options: argparse.Namespace, root: Path) -> int:
    verdict = check(root, options.stack, _note)
    if options.json:
        _say(json.dumps(verdict.document(), indent=2))
    else:
        _say(*verdict.problems, _summary(verdict))
    return ExitCode.DONE if verdict.good else ExitCode.FAILED


def _summary(verdict: Verdict) -> str:
    if not verdict.good:
        count = len(verdict.problems)
        return "1 problem" if count == 1 else f"{count} problems"
    announced = f", {len(verdict.announced)} as announced" if verdict.announced else ""
    return f"release {verdict.release} can be updated on {', '.join(verdict.stacks)}: nothing is lost{announced}"


def _release(options: argparse.Namespace, root: Path) -> int:
    files = [str(file.relative_to(root)) for file in release(root, options.version, _note)]
    document: dict[str, Any] = {"version": options.version, "files": files}
    if options.json:
        _say(json.dumps(document, indent=2))
    else:
        _say(*files, f"commit them, and tag the commit v{options.version}")
    return ExitCode.DONE


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
