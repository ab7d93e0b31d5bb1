"""What command lines are made of."""

import argparse
import sys
from datetime import timedelta
from typing import NoReturn

from ops.exit_code import ExitCode


class Grammar(argparse.ArgumentParser):
    """A grammar whose refusal can't be taken for «there are changes», which is argparse's own exit code."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with USAGE."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: error: {message}\n")


def positive(text: str) -> int:
    """Read a whole number above 0; argparse makes the error a refusal."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


LEAST, MOST = timedelta(seconds=10), timedelta(days=7)
"""How long a stack may be watched."""


def window(text: str) -> timedelta:
    """Read how long to watch; argparse makes the error a refusal."""
    # What every command would wait for.
    from config.base import duration_text, parse_duration

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if not isinstance(length, timedelta) or not LEAST <= length <= MOST:
        allowed = f"allowed are {duration_text(LEAST)} to {duration_text(MOST)}"
        raise argparse.ArgumentTypeError(f"{text!r}: {allowed}")
    return length
