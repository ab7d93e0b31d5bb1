"""What command lines are made of."""

import argparse
import sys
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
