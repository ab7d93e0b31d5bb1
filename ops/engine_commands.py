"""Commands that run the engine: what they print, and the exit code they end in."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ops.exit_code import ExitCode
from ops.printing import console, print_document
from ops.workspace import Workspace

if TYPE_CHECKING:
    from ops.progress import Reporter

_UNCHANGED: Final = frozenset({"same", "read", "refresh"})
"""Operations after which everything is as before."""


def up(options: argparse.Namespace) -> int:
    """Bring the stack up; exit code DONE, or CHANGES where the detailed one was asked for."""
    from ops.report import show_up
    from ops.up import up

    result = up(Workspace(options.root, options.stack), _reporter(options))
    if options.json:
        print_document(result.document())
    else:
        show_up(result, console())
    return _done(options, result.changes)


def down(options: argparse.Namespace) -> int:
    """Remove everything that ``up`` made."""
    from ops.down import down

    document = down(Workspace(options.root, options.stack), _reporter(options))
    if options.json:
        print_document(document)
    else:
        _say(f"stack {options.stack} is down, nothing of it is left")
    return ExitCode.DONE


def preview(options: argparse.Namespace) -> int:
    """Show what ``up`` would change; exit code CHANGES when it is something."""
    from ops.preview import preview

    document = preview(Workspace(options.root, options.stack), _reporter(options))
    _show_changes(options, document)
    return ExitCode.CHANGES if document["changes"] else ExitCode.DONE


def drift(options: argparse.Namespace) -> int:
    """Show what exists and isn't as the state says; exit code DRIFT when there is something."""
    from ops.drift import drift

    document = drift(Workspace(options.root, options.stack), _reporter(options))
    _show_changes(options, document)
    return ExitCode.DRIFT if document["changes"] else ExitCode.DONE


def refresh(options: argparse.Namespace) -> int:
    """Take what exists into the state; exit code as of ``up``."""
    from ops.drift import refresh

    document = refresh(Workspace(options.root, options.stack), _reporter(options))
    _show_changes(options, document)
    return ExitCode.CHANGES if options.detailed_exitcode and document["changes"] else ExitCode.DONE


def destroy(options: argparse.Namespace) -> int:
    """Delete what the stack made; exit code as of ``up``."""
    from ops.destroy import destroy

    document = destroy(Workspace(options.root, options.stack), _reporter(options))
    if options.json:
        print_document(document)
    else:
        changes = ", ".join(f"{count} {op}" for op, count in document["changes"].items()) or "nothing was there"
        _say(f"stack {options.stack} is destroyed: {changes}")
    return _done(options, document["changes"])


def _show_changes(options: argparse.Namespace, document: dict[str, Any]) -> None:
    from ops.preview import show

    if options.json:
        print_document(document)
    else:
        show(document, console())


def _done(options: argparse.Namespace, changes: Mapping[str, int]) -> int:
    changed = any(count for op, count in changes.items() if op not in _UNCHANGED)
    return ExitCode.CHANGES if options.detailed_exitcode and changed else ExitCode.DONE


def _reporter(options: argparse.Namespace) -> "Reporter":
    from ops.progress import Reporter

    return Reporter(events=options.sink)


def _say(text: str) -> None:
    console().print(text, markup=False, soft_wrap=True)
