"""A stack's comment on a pull request: one, which is rewritten in place, by GitHub's own ``gh``."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any, Final

from ops.comment import marker
from ops.failure import Failure
from ops.markdown import code, escaped

_TIMEOUT: Final = 120
"""Seconds that one request may take."""
_FAILED: Final = 4_000
"""Characters of a failed preview's words."""


def failed(stack: str, problem: str) -> str:
    """Return the comment that stands where a preview would, had it not failed; ``problem`` is its standard error."""
    lines = [line.strip() for line in problem.splitlines() if line.strip()]
    # What comes before is progress.
    lines = list(dropwhile(lambda line: not line.startswith("error: "), lines)) or lines
    said: list[str] = []
    room = _FAILED
    for line in lines:
        room -= len(line)
        if room < 0:
            said.append(f"- {len(lines) - len(said):,} more lines")
            break
        said.append(f"- {escaped(line)}")
    return "\n".join([marker(stack), f"## Preview of stack {code(stack)} failed", "", *said, ""])


def post(body: str, stack: str, number: int) -> str:
    """Rewrite the stack's comment of the user ``gh`` is logged in as, or write the first one; return its address.

    Raises Failure when there is no ``gh``, or when it fails.
    """
    shown = json.dumps(marker(stack))
    query = f".comments[] | select(.viewerDidAuthor and (.body | startswith({shown}))) | .url"
    urls = _gh("pr", "view", str(number), "--json", "comments", "--jq", query).split()
    if urls:
        comment = urls[-1].rpartition("#issuecomment-")[2]
        answer = _request("PATCH", f"repos/{{owner}}/{{repo}}/issues/comments/{comment}", {"body": body})
    else:
        answer = _request("POST", f"repos/{{owner}}/{{repo}}/issues/{number}/comments", {"body": body})
    return str(answer.get("html_url", ""))


def _request(method: str, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
    answer = _gh("api", "--method", method, path, "--input", "-", text=json.dumps(content))
    try:
        return dict(json.loads(answer))
    except (ValueError, TypeError):
        raise Failure("gh gave no JSON back", f"see whether `gh api {path}` works") from None


def _gh(*arguments: str, text: str = "") -> str:
    program = shutil.which("gh")
    if program is None:
        raise Failure("there is no gh program", "install GitHub's command line, or leave out --post")
    try:
        done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Failure(f"gh had no answer in {_TIMEOUT} s", "run the command again") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Failure(f"gh says: {said}", "GH_TOKEN needs pull-requests: write on the repository GH_REPO names")
    return done.stdout
