"""``python -m toolchain``: make programs exist, say where one is, say what is there.

Exit codes: 0 done; 1 a step failed; 2 wrong use; 3 something isn't there yet; 4 not possible on this machine;
130 interrupted.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from toolchain.cache import Missing, cache_root
from toolchain.display import display
from toolchain.ensure import DEFAULT_GROUPS, GROUPS, ensure
from toolchain.process import Failed, Unsuitable
from toolchain.programs import NAMES, program
from toolchain.status import Status, status


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    FAILED = 1
    MISSING = 3
    UNSUITABLE = 4
    INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolchain", description="The programs the platform runs on.")
    commands = parser.add_subparsers(dest="command", required=True)
    ensuring = commands.add_parser("ensure", help="build or fetch what is missing")
    ensuring.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; all but bench by default")
    finding = commands.add_parser("path", help="print where a program is")
    finding.add_argument("name", metavar="NAME")
    telling = commands.add_parser("status", help="what is there")
    telling.add_argument("--json", action="store_true", help="as one JSON document")
    asked = parser.parse_args(arguments)

    signal.signal(signal.SIGTERM, _interrupt)
    errors = Console(stderr=True)
    try:
        match asked.command:
            case "ensure":
                if unknown := [group for group in asked.groups if group not in GROUPS]:
                    ensuring.error(f"there is no group {unknown[0]!r}: choose from {', '.join(GROUPS)}.")
                with display(errors) as report:
                    ensure(asked.groups or DEFAULT_GROUPS, report)
            case "path":
                if asked.name not in NAMES:
                    finding.error(f"there is no program {asked.name!r}: choose from {', '.join(NAMES)}.")
                sys.stdout.write(f"{program(asked.name)}\n")
            case _:
                now = status()
                _show(now, as_json=asked.json)
                return Exit.DONE if now.complete else Exit.MISSING
    except Missing as error:
        return _say(errors, error, Exit.MISSING)
    except Unsuitable as error:
        return _say(errors, error, Exit.UNSUITABLE)
    except Failed as error:
        return _say(errors, error, Exit.FAILED)
    except KeyboardInterrupt:
        return _say(errors, "interrupted; the same command goes on from here.", Exit.INTERRUPTED)
    return Exit.DONE


def _interrupt(number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(number)


def _say(console: Console, message: object, code: Exit) -> int:
    console.print(str(message), markup=False, highlight=False, soft_wrap=True)
    return code


def _show(now: Status, *, as_json: bool) -> None:
    if as_json:
        json.dump(now.document(), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    table = Table("what", "group", "there", "size", "made in", "by Go", box=None)
    for item in now.items:
        table.add_row(
            item.name,
            item.group,
            "yes" if item.present else "no",
            f"{item.bytes / 2**20:,.0f} MiB" if item.bytes else "",
            f"{item.seconds:.0f} s" if item.seconds else "",
            item.go,
        )
    console = Console()
    console.print(table)
    console.print(f"cache: {cache_root()}", highlight=False, soft_wrap=True)
    console.print(f"engine: {now.engine or 'none yet'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
