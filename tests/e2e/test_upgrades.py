"""The present program, changed in one place each, on the states of the last release: the real engine, no lab."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from manifests.credential import derive_password
from ops.failure import Failure
from ops.markdown import SECRET
from tests.e2e.checkout import copied
from upgrades import store
from upgrades.record import record
from upgrades.recording import parse
from upgrades.rehearsal import rehearse
from upgrades.release import refuse_changes
from upgrades.settings import MASTER_SECRET
from upgrades.stage import staged

pytestmark = [pytest.mark.engine, pytest.mark.recordings]

ROOT = Path(__file__).parents[2]
LAST = store.versions(ROOT)[-1]
TOPIC = "kafka:index/topic:Topic"
SET = "kubernetes:apps/v1:StatefulSet"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
BUCKET = "aws:s3/bucket:Bucket"


@dataclass(frozen=True)
class Checkout:
    """A copy of this checkout that a test may change."""

    root: Path

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace texts that must be there."""
        path = self.root / file
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{file} has no {old!r} any more"
            text = text.replace(old, new)
        path.write_text(text)

    def announce(self, *announcements: Mapping[str, Any]) -> None:
        block = json.dumps(list(announcements), indent=2)
        heading = "## [Unreleased]\n"
        announced = f"{heading}\n### Deletions and replacements\n\n```yaml\n{block}\n```\n"
        self.edit("CHANGELOG.md", (heading, announced))

    def check(self, stack: str = "dev") -> tuple[int, dict[str, Any]]:
        """Run the check as a user does: its exit code, and its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "upgrades", "check", "--stack", stack, "--json"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return done.returncode, found


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(copied(tmp_path / "checkout"))


def lost(found: Mapping[str, Any], kind: str) -> dict[str, tuple[str, Sequence[str]]]:
    """What is lost of a type and not announced: by name, the operation and the properties that force it."""
    rows = [row for row in found["unannounced"] if row["urn"].split("::")[2].rpartition("$")[2] == kind]
    return {row["urn"].rpartition("::")[2]: (row["operation"], row["because"]) for row in rows}


def test_the_present_program_can_update_every_stack_of_the_last_release() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "upgrades", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stacks = ", ".join(store.stacks(ROOT, LAST))
    assert done.stdout.startswith(f"release {LAST} can be updated on {stacks}: nothing is lost")


def test_a_renamed_component_takes_along_what_is_named_after_it(checkout: Checkout) -> None:
    checkout.edit("__main__.py", ('f"{platform.kafka.name}-access"', 'f"{platform.kafka.name}-clients"'))
    code, found = checkout.check()
    assert code == 1
    assert lost(found, "kafka-platform:index:KafkaAccess") == {"kafka-access": ("delete", [])}
    assert lost(found, "pulumi:providers:kafka") == {"kafka-access-kafka": ("delete", [])}
    assert lost(found, TOPIC) == {}


def test_an_alias_keeps_what_is_renamed(checkout: Checkout) -> None:
    renamed = ('f"{name}-namespace",', 'f"{name}-home",')
    checkout.edit("components/kafka_cluster.py", renamed)
    code, found = checkout.check()
    assert code == 1
    assert lost(found, "kubernetes:core/v1:Namespace") == {"kafka-namespace": ("delete", [])}
    options = "                protect=args.protect,\n                # Deleting a namespace"
    alias = '                aliases=[pulumi.Alias(name=f"{name}-namespace")],\n'
    checkout.edit("components/kafka_cluster.py", (options, f"{alias}{options}"))
    code, found = checkout.check()
    assert (code, found["unannounced"], found["refused"]) == (0, [], [])


def test_another_selector_replaces_every_set_and_topics_are_judged_behind_it(checkout: Checkout) -> None:
    """The engine compares no topic while it doesn't know the brokers: that they are renamed as well is seen anyway."""
    checkout.edit("manifests/labels.py", ("POOL_LABEL: node.pool.name,", 'POOL_LABEL: node.pool.name, "tier": "data",'))
    checkout.edit("components/topics.py", ("name=topic.name,", 'name=f"new.{topic.name}",'))
    code, found = checkout.check()
    assert code == 1
    because = ("replace", ["spec.selector.matchLabels.tier"])
    assert lost(found, SET) == {f"kafka-broker-{zone}": because for zone in "abc"}
    assert lost(found, TOPIC)["pyairtable.auth.events"] == ("replace", ["name"])
    assert found["refused"] == []


def test_another_claim_in_a_set_replaces_it_unless_it_is_left_alone(checkout: Checkout) -> None:
    checkout.edit("Pulumi.dev.yaml", ("size: 2Gi", "size: 4Gi"))
    assert checkout.check()[0] == 0
    checkout.edit("components/node_pool.py", ('ignore_changes=["spec.volumeClaimTemplates"],', ""))
    code, found = checkout.check()
    assert code == 1
    because = ("replace", ["spec.volumeClaimTemplates[0].spec.resources.requests.storage"])
    assert lost(found, SET) == {f"kafka-broker-{zone}": because for zone in "abc"}


def test_a_topic_that_leaves_the_catalogue_is_refused_in_the_program_s_own_words(checkout: Checkout) -> None:
    checkout.edit("config/catalogue.yaml", ("pyairtable.system.events", "pyairtable.machine.events"))
    code, found = checkout.check()
    assert code == 1
    (refused,) = found["refused"]
    assert refused.startswith("dev: the preview ended: ")
    assert 'topics["pyairtable.system.events"]: it is no longer in the catalogue' in refused


def test_another_bucket_replaces_it_and_what_is_set_on_it(checkout: Checkout) -> None:
    checkout.edit("Pulumi.staging.yaml", ("pyairtable-kafka-backups-staging", "pyairtable-kafka-backups-other"))
    code, found = checkout.check("staging")
    assert code == 1
    because = ("replace", ["bucket"])
    assert lost(found, BUCKET) == {"backup-s3": because, "backup-s3-logs": because}
    assert lost(found, "aws:s3/bucketVersioning:BucketVersioning")["backup-s3-versioning"] == because


def test_another_zone_deletes_what_was_in_the_former(checkout: Checkout) -> None:
    checkout.edit("Pulumi.dev.yaml", ("az-c", "az-d"))
    code, found = checkout.check()
    assert code == 1
    assert lost(found, SET) == {"kafka-broker-c": ("delete", [])}
    assert lost(found, CLAIM) == {"kafka-broker-c-0": ("delete", [])}


def test_what_changes_in_place_is_no_loss(checkout: Checkout) -> None:
    """Labels of pods, a quota, a retention, another topic."""
    checkout.edit(
        "manifests/labels.py", ("BROKER_LABEL: str(node.is_broker)", '"tier": "x", BROKER_LABEL: str(node.is_broker)')
    )
    fields = "partitions: 3, retention: 7d, compression: lz4, bytes_per_second: 1000, purpose: Audit"
    topic = f"  pyairtable.audit.events: {{{fields}}}\n"
    checkout.edit(
        "config/catalogue.yaml",
        ("topics:\n", f"topics:\n{topic}"),
        ("retention: 7d", "retention: 6d"),
        ("producer_bytes_per_second: 10Mi", "producer_bytes_per_second: 11Mi"),
    )
    assert checkout.check() == (
        0,
        {"release": str(LAST), "stacks": ["dev"], "unannounced": [], "announced": [], "unused": [], "refused": []},
    )


def test_what_is_announced_may_go_and_what_does_not_go_may_not_be_announced(checkout: Checkout) -> None:
    checkout.edit("components/topics.py", ("name=topic.name,", 'name=f"new.{topic.name}",'))
    said = {"type": TOPIC, "stacks": ["dev"], "reason": "a prefix", "operator": "stop every service"}
    events = {**said, "operation": "replace", "name": "pyairtable.*"}
    registry = {**said, "operation": "replace", "name": "_schemas.*"}
    checkout.announce(events, registry)
    code, found = checkout.check()
    assert (code, found["unannounced"], found["unused"]) == (0, [], [])
    assert {row["urn"].rpartition("::")[2] for row in found["announced"]} > {"_schemas.events", "pyairtable.ai.events"}
    checkout.edit("CHANGELOG.md", ("_schemas.*", "_schemas.none"))
    code, found = checkout.check()
    assert code == 1
    assert {row["urn"].rpartition("::")[2].partition(".")[0] for row in found["unannounced"]} == {"_schemas"}
    assert found["unused"] == [
        "dev: nothing comes of what CHANGELOG.md announces under «Deletions and replacements», replace "
        "kafka:index/topic:Topic _schemas.none; remove the announcement, or the stack from it"
    ]


def test_a_recording_holds_no_secret_and_its_own_program_changes_nothing_else() -> None:
    text = record(ROOT, "dev")
    users = [name for name in text.split('"') if name in _users()]
    assert len(users) > 5
    for secret in (MASTER_SECRET, *(derive_password(MASTER_SECRET, user, 1) for user in _users())):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in text
    recorded = parse(text, "dev")
    with staged(ROOT, "dev") as stage:
        rehearsal = rehearse(stage, recorded)
    changed = {step["urn"]: step["op"] for step in rehearsal.steps if step["op"] != "same"}
    assert set(changed.values()) == {"update"}
    assert rehearsal.unjudged == []
    with_secrets = {each.urn for each in recorded if SECRET in json.dumps(each.inputs)}
    assert changed.keys() <= with_secrets


def _users() -> list[str]:
    return ["admin", "ai-service", "airtable-gateway", "analytics-service", "auth-service", "workflow-engine"]


def test_a_working_tree_with_changes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"is no checkout of git"):
        refuse_changes(tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    refuse_changes(tmp_path)
    (tmp_path / "new.py").touch()
    with pytest.raises(Failure, match=r"^the working tree has changes: new\.py; commit or stash them$"):
        refuse_changes(tmp_path)
