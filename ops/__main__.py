"""``python -m ops``: the operator's command line. Its exit codes are those of ops/exit_code.py."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from ops.command_line import parse
from ops.exit_code import ExitCode
from ops.failure import Failure, InterruptedFailure, UsageFailure
from ops.workspace import Workspace

if TYPE_CHECKING:
    from ops.event_file import EventFile

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parse(arguments)
    options.root = ROOT
    Workspace(ROOT, options.stack).adopt_environment(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    sink: EventFile | None = None
    code: int
    problem = ""
    try:
        options.sink = sink = _sink(options.events, options.command, options.stack)
        code = options.run(options)
    except KeyboardInterrupt:
        code, problem = ExitCode.INTERRUPTED, "interrupted; the same command goes on from here"
    except Exception as error:
        if options.debug:
            raise
        problem, code = explain(error)
    if problem:
        _print_problem(f"error: {problem}", "red")
    if sink:
        sink.end(code, problem)
        if sink.problem:
            _print_problem(f"warning: events are missing from {options.events} ({sink.problem})", "yellow")
    return code


def _sink(file: Path | None, command: str, stack: str) -> "EventFile | None":
    from ops.event_file import EventFile

    return EventFile(file, command, stack) if file else None


def explain(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    from config.errors import ConfigError
    from config.target import TargetError
    from lab.errors import Cancelled, LabError
    from toolchain.cache import Missing
    from toolchain.process import Failed, Unsuitable

    match error:
        case UsageFailure():
            return str(error), ExitCode.USAGE
        case Cancelled() | InterruptedFailure():
            return str(error), ExitCode.INTERRUPTED
        case Failure() | ConfigError() | TargetError() | LabError() | Failed() | Unsuitable() | Missing():
            return str(error), ExitCode.FAILED
        case _:
            return (
                f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where",
                ExitCode.FAILED,
            )


def _print_problem(text: str, style: str) -> None:
    Console(stderr=True, highlight=False).print(text, style=style, markup=False, soft_wrap=True)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
