"""Files a report is made of: a preview, and an estimate from before."""

import sys
from pathlib import Path

from cost.difference import CostDifference, difference
from cost.estimate import Assumptions, read_estimate
from ops.comment import comment
from ops.cost import cost
from ops.failure import Failure
from ops.preview_document import read_preview
from ops.pull_request import failed
from ops.redaction import redacted
from ops.workspace import Workspace


def read_comment(workspace: Workspace, preview: Path | None, cost_before: Path | None) -> str:
    """Return the comment for a preview, from a file or else from standard input.

    Raises Failure for a file that can't be read or is of another stack, ConfigError for a wrong estimate or stack.
    """
    document = read_preview(_text(preview), workspace.stack)
    return comment(document, _cost(workspace, cost_before) if cost_before else None)


def read_failure(workspace: Workspace, said: Path) -> str:
    """Return the comment for a preview that failed, from the file with its words; raises Failure, UsageFailure."""
    workspace.check_stack()
    return failed(workspace.stack, redacted(_text(said)))


def _cost(workspace: Workspace, file: Path) -> CostDifference:
    before = read_estimate(_text(file))
    # Both sides count consumers the same way, so that the difference is the change's.
    after = cost(workspace, Assumptions(follower_fetching=before.follower_fetching, outside_share=before.outside_share))
    return difference(before, after)


def _text(file: Path | None) -> str:
    try:
        return file.read_text() if file else sys.stdin.read()
    except UnicodeDecodeError:
        raise Failure(f"{file or 'standard input'} is no text", "name a file that holds one JSON document") from None
    except OSError as error:
        raise Failure(f"{file} can't be read ({error.strerror})", "name a file that holds one JSON document") from None
