"""Releases and upgrades without an engine: what is recorded, what is lost, what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from semver import VersionInfo

from config.errors import ConfigError
from config.literals import PULUMI_SECRET
from manifests.credential import derive_password
from ops.failure import Failure, UsageFailure
from tests.unit.test_upgrades_changelog import GOOD
from upgrades import store
from upgrades.announcement import Announcement
from upgrades.changelog import Changelog, parse
from upgrades.check import check, unjudged, weigh
from upgrades.foreseen import completed
from upgrades.judgement import Loss, Operation, losses
from upgrades.record import named
from upgrades.recording import UNKNOWN, Recorded, RecordingError, render, resource
from upgrades.recording import parse as read
from upgrades.rehearsal import Rehearsal
from upgrades.release import refuse, release
from upgrades.settings import MASTER_SECRET, MadeUp, committed, made_up
from upgrades.state import export

ROOT = Path(__file__).parents[2]
PLACE = "urn:pulumi:dev::kafka-platform::"
TOPIC = "kafka:index/topic:Topic"
FIRST = VersionInfo(0, 1, 0)


def urn(kind: str, name: str) -> str:
    return f"{PLACE}kafka-platform:index:Topics${kind}::{name}"


def made(kind: str, name: str, inputs: dict[str, Any], **more: Any) -> Recorded:
    outputs = more.pop("outputs", {})
    return resource({"urn": urn(kind, name), "custom": True, "inputs": inputs, **more}, outputs)


def step(op: str, name: str, kind: str = TOPIC, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": urn(kind, name), **more}


def announced(**changes: Any) -> Announcement:
    said = {
        "operation": "replace",
        "type": TOPIC,
        "name": "pyairtable.*",
        "stacks": ["dev"],
        "reason": "a prefix",
        "operator": "nothing",
    }
    return Announcement.model_validate({**said, **changes})


def loss(name: str = "pyairtable.auth.events", stack: str = "dev", operation: Operation = Operation.REPLACE) -> Loss:
    return Loss(stack=stack, urn=urn(TOPIC, name), operation=operation, because=("name",))


# What is recorded.


def test_released_recordings_hold_no_secret_and_nothing_of_a_machine() -> None:
    files = sorted((ROOT / store.FOLDER).glob("*/*.json"))
    assert {file.stem for file in files} >= {"dev", "staging", "prod"}
    users = ["admin", "auth-service", "schema-registry", "connect", "ksqldb", "kafka-ui"]
    forbidden = [
        MASTER_SECRET,
        "PRIVATE KEY",
        UNKNOWN,
        str(Path.home()),
        *(derive_password(MASTER_SECRET, user, 1) for user in users),
    ]
    for file in files:
        text = file.read_text()
        assert [found for found in forbidden if found in text] == [], file
        assert text == render(file.stem, read(text, file.name)), "the bytes follow from what is in it"


def test_a_secret_is_recorded_as_that_alone() -> None:
    secret = {PULUMI_SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"canary"'}
    one = made(TOPIC, "a", {"password": secret, "list": [secret]}, outputs={"token": {"deep": secret}})
    text = render("dev", [one])
    assert "canary" not in text
    assert read(text, "dev.json")[0].inputs == {"password": "[secret]", "list": ["[secret]"]}


def test_resources_stand_after_what_they_need_and_their_order_is_always_the_same() -> None:
    provider = resource({"urn": f"{PLACE}pulumi:providers:kafka::z", "custom": True}, {})
    first = made(TOPIC, "b", {}, provider=f"{provider.urn}::{UNKNOWN}")
    second = made(TOPIC, "a", {"of": "b"}, propertyDependencies={"of": [first.urn], "none": []})
    texts = {render("dev", order) for order in ([second, first, provider], [provider, second, first])}
    (text,) = texts
    assert [each.name for each in read(text, "dev.json")] == ["z", "b", "a"]
    assert first.fields["provider"] == f"{provider.urn}::z"
    assert second.fields["propertyDependencies"] == {"of": [first.urn]}


def test_outputs_are_the_same_after_reading() -> None:
    one = made(TOPIC, "a", {"name": "a", "silent": 1}, outputs={"name": "other", "more": [1, {"x": None}]})
    (again,) = read(render("dev", [one]), "dev.json")
    assert again.outputs == one.outputs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", r"^dev\.json is no recording \(Expecting value.*; put it back as it was released$"),
        ("{}", r"^dev\.json is no recording \('format'\); put it back"),
        ('{"format":2}', r"^dev\.json has format 2, not 1; use the release's own program$"),
    ],
)
def test_a_file_that_is_no_recording_is_told(text: str, says: str) -> None:
    with pytest.raises(RecordingError, match=says):
        read(text, "dev.json")


def test_names_that_the_engine_makes_up_are_always_the_same() -> None:
    role = made(
        "aws:iam/role:Role", "role", {"name": "nodes-1a2b3c4", "__defaults": ["name"], "path": "nodes-1a2b3c4/"}
    )
    kept = made("aws:iam/role:Role", "own", {"name": "own-1a2b3c4", "__defaults": []})
    assert [each.inputs["name"] for each in named([role, kept])] == ["nodes-0000000", "own-1a2b3c4"]
    assert named([role])[0].inputs["path"] == "nodes-0000000/"


def test_what_only_making_it_tells_has_a_text_of_its_own_and_certificates_never_end() -> None:
    leaf = made(
        "tls:index/locallySignedCert:LocallySignedCert",
        "leaf",
        {"caCertPem": "ca"},
        outputs={"certPem": UNKNOWN, "validityEndTime": UNKNOWN, "id": UNKNOWN, "deep": {"list": [UNKNOWN]}},
    )
    assert completed(leaf).outputs == {
        "caCertPem": "ca",
        "certPem": "leaf.certPem",
        "deep": {"list": ["leaf.deep.list.0"]},
        "maxPathLength": -1,
        "validityStartTime": "2026-01-01T00:00:00Z",
        "validityEndTime": "9999-12-31T23:59:59Z",
    }


def test_a_state_is_unprotected_and_its_secrets_are_marked() -> None:
    one = made("kubernetes:core/v1:Secret", "s", {"data": "[secret]"}, protect=True)
    (entry,) = export([completed(one)], "salt")["deployment"]["resources"]
    assert "protect" not in entry
    assert entry["inputs"]["data"][PULUMI_SECRET] == "1b47061264138c4ac30d75fd1eb44270"
    assert entry["outputs"]["__inputs"] == {"data": entry["inputs"]["data"]}


# With which configuration.


def test_a_stack_is_recorded_without_its_own_secrets() -> None:
    text = """encryptionsalt: v1:abc
config:
  kafka-platform:protect: true
  kafka-platform:master_secret: {secure: canary}
  kafka-platform:connect_secrets: {database: {secure: canary}}
"""
    assert committed(text) == "config:\n  kafka-platform:protect: true\n"


def test_what_is_not_committed_is_made_up_and_always_the_same() -> None:
    text = committed((ROOT / "Pulumi.prod.yaml").read_text())
    found = made_up("prod", text)
    assert found == made_up("prod", text)
    assert re.fullmatch(r"sha256:0{64}", found.overlay["image_digest"])
    assert found.overlay["ksqldb"].keys() == {"image", "cli_image"}
    assert made_up("dev", committed((ROOT / "Pulumi.dev.yaml").read_text())) == MadeUp({}, {})


def test_connectors_get_the_secrets_that_they_name() -> None:
    values = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    (lake,) = values["config"]["kafka-platform:connect"]["connectors"]
    lake["secrets"] = {"iceberg.catalog.token": "lake-token"}
    assert made_up("prod", committed(yaml.safe_dump(values))).connect_secrets == {
        "lake-token": "lake-token, no stack's own"
    }


def test_a_configuration_that_can_t_be_used_is_refused() -> None:
    text = committed((ROOT / "Pulumi.dev.yaml").read_text()).replace("heap: 400Mi", "heep: 400Mi")
    with pytest.raises(ConfigError, match=r"kafka\.pools\[0\]\.jvm\.heep: there is no such key; did you mean heap\?"):
        made_up("dev", text)


# What is lost.


def test_every_step_that_takes_something_away_is_a_loss_once() -> None:
    diff = {"config": {"kind": "update"}, "name": {"kind": "update-replace"}, "extra": {"kind": "add-replace"}}
    steps = [
        step("same", "kept"),
        step("update", "changed", detailedDiff={"config": {"kind": "update"}}),
        step("create", "made"),
        step("create-replacement", "new", detailedDiff=diff),
        step("replace", "new", detailedDiff=diff),
        step("delete-replaced", "new"),
        step("replace", "coarse", replaceReasons=["name"], detailedDiff=None),
        step("delete", "mode"),
        step("delete", "other", "kafka:index/acl:Acl"),
    ]
    assert [(each.name, each.operation.value, each.because, each.became) for each in losses("dev", steps)] == [
        ("other", "delete", (), ""),
        ("coarse", "replace", ("name",), ""),
        ("mode", "delete", (), "made"),
        ("new", "replace", ("extra", "name"), ""),
    ]


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (
            loss(),
            f"dev: {TOPIC} pyairtable.auth.events is replaced because of name; leave that as it was released, or "
            f"announce it in CHANGELOG.md ({urn(TOPIC, 'pyairtable.auth.events')})",
        ),
        (
            Loss(stack="prod", urn=urn(TOPIC, "a"), operation=Operation.DELETE, because=(), became="b"),
            f"prod: {TOPIC} a is deleted: the program registers nothing under its URN; if it is now b, give that an "
            f"alias, else register it again or announce it in CHANGELOG.md ({urn(TOPIC, 'a')})",
        ),
        (
            Loss(stack="prod", urn=urn(TOPIC, "a"), operation=Operation.DELETE, because=()),
            f"prod: {TOPIC} a is deleted: the program registers nothing under its URN; register it again or announce "
            f"it in CHANGELOG.md ({urn(TOPIC, 'a')})",
        ),
    ],
)
def test_a_loss_is_told_with_its_reason_and_remedy(lost: Loss, says: str) -> None:
    assert str(lost) == says


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, True),
        ({"name": "pyairtable.auth.events"}, True),
        ({"name": "pyairtable.ai.*"}, False),
        ({"operation": "delete"}, False),
        ({"type": "kafka:index/acl:Acl"}, False),
        ({"stacks": ["staging", "prod"]}, False),
    ],
)
def test_an_announcement_covers_what_it_says_and_nothing_else(changes: dict[str, Any], covers: bool) -> None:
    assert announced(**changes).covers(loss()) is covers


def test_an_announcement_is_used_on_each_of_its_stacks_that_is_judged() -> None:
    both = announced(stacks=["dev", "prod"])
    verdict = weigh("0.1.0", ["dev", "prod"], ["dev", "prod"], [loss()], [both])
    assert (verdict.good, verdict.announced, verdict.unannounced) == (False, (loss(),), ())
    assert [text.partition(";")[0] for text in verdict.unused] == [
        "prod: nothing comes of what CHANGELOG.md announces under «Deletions and replacements», replace "
        f"{TOPIC} pyairtable.*"
    ]
    assert weigh("0.1.0", ["dev"], ["dev"], [loss()], [both]).good
    assert not weigh("0.1.0", ["dev"], ["dev"], [loss()], []).good
    assert not weigh("0.1.0", ["dev"], ["dev"], [], [], [unjudged("dev", [urn(TOPIC, "a")])]).good


# What is refused.


@pytest.mark.parametrize(
    ("version", "released", "project", "says"),
    [
        ("0.2.0", ["0.1.0", "0.2.0"], "0.2.0", "release 0.2.0 exists; a release is never made again: choose the next"),
        ("0.2.0", ["0.1.0", "0.3.0"], "0.2.0", "0.2.0 is older than release 0.3.0; choose a newer version"),
        ("0.2.0", ["0.1.0"], "0.1.0", "pyproject.toml says version 0.1.0, not 0.2.0; correct one of them and commit"),
        ("0.3.0", ["0.1.0"], "0.3.0", "CHANGELOG.md has no section for 0.3.0; give «Unreleased» its version and day"),
        ("0.2.0", ["0.1.0"], "0.2.0", "CHANGELOG.md has entries that aren't released; move them to 0.2.0"),
    ],
)
def test_a_version_that_can_t_be_the_next_is_refused(
    version: str, released: list[str], project: str, says: str
) -> None:
    with pytest.raises(Failure) as caught:
        refuse(VersionInfo.parse(version), [VersionInfo.parse(each) for each in released], parse(GOOD), project)
    assert str(caught.value).startswith(says)


def test_the_next_version_is_not_refused() -> None:
    text = GOOD.replace("## [Unreleased]", "## [Unreleased]\n\n## [0.3.0] - 2026-12-24")
    refuse(VersionInfo(0, 3, 0), [FIRST, VersionInfo(0, 2, 0)], parse(text), "0.3.0")


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "1.2.3-rc.1", "1.2.3+x", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match=r" is no version; a release has three numbers: 1\.2\.3$"):
        release(ROOT, text)


def test_recordings_are_written_all_or_none(tmp_path: Path) -> None:
    assert store.versions(tmp_path) == []
    files = store.write(tmp_path, FIRST, {"prod": "2", "dev": "1"})
    assert [(file.name, file.read_text()) for file in files] == [("dev.json", "1"), ("prod.json", "2")]
    assert (store.versions(tmp_path), store.stacks(tmp_path, FIRST)) == ([FIRST], ["dev", "prod"])
    with pytest.raises(FileExistsError):
        store.write(tmp_path, FIRST, {"dev": "3"})
    assert (tmp_path / "releases" / "0.1.0" / "dev.json").read_text() == "1"
    with pytest.raises(Failure, match=r"^there is no releases/0\.1\.0/qa\.json; release 0\.1\.0 has: dev, prod$"):
        store.read(tmp_path, FIRST, "qa")
    (tmp_path / "releases" / "next").mkdir()
    with pytest.raises(Failure, match=r"^releases/next is no version; move it elsewhere$"):
        store.versions(tmp_path)


@pytest.mark.parametrize(
    ("changelog", "release", "stacks", "says"),
    [
        (None, "0.1.0", [], "there is no CHANGELOG.md; write it, docs/upgrades.md shows its form"),
        (GOOD, None, [], "nothing was released yet; make the first release: make release VERSION=0.1.0"),
        (GOOD, "0.3.0", [], "releases/0.3.0 has no section in CHANGELOG.md; add '## [0.3.0] - ' and its day"),
        (GOOD, "0.2.0", ["qa"], "release 0.2.0 has no stack qa; it has: dev"),
    ],
)
def test_what_can_t_be_judged_is_told(
    tmp_path: Path, changelog: str | None, release: str | None, stacks: list[str], says: str
) -> None:
    if changelog is not None:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
    if release is not None:
        store.write(tmp_path, VersionInfo.parse(release), {"dev": json.dumps({"format": 1, "resources": []})})
    with pytest.raises(Failure) as caught:
        check(tmp_path, stacks)
    assert str(caught.value) == says


def test_an_announcement_for_a_stack_that_was_not_released_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(GOOD.replace("stacks: [staging, prod]", "stacks: [produ]"))
    store.write(tmp_path, VersionInfo(0, 2, 0), {"dev": json.dumps({"format": 1, "resources": []})})
    monkeypatch.setattr("upgrades.check.upgraded", lambda *_: Rehearsal([], []))
    verdict = check(tmp_path)
    assert verdict.problems == [
        "produ: CHANGELOG.md announces something there, and release 0.2.0 has no such stack; use dev"
    ]


def test_every_release_has_its_section() -> None:
    changelog: Changelog = parse((ROOT / "CHANGELOG.md").read_text())
    assert [version for version in store.versions(ROOT) if changelog.release(version) is None] == []
