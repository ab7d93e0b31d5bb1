"""The run-time keys go into a configuration and out again, and nothing else of it changes."""

import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ops.passphrase import fits
from ops.stack_config import RuntimeKeys, find, insert, is_under_key, strip
from tests.e2e.harness import ROOT

KEYS = RuntimeKeys(salt="v1:c2FsdA==:v1:bm9uY2U=:dGV4dA==", master_secret="v1:bm9uY2U=:Y2lwaGVy")

COMMITTED = """# Comments,   odd spacing   and blank lines stay.

config:   # as they are

    kafka-platform:kubernetes:
      zones: [az-a,   az-b]   # three

    kafka-platform:kafka: {version: 4.1.1}
    kafka-platform:text: >-
      folded
      text
"""


def test_insert_adds_exactly_the_keys() -> None:
    text = insert(COMMITTED, KEYS)
    assert find(text) == KEYS
    document = yaml.safe_load(text)
    assert document.pop("encryptionsalt") == KEYS.salt
    assert document["config"].pop("kafka-platform:master_secret") == {"secure": KEYS.master_secret}
    assert document == yaml.safe_load(COMMITTED)


def test_strip_gives_back_every_byte() -> None:
    assert strip(insert(COMMITTED, KEYS)) == COMMITTED
    assert strip(COMMITTED) == COMMITTED


def test_insert_replaces_keys_that_are_there() -> None:
    assert insert(insert(COMMITTED, RuntimeKeys(salt="old", master_secret="old")), KEYS) == insert(COMMITTED, KEYS)


def test_strip_finds_the_keys_where_the_engine_puts_them() -> None:
    written = (
        "config:\n  kafka-platform:a: 1\n  kafka-platform:master_secret:\n    secure: v1:x:y\n"
        "encryptionsalt: v1:s:v1:n:c\n"
    )
    assert find(written) == RuntimeKeys(salt="v1:s:v1:n:c", master_secret="v1:x:y")
    assert strip(written) == "config:\n  kafka-platform:a: 1\n"


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_a_configuration_without_config(text: str) -> None:
    assert find(insert(text, KEYS)) == KEYS


def test_an_empty_configuration_is_empty_again() -> None:
    assert strip(insert("", KEYS)) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("encryptionsalt: v1:s\n", False),
        ("secretsprovider: passphrase\nencryptionsalt: v1:s\n", False),
        ("secretsprovider: default\n", False),
        ("secretsprovider: awskms:///arn:aws:kms:eu-central-1:1:key/2\nencryptedkey: abc\n", True),
    ],
)
def test_which_stacks_have_a_key_and_no_passphrase(text: str, expected: bool) -> None:
    assert is_under_key(text) is expected


def test_a_flow_mapping_is_refused() -> None:
    with pytest.raises(ValueError, match=r"its `config` must be a block mapping, one key per line"):
        insert("config: {a: 1}\n", KEYS)


@pytest.mark.parametrize(("text", "message"), [("a: [", "it is no YAML"), ("- a\n", "it is no YAML mapping")])
def test_what_is_no_mapping_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(text)


comments = st.text(st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029\x85"), max_size=20).map(
    lambda text: f"# {text}"
)
lines = st.lists(st.sampled_from(["  kafka-platform:a: 1", "  b:c:", "    d:   [1,  2]", "", "  # x"]) | comments)


@given(head=st.lists(comments), body=lines, tail=st.lists(comments))
def test_every_configuration_comes_back(head: list[str], body: list[str], tail: list[str]) -> None:
    text = "".join(f"{line}\n" for line in [*head, "config:", "  x:y: 1", *body, *tail])
    assert strip(insert(text, KEYS)) == text


def test_passphrase_of_a_salt_the_engine_made() -> None:
    salt = "v1:4aD9azvyFCA=:v1:YNFulOHlPL5/8THa:gT/XvKfL4bK/ZwBPwja4++6qfDzhBw=="
    assert fits("x", salt)
    assert not fits("y", salt)


def test_a_salt_that_is_damaged_fits_nothing() -> None:
    assert not fits("x", "v1:4aD9azvyFCA=:v1:?:gT/XvKfL4bK/ZwBPwja4++6qfDzhBw==")


def test_a_salt_of_another_format_is_left_to_the_engine() -> None:
    assert fits("x", "v2:something")


def test_no_committed_stack_holds_what_a_run_adds_to_the_dev_stack() -> None:
    """They belong to one checkout's stack: every other checkout would lack the passphrase that opens them."""
    committed = subprocess.run(
        ["git", "show", "HEAD:Pulumi.dev.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert find(committed) == RuntimeKeys()
