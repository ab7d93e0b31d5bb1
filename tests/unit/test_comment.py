"""A preview as a comment: what comes first, what fits, what is never in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost.difference import Change as CostChange
from cost.difference import CostDifference
from cost.position import Group
from ops.command_line import parser
from ops.comment import LIMIT, comment, marker
from ops.failure import Failure
from ops.markdown import code, value_text
from ops.preview_document import PreviewDocument, read_preview
from tests.previews import ACL, CLAIM, CONFIG, KEY, SECRET, SET, TEMPLATE, TOPIC, change, document

ROOT = Path(__file__).parents[2]


def positions(text: str, *names: str) -> list[int]:
    return [text.index(f"<code>{name}</code>", text.index("\n### ")) for name in names]


MIXED = (
    change("create", CONFIG, "new-config"),
    change("update", CONFIG, "changed-config", ("data.x", "1", "2")),
    change("update", SET, "kafka-controller-a", (TEMPLATE, "1", "2")),
    change("update", SET, "kafka-controller-b", (TEMPLATE, "1", "2")),
    change("update", SET, "kafka-broker-a", (TEMPLATE, "1", "2")),
    change("delete", CONFIG, "old-config"),
    change("create", ACL, "new-acl"),
    change("delete", ACL, "old-acl"),
    change("update", TOPIC, "shorter", ('config["retention.ms"]', "1000", "500")),
    change("replace", CLAIM, "kafka-broker-a-0"),
    change("delete", TOPIC, "gone"),
    change("replace", KEY, "kafka-tls-cluster-ca-key"),
)


def test_the_riskiest_comes_first() -> None:
    text = comment(document(*MIXED))
    order = [
        *("gone", "kafka-broker-a-0", "kafka-tls-cluster-ca-key", "shorter"),
        *("old-acl", "new-acl"),
        "old-config",
        *("kafka-controller-a", "kafka-controller-b", "kafka-broker-a"),
        "changed-config",
        "new-config",
    ]
    found = positions(text, *order)
    assert found == sorted(found)


def test_the_head_says_what_is_touched_and_in_which_order_it_restarts() -> None:
    head = comment(document(*MIXED)).split("\n### ")[0].splitlines()
    assert head[0] == marker("prod") == "<!-- kafka-platform: prod -->"
    assert head[1] == "## Preview of stack <code>prod</code>: 12 changes"
    assert head[3] == "2 <code>create</code>, 3 <code>delete</code>, 2 <code>replace</code>, 5 <code>update</code>"
    assert head[5] == (
        "- **data**: delete <code>gone</code>, replace <code>kafka-broker-a-0</code>, "
        "replace <code>kafka-tls-cluster-ca-key</code>, update <code>shorter</code>"
    )
    assert head[6] == "- **access**: delete <code>old-acl</code>, create <code>new-acl</code>"
    order = ["kafka-controller-a", "kafka-controller-b", "kafka-broker-a"]
    assert head[7] == f"- **restarts**: {' → '.join(f'<code>{name}</code>' for name in order)}"


def test_an_empty_preview_says_so() -> None:
    text = comment(document(summary={"same": 160}))
    assert text == (
        "<!-- kafka-platform: prod -->\n## Preview of stack <code>prod</code>: 0 changes\n\n"
        "160 <code>same</code>\n\nNothing changes.\n"
    )


def large() -> PreviewDocument:
    """2,000 changes, 400 of them deletes of which half hide among additions."""
    deletes = [change("delete", ACL, f"delete-acl-{number:04}-pyairtable.auth.events") for number in range(200)]
    deletes += [change("delete", TOPIC, f"pyairtable.topic-{number:04}.events") for number in range(200)]
    updates = [
        change(
            "update",
            TOPIC,
            f"changed-{number:04}",
            *((f'config["x{field}"]', "1" * 90, "2" * 90) for field in range(9)),
        )
        for number in range(600)
    ]
    additions = [change("create", ACL, f"new-acl-{number:04}-pyairtable.auth.events") for number in range(1000)]
    return document(*additions, *updates, *deletes)


def test_two_thousand_changes_fit_and_every_delete_is_named() -> None:
    preview = large()
    assert len(preview.changes) == 2000
    text = comment(preview)
    assert 40_000 < len(text) <= len(text.encode()) <= LIMIT
    for each in preview.changes:
        if each.op == "delete":
            assert each.name in text
    body = text[text.index("\n### ") :]
    assert body.index("pyairtable.topic-0199.events") < body.index("delete-acl-0000") < body.index("new-acl-0000")
    assert re.search(r"- [\d,]+ more, left out for their number: [\d,]+ <code>create</code> <code>Acl</code>", text)


def test_what_is_left_out_and_what_is_named_are_all_changes() -> None:
    preview = large()
    text = comment(preview)
    named = sum(each.name in text for each in preview.changes)
    left = sum(int(number.replace(",", "")) for number in re.findall(r"- ([\d,]+) more, left out", text))
    assert named + left == 2000


def test_two_thousand_deleted_topics_are_all_named() -> None:
    names = [f"pyairtable.{number:04}.events" for number in range(2000)]
    text = comment(document(*(change("delete", TOPIC, name) for name in names)))
    assert len(text.encode()) <= LIMIT
    assert all(name in text for name in names)


def test_twenty_thousand_deletes_fit_and_the_topics_are_kept() -> None:
    others = (change("delete", ACL, f"acl-{number}-with-a-long-name") for number in range(20_000))
    text = comment(document(*others, change("delete", TOPIC, "the-only-topic")))
    assert len(text.encode()) <= LIMIT
    assert "the-only-topic" in text
    assert "more, left out for their number" in text


HOSTILE = (
    "<script>alert(1)</script>",
    "--><img src=x onerror=y>",
    "@everyone and @org/team",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example WWW.evil.example",
    "a | b\n# heading\n- item\n```\n~~~",
    "**bold** _it_ `code` ~~s~~ #1 &lt; \\",
    "</code></details>",
    "\u202eright to left\x00\x1b[31m",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_preview_is_markup_or_a_mention(hostile: str) -> None:
    harmless = comment(document(change("update", "t", "n", ("p", "o", "n")), warnings=["w"]))
    text = comment(
        document(change("update", f"a:{hostile}", hostile, (hostile, hostile, {hostile: hostile})), warnings=[hostile])
    )
    markup = re.compile(r"[<>@`*_\[\]()!|\\~\x00\x1b\u202e]|https?:|www\.", re.IGNORECASE)

    def outside(text: str) -> list[str]:
        return markup.findall(text.replace("#", ""))

    assert outside(text) == outside(harmless)
    assert text.count("\n") == harmless.count("\n")


def test_an_at_sign_is_followed_by_a_space_of_no_width_and_in_code() -> None:
    assert code("@team") == "<code>&#64;&#8203;team</code>"
    assert code("a.b-c/d") == "<code>a.b-c/d</code>"


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("kafka:index/userScramCredential:UserScramCredential", "password", "hunter2"),
        (SECRET, 'data["librdkafka.conf"]', "hunter2"),
        (SECRET, "stringData", {"a": "hunter2"}),
        (KEY, "privateKeyPem", "hunter2"),
        ("pulumi:providers:kafka", "saslPassword", "hunter2"),
        (CONFIG, "data.x", "-----BEGIN PRIVATE KEY-----hunter2"),
        (CONFIG, "data.x", {"deep": [{"sasl.jaas.config": "hunter2"}]}),
        (
            CONFIG,
            "data.x",
            {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"},
        ),
        (CONFIG, "data.x", "[secret]"),
    ],
)
def test_a_secret_is_not_shown(kind: str, path: str, value: Any) -> None:
    assert "[secret]" in value_text(kind, path, value)
    text = comment(document(change("update", kind, "name", (path, value, value))))
    assert "[secret]" in text.replace("&#91;", "[").replace("&#93;", "]")
    assert "hunter2" not in text


def test_a_long_value_is_cut() -> None:
    text = comment(document(change("update", CONFIG, "c", ("data.x", "y" * 500, None))))
    assert f"<code>{'y' * 79}…</code> → <code>nothing</code>" in text


COST = CostDifference(
    currency="USD",
    before=1000,
    after=1150.5,
    changes=(
        CostChange(group=Group.STORAGE, name="pool broker", before=500, after=700.5),
        CostChange(group=Group.NODES, name="pool broker", before=100, after=50),
    ),
)


def test_the_cost_difference_is_told() -> None:
    text = comment(document(change("create", TOPIC, "t")), COST)
    assert "- **cost**: 1,000.00 → 1,150.50 USD a month (+150.50)\n" in text
    assert "| <code>block storage&#58; pool broker</code> | 500.00 | 700.50 | +200.50 |\n" in text
    assert "| <code>nodes&#58; pool broker</code> | 100.00 | 50.00 | -50.00 |\n" in text


TEXTS = st.text(max_size=60) | st.sampled_from([TOPIC, ACL, SET, CLAIM, SECRET, *HOSTILE])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
CHANGES = st.builds(
    lambda op, kind, name, diffs: change(op, kind, name, *diffs),
    st.sampled_from(["create", "update", "replace", "delete", "import"]) | st.text(max_size=9),
    TEXTS,
    TEXTS,
    st.lists(st.tuples(TEXTS | st.just('config["retention.ms"]'), VALUES, VALUES), max_size=4),
)


@given(st.lists(CHANGES, max_size=12), st.integers(min_value=1, max_value=40), st.lists(TEXTS, max_size=4))
def test_any_preview_fits_and_is_rendered_the_same_again(
    changes: list[dict[str, Any]], times: int, warnings: list[str]
) -> None:
    preview = document(*(changes * times), warnings=warnings * times)
    text = comment(preview, COST)
    assert len(text.encode(errors="strict")) <= LIMIT
    assert text.startswith("<!-- kafka-platform: prod -->\n## ")
    again = PreviewDocument.model_validate(json.loads(json.dumps(preview.model_dump(mode="json"))))
    assert comment(again, COST) == text


@given(st.permutations([each for each in MIXED if each["type"] != SET]))
def test_the_order_of_what_does_not_restart_changes_nothing(changes: list[dict[str, Any]]) -> None:
    assert comment(document(*changes)) == comment(document(*(each for each in MIXED if each["type"] != SET)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the preview can't be read: "),
        ('{"stack": "prod"}', "the preview can't be read: preview.changes: it is missing"),
        ('{"stack": "dev", "changes": []}', "the preview is of stack 'dev', not 'prod'"),
    ],
)
def test_what_is_no_preview_of_the_stack_is_refused(text: str, says: str) -> None:
    with pytest.raises(Failure) as caught:
        read_preview(text, "prod")
    assert str(caught.value).startswith(says)
    assert str(caught.value).endswith("; make it with: python -m ops preview --stack prod --json")


def run(*arguments: str) -> int:
    options = parser().parse_args(arguments)
    options.root = ROOT
    done: int = options.run(options)
    return done


def test_the_command_reads_a_file_and_prices_the_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLATFORM_OVERLAY", raising=False)
    assert run("cost", "--json") == 0
    before = json.loads(capsys.readouterr().out)
    before["positions"][0]["monthly"] += 100
    before["monthly"] += 100
    estimate, preview = tmp_path / "before.json", tmp_path / "preview.json"
    estimate.write_text(json.dumps(before))
    preview.write_text(document(change("delete", TOPIC, "gone"), stack="dev").model_dump_json())
    assert run("report", "--from", str(preview), "--cost-before", str(estimate)) == 0
    text = capsys.readouterr().out
    assert text.startswith("<!-- kafka-platform: dev -->\n")
    assert "USD a month (-100.00)" in text
    assert "| <code>nodes&#58; pool broker</code> |" in text
    assert run("report", "--from", str(preview), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["stack"], printed["marker"]) == ("dev", marker("dev"))
    assert printed["body"].startswith(printed["marker"])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none\.json can't be read \(No such file or directory\); name a file that"):
        run("report", "--from", str(tmp_path / "none.json"))
