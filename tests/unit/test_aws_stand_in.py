"""What the stand-in for AWS's plugin decides without a server: checks, changes, names, where it may go."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import EndpointConnectionError

import versions
from lab.aws import schema
from lab.aws.account import Account, check_endpoint, connection_problem
from lab.aws.changes import Kind, changes, covers, observed
from lab.aws.check import UNKNOWN
from lab.aws.errors import Refused
from lab.aws.provider import DEFAULTED, Provider
from lab.aws.settings import decoded, setting_problems
from lab.aws.translate import from_api, input_shape, of_api, to_api
from lab.aws.types import TYPES

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_aws_properties.yaml").read_text())
BUCKET, LIFECYCLE = "aws:s3/bucket:Bucket", "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
TEMPLATE, KEY = "aws:ec2/launchTemplate:LaunchTemplate", "aws:kms/key:Key"


def provider(**settings: Any) -> Provider:
    return Provider(Account({"region": "eu-central-1", **settings}, {}), TYPES)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["says"][0].partition(":")[0])
def test_bad_properties(case: dict[str, Any]) -> None:
    made = provider().check(case["of"], "x", {}, case["properties"], b"seed")
    assert sorted(map(str, made.problems)) == case["says"]


def test_the_schema_is_that_of_the_pinned_provider() -> None:
    assert schema.version() == versions.PULUMI_AWS
    assert schema.tokens() >= TYPES.keys()


@pytest.mark.parametrize("token", TYPES)
def test_every_type_names_properties_that_there_are(token: str) -> None:
    kind = TYPES[token]
    published = schema.published(token)
    assert kind.takes <= published.inputs.shapes.keys()
    assert published.inputs.required <= kind.takes, "what must be given is done"
    assert kind.fixed <= kind.takes
    assert kind.defaults.keys() <= kind.takes
    assert kind.hidden <= published.always
    assert kind.named is None or kind.named in kind.takes


def test_unknown_values_fit_everywhere() -> None:
    rules = [{"id": UNKNOWN, "status": "Enabled", "expiration": {"days": UNKNOWN}}]
    made = provider().check(LIFECYCLE, "x", {}, {"bucket": UNKNOWN, "rules": rules}, b"seed")
    assert made.problems == []
    assert provider().check(LIFECYCLE, "x", {}, {"bucket": "b", "rules": UNKNOWN}, b"seed").problems == []


def test_a_type_that_is_not_done_is_told() -> None:
    with pytest.raises(Refused, match=r"doesn't do aws:s3/bucketNotification:BucketNotification; .*real plugin$"):
        provider().check("aws:s3/bucketNotification:BucketNotification", "x", {}, {}, b"seed")


def test_names_are_made_up_once() -> None:
    first = provider().check(BUCKET, "backups", {}, {}, bytes.fromhex("0123456789"))
    assert first.inputs == {"bucket": "backups-0123456", DEFAULTED: ["bucket"]}
    again = provider().check(BUCKET, "backups", first.inputs, {}, b"another seed")
    assert again.inputs == first.inputs
    named = provider().check(BUCKET, "backups", first.inputs, {"bucket": "b"}, b"seed")
    assert named.inputs == {"bucket": "b"}
    long = provider().check(BUCKET, "b" * 100, {}, {}, b"seed").inputs["bucket"]
    assert len(long) == 63


def test_tags_of_the_provider_are_added_where_there_are_tags() -> None:
    tagging = provider(defaultTags={"tags": {"project": "p", "stack": "dev"}})
    assert tagging.check(BUCKET, "b", {}, {"bucket": "b", "tags": {"stack": "own"}}, b"").inputs["tags"] == {
        "project": "p",
        "stack": "own",
    }
    assert "tags" not in tagging.check(LIFECYCLE, "b", {}, {"bucket": "b"}, b"").inputs


def test_settings_come_as_json() -> None:
    sent = {
        "region": "eu-central-1",
        "allowedAccountIds": '["111122223333"]',
        "defaultTags": '{"tags":{"a":"b"}}',
        "skipRegionValidation": "true",
        "version": "7.51.1",
    }
    assert decoded(sent) == {
        "region": "eu-central-1",
        "allowedAccountIds": ["111122223333"],
        "defaultTags": {"tags": {"a": "b"}},
        "skipRegionValidation": True,
    }
    assert setting_problems(decoded(sent)) == []
    wrong = decoded({"regon": "x", "assumeRoles": '[{"role_arn":"r"}]', "ignoreTags": '{"keys":["a"]}'})
    assert sorted(map(str, setting_problems(wrong))) == [
        "assumeRoles[0].role_arn: there is no such property; did you mean roleArn?",
        "ignoreTags: a mapping is refused: AWS's provider takes it, its stand-in doesn't do it; "
        "leave it out here, or use the real plugin",
        "regon: there is no such property; did you mean region?",
    ]


class TestChanges:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ({"a": 1}, {"a": 1}, {}),
            ({"a": '{"x": 1}'}, {"a": '{"x":1}'}, {}),
            ({"a": '{"x": 1}'}, {"a": '{"x":2}'}, {("a",): Kind.UPDATE}),
            ({"a": True}, {"a": 1}, {("a",): Kind.UPDATE}),
            ({"a": 1}, {"a": UNKNOWN}, {("a",): Kind.UPDATE}),
            ({}, {"a": {"b": 1}}, {("a",): Kind.ADD}),
            ({"a": [{"b": 1}]}, {"a": [{"b": 2}, {}]}, {("a", 0, "b"): Kind.UPDATE, ("a", 1): Kind.ADD}),
            ({"a": [1, 2]}, {"a": [1]}, {("a", 1): Kind.DELETE}),
            ({"a": None}, {}, {}),
        ],
    )
    def test_places(self, old: dict[str, Any], new: dict[str, Any], expected: dict[Any, Kind]) -> None:
        assert dict(changes(old, new)) == expected

    @pytest.mark.parametrize(
        ("asked", "found", "expected"),
        [
            ({"days": 30}, {"days": 30, "years": 0}, True),
            ({"days": 30}, {"days": 30, "years": 1}, False),
            ({"days": 30}, {"days": 31}, False),
            (["a", "b"], ["b", "a"], True),
            ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}], False),
            ("", None, True),
            ({"prefix": ""}, {}, True),
        ],
    )
    def test_an_answer_may_say_more_but_nothing_else(self, asked: Any, found: Any, expected: bool) -> None:
        assert covers(asked, found) is expected

    def test_what_was_changed_elsewhere_is_seen(self) -> None:
        asked = {"forceDestroy": True, "tags": {"a": "b"}, "policy": '{"a":1}'}
        found = {"tags": {"a": "c", "d": None}, "policy": '{ "a": 1 }'}
        assert observed(asked, found) == {**asked, "tags": {"a": "c"}}

    def test_what_replaces(self) -> None:
        found = provider().diff(KEY, {}, {"description": "a"}, {"description": "b"}, [])
        assert [(each.path, each.replaces) for each in found] == [(("description",), False)]
        (moved,) = provider().diff(BUCKET, {}, {"bucket": "a"}, {"bucket": "b"}, [])
        assert moved.replaces
        assert provider().diff(BUCKET, {}, {"bucket": "a"}, {"bucket": "b"}, ["bucket"]) == []

    def test_what_nobody_asks_for_any_more_stays_where_aws_decides_it(self) -> None:
        assert provider().diff(KEY, {"policy": "{}"}, {"policy": "{}"}, {}, []) == []
        assert provider().diff(BUCKET, {"bucket": "b"}, {}, {"bucket": "b"}, []) == []
        (gone,) = provider().diff(KEY, {}, {"tags": {"a": "b"}}, {}, [])
        assert gone.kind is Kind.DELETE

    def test_a_named_one_goes_before_it_comes_anew(self) -> None:
        given, made_up = {"bucket": "b"}, {"bucket": "b-1", DEFAULTED: ["bucket"]}
        assert provider().replaced_first(BUCKET, given, given)
        assert not provider().replaced_first(BUCKET, {"bucket": "a"}, given)
        assert not provider().replaced_first(BUCKET, made_up, made_up)
        assert not provider().replaced_first("aws:ec2/subnet:Subnet", {"vpcId": "a"}, {"vpcId": "b"})


class TestPreview:
    def test_what_aws_decides_is_unknown(self) -> None:
        found = provider().foreseen(KEY, {"description": "d", "tags": {"a": "b"}})
        assert {name for name, value in found.items() if value == UNKNOWN} == {
            *("arn", "keyId", "policy", "multiRegion", "rotationPeriodInDays")
        }
        assert (found["description"], found["tagsAll"], found["region"]) == ("d", {"a": "b"}, "eu-central-1")

    def test_an_update_keeps_what_it_can_not_move(self) -> None:
        known = {"arn": "a", "latestVersion": 1, "defaultVersion": 1, "userData": "x", "region": "r", "tagsAll": {}}
        old = {"userData": "x"}

        def changed(**new: Any) -> dict[str, Any]:
            found = provider().foreseen(TEMPLATE, {**old, **new}, known, old)
            return {key: value for key, value in found.items() if value != known.get(key)}

        assert changed(tags={"a": "b"}) == {"tags": {"a": "b"}, "tagsAll": {"a": "b"}}
        assert changed(userData="y") == {"userData": "y", "latestVersion": UNKNOWN}
        moved = {"latestVersion": UNKNOWN, "defaultVersion": UNKNOWN, "updateDefaultVersion": True}
        assert changed(userData="y", updateDefaultVersion=True) == {"userData": "y", **moved}


class TestTranslation:
    def shape(self, service: str, operation: str, member: str) -> Any:
        with closing(boto3.client(service, region_name="eu-central-1")) as client:
            return input_shape(client, operation).members[member]

    def test_names_differ_in_capitals_and_in_number(self) -> None:
        shape = self.shape("s3", "put_bucket_replication", "ReplicationConfiguration")
        given = {
            "role": "r",
            "rules": [{"id": "a", "destination": {"encryptionConfiguration": {"replicaKmsKeyId": "k"}}}],
        }
        made = {
            "Role": "r",
            "Rules": [{"ID": "a", "Destination": {"EncryptionConfiguration": {"ReplicaKmsKeyID": "k"}}}],
        }
        assert to_api(given, shape) == made
        fields = schema.published("aws:s3/bucketReplicationConfig:BucketReplicationConfig").inputs
        assert of_api(made, fields) == given

    def test_one_where_the_api_has_a_list(self) -> None:
        shape = self.shape("s3", "put_bucket_ownership_controls", "OwnershipControls")
        assert to_api({"rule": {"objectOwnership": "x"}}, shape) == {"Rules": [{"ObjectOwnership": "x"}]}
        fields = schema.published("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
        assert of_api({"Rules": [{"ObjectOwnership": "x"}]}, fields) == {"rule": {"objectOwnership": "x"}}

    def test_tags_and_texts_that_are_truth_values(self) -> None:
        shape = self.shape("ec2", "create_launch_template", "LaunchTemplateData")
        given = {
            "blockDeviceMappings": [{"ebs": {"encrypted": "true", "volumeSize": 20}}],
            "tagSpecifications": [{"resourceType": "instance", "tags": {"a": "b"}}],
        }
        made = to_api(given, shape)
        assert made == {
            "BlockDeviceMappings": [{"Ebs": {"Encrypted": True, "VolumeSize": 20}}],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        }
        fields = schema.published(TEMPLATE).inputs
        assert {name: from_api(made[name[0].upper() + name[1:]], fields.shapes[name]) for name in given} == given

    def test_what_the_api_lacks_is_never_left_out(self) -> None:
        shape = self.shape("s3", "put_bucket_ownership_controls", "OwnershipControls")
        with pytest.raises(Refused, match=r"^rule\.owner: OwnershipControlsRule has no such member; "):
            to_api({"rule": {"owner": "x"}}, shape)


class TestWhereItGoes:
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:5000", "http://localhost:1", "https://[::1]:2", "http://10.1.2.3"]
    )
    def test_near(self, url: str) -> None:
        assert check_endpoint(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "https://s3.eu-central-1.amazonaws.com",
            "http://3.120.0.1",
            "http://169.254.169.254",
            "http://0.0.0.0:5000",
            "ftp://127.0.0.1",
            "http://localhost.example.org",
            "http://127.0.0.1@s3.amazonaws.com",
        ],
    )
    def test_elsewhere(self, url: str) -> None:
        with pytest.raises(Refused, match=rf"^AWS_ENDPOINT_URL is {re.escape(url)}: .* never reaches a real account"):
            check_endpoint(url)

    def test_nowhere(self) -> None:
        with pytest.raises(Refused, match=r"works only against a server near by: set AWS_ENDPOINT_URL"):
            Account({"region": "eu-central-1"}, {}).place().client("s3")

    def test_no_region(self) -> None:
        with pytest.raises(Refused, match=r"^no region is named: set the provider's region, or AWS_REGION$"):
            Account({}, {}).place()

    def test_a_server_that_is_away_is_one_sentence_for_all(self) -> None:
        here = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        first, second = (EndpointConnectionError(endpoint_url=f"http://127.0.0.1:9/{name}") for name in "ab")
        assert connection_problem(first, here) == connection_problem(second, here)
        assert connection_problem(first, here) == (
            "the server of AWS's API at http://127.0.0.1:9 doesn't answer; start it, or correct AWS_ENDPOINT_URL"
        )
