"""The comment on a pull request: one for each stack, rewritten in place, by a `gh` that keeps what it is given."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ops import pull_request
from ops.comment import comment, marker
from ops.failure import Failure
from tests.previews import TOPIC, change, document

GH = """#!{python}
import json, os, pathlib, sys
store = pathlib.Path(__file__).parent / "comments.json"
calls = pathlib.Path(__file__).parent / "calls"
comments = json.loads(store.read_text()) if store.exists() else []
arguments = sys.argv[1:]
with calls.open("a") as log:
    log.write(json.dumps(arguments) + "\\n")
if os.environ.get("GH_FAILS"):
    sys.exit("HTTP 403: Resource not accessible by integration")
if arguments[:2] == ["pr", "view"]:
    mark = json.loads(arguments[-1].split("startswith(")[1].split("))")[0])
    for each in comments:
        if each["mine"] and each["body"].startswith(mark):
            print(each["html_url"])
    sys.exit()
assert arguments[0] == "api"
body = json.load(sys.stdin)["body"]
if len(body) > 65536:
    sys.exit("HTTP 422: body is too long (maximum is 65536 characters)")
path = arguments[arguments.index("--method") + 2]
if path.endswith("issues/7/comments"):
    number = len(comments) + 1
    comments.append({{"mine": True, "body": body, "html_url": f"https://example.org/pull/7#issuecomment-{{number}}"}})
else:
    number = int(path.rsplit("/", 1)[1])
    comments[number - 1]["body"] = body
store.write_text(json.dumps(comments))
print(json.dumps(comments[number - 1]))
"""


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "gh"
    program.write_text(GH.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def comments(gh: Path) -> list[dict[str, Any]]:
    return list(json.loads((gh / "comments.json").read_text()))


def test_the_second_preview_takes_the_place_of_the_first(gh: Path) -> None:
    stranger = {"mine": False, "body": marker("prod"), "html_url": "https://example.org/pull/7#issuecomment-1"}
    (gh / "comments.json").write_text(json.dumps([stranger]))
    first = pull_request.post(comment(document(change("create", TOPIC, "first-topic"))), "prod", 7)
    other = pull_request.post(f"{marker('staging')}\nstaging", "staging", 7)
    second = pull_request.post(comment(document(change("create", TOPIC, "second-topic"))), "prod", 7)
    assert (first, other, second) == tuple(f"https://example.org/pull/7#issuecomment-{n}" for n in (2, 3, 2))
    assert [each["body"].splitlines()[0] for each in comments(gh)] == [marker(s) for s in ("prod", "prod", "staging")]
    assert comments(gh)[0] == stranger
    assert "second-topic" in comments(gh)[1]["body"]
    assert "first-topic" not in comments(gh)[1]["body"]


def test_two_thousand_changes_are_one_comment_that_github_takes(gh: Path) -> None:
    wide = (change("update", TOPIC, f"topic-{n:04}", ("config", "x" * 90, "y" * 90)) for n in range(2000))
    pull_request.post(comment(document(*wide)), "prod", 7)
    assert len(comments(gh)) == 1


def test_no_argument_carries_the_comment(gh: Path) -> None:
    pull_request.post(f"{marker('prod')}\ncanary", "prod", 7)
    assert "canary" not in (gh / "calls").read_text()


def test_a_failed_preview_stands_where_the_preview_would() -> None:
    text = pull_request.failed(
        "prod", "pulumi preview: 3 of 9\nerror: kafka.zones: [] is refused; @everyone <script>\n\n" + "word \n" * 3000
    )
    assert text.startswith(f"{marker('prod')}\n## Preview of stack <code>prod</code> failed\n")
    assert "3 of 9" not in text
    assert "<script>" not in text
    assert "@everyone" not in text
    assert text.endswith(" more lines\n")
    assert len(text) < 65_536


@pytest.mark.usefixtures("gh")
def test_what_gh_says_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_FAILS", "1")
    with pytest.raises(Failure, match=r"^gh says: HTTP 403: Resource not accessible by integration; GH_TOKEN needs"):
        pull_request.post("x", "prod", 7)


def test_without_gh_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match=r"^there is no gh program; install"):
        pull_request.post("x", "prod", 7)
