"""What a command's exit code says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``python -m ops``, see docs/adr/0052."""

    DONE = 0
    """Done; of ``preview`` and ``drift``: nothing differs."""
    FAILED = 1
    CHANGES = 2
    """``preview``: the program asks for changes. With ``--detailed-exitcode``: the command made some."""
    DRIFT = 3
    """``drift``: what exists isn't what the state says."""
    USAGE = 64
    """The command line itself is wrong (EX_USAGE of sysexits.h)."""
    INTERRUPTED = 130
    """Stopped by SIGINT or SIGTERM."""
