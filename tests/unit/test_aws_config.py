"""What a stack has at AWS, in a configuration: mistakes, and the exact sentences they are answered with."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.aws import AwsSpec, BalancerController
from config.build import build_platform, merge
from config.errors import ConfigError
from config.instance_types import Architecture, instance_type
from config.platform import PlatformSpec
from cost.prices import load_prices
from tests.unit.test_config_bad_inputs import ROOT

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_aws.yaml").read_text())
DIGEST = "sha256:" + "0" * 64
MADE: Mapping[str, Any] = {
    "cluster": {"name": "kafka-test", "create": {"admin_role_arns": ["arn:aws:iam::444455556666:role/admins"]}},
    "network": {"create": {"cidr": "10.64.0.0/16"}},
}
"""Instead of the cluster and the subnets that staging finds."""


def staging() -> dict[str, Any]:
    """The staging stack's values with the digests that CI sets."""
    document = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    found = {
        key.removeprefix("kafka-platform:"): value
        for key, value in document.items()
        if key.startswith("kafka-platform:")
    }
    digest = {"digest": DIGEST}
    images = {
        "schema_registry": {"image": digest, "proxy": {"image": digest}},
        "connect": {"image": digest},
        "ksqldb": {"image": digest, "cli_image": digest},
        "consoles": {"kafka_ui": {"image": digest}},
    }
    return dict(merge({**found, "image_digest": DIGEST}, images))


def changed(at: str, change: Any, *, made: bool = False) -> dict[str, Any]:
    """Staging with a change at a path of the whole configuration; ``made``: with a cluster that the program makes."""
    values = copy.deepcopy(staging())
    if made:
        values["aws"] |= copy.deepcopy(dict(MADE))
    *parents, last = at.split(".")
    node: Any = values
    for part in parents:
        node = node[int(part)] if part.isdigit() else node[part]
    if isinstance(node, list):
        node[int(last)] = change
    elif change == "REMOVED":
        del node[last]
    else:
        node[last] = change
    return values


def problems(values: Mapping[str, Any]) -> list[str]:
    try:
        build_platform("staging", values)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def platform(at: str = "protect", change: Any = True, *, made: bool = False) -> PlatformSpec:
    return build_platform("staging", changed(at, change, made=made))


def aws_of(found: PlatformSpec) -> AwsSpec:
    assert found.aws is not None
    return found.aws


@pytest.mark.parametrize("made", [False, True])
def test_what_the_table_changes_is_right(made: bool) -> None:
    assert problems(changed("protect", True, made=made)) == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['at']}={str(row['change'])[:50]}")
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    assert problems(changed(row["at"], row["change"], made=row.get("made", False))) == row["says"]


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 60


@pytest.mark.parametrize(
    ("at", "change"),
    [
        ("aws.assume_role_arn", None),
        ("aws.kms_key_arn", "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("aws.storage_class", {"name": "kafka", "iops": 16000, "throughput": 1000}),
        ("aws.storage_class", None),
        ("aws.load_balancers", {"source_ranges": ["10.0.0.0/8"], "controller": "in-tree"}),
        ("aws.node_groups.1.labels", {"example.org/tier": "hot", "plain": ""}),
        ("aws.node_groups.1.taints", [{"key": "tier", "effect": "NoExecute"}, {"key": "tier", "value": "a"}]),
        ("aws.node_groups.2.taints", [{"key": "a"}]),
        ("aws.node_groups.1.desired_per_zone", 2),
        ("aws.node_groups.1.max_per_zone", 1),
    ],
)
def test_what_is_just_right_is_accepted(at: str, change: Any) -> None:
    assert problems(changed(at, change)) == []


def test_another_architecture_is_asked_for_by_name() -> None:
    values = changed("aws.architecture", "amd64")
    for group in values["aws"]["node_groups"]:
        group["instance_type"] = "m7i.xlarge"
    assert problems(values) == []


def test_a_pool_on_its_machines_disks() -> None:
    values = changed("kafka.pools.1.storage.storage_class", "local-nvme")
    values["aws"]["node_groups"][1] |= {"instance_type": "m7gd.large", "instance_store": "nvme"}
    assert problems(values) == []


def test_who_makes_load_balancers_follows_from_who_makes_the_cluster() -> None:
    assert aws_of(platform()).balancer_controller is BalancerController.AWS_LOAD_BALANCER_CONTROLLER
    assert aws_of(platform(made=True)).balancer_controller is BalancerController.IN_TREE
    asked = platform("aws.load_balancers", {"controller": "aws-load-balancer-controller"}, made=True)
    assert aws_of(asked).balancer_controller is BalancerController.AWS_LOAD_BALANCER_CONTROLLER


def test_graviton_is_the_default() -> None:
    values = changed("aws.node_groups.1", {"name": "broker"})
    broker = aws_of(build_platform("staging", values)).group("broker")
    kind = instance_type(broker.instance_type)
    assert kind is not None
    assert kind.architecture is Architecture.ARM64
    with pytest.raises(KeyError):
        aws_of(platform()).group("others")


@pytest.mark.parametrize(
    ("name", "vcpus", "gib", "nvme"),
    [
        ("m7g.medium", 1, 4, False),
        ("c7g.large", 2, 4, False),
        ("r8gd.4xlarge", 16, 128, True),
        ("i4g.xlarge", 4, 32, True),
        ("im4gn.large", 2, 8, True),
        ("m6id.16xlarge", 64, 256, True),
    ],
)
def test_types_say_what_they_are(name: str, vcpus: int, gib: int, nvme: bool) -> None:
    found = instance_type(name)
    assert found is not None
    assert (found.vcpus, found.memory, found.nvme) == (vcpus, gib * 2**30, nvme)
    assert 0 < found.allocatable_memory < found.memory
    assert 0 < found.allocatable_vcpus < found.vcpus


@pytest.mark.parametrize("name", ["t4g.large", "m7i.medium", "i4g.medium", "m7g", "m7g.huge", "p5.48xlarge", ""])
def test_other_types_are_unknown(name: str) -> None:
    assert instance_type(name) is None


def test_types_are_as_large_as_the_table_of_prices_has_them() -> None:
    for prices in load_prices().regions.values():
        for name, price in prices.instances.items():
            found = instance_type(name)
            assert found is not None, name
            assert (found.vcpus, found.memory) == (price.vcpus, price.memory), name
