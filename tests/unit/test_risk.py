"""How dangerous a change is."""

from typing import Any

import pytest

from ops.preview_document import Change
from ops.risk import Risk, ranked, risk_of
from tests.previews import ACL, CLAIM, KEY, MACHINES, QUOTA, SECRET, SET, TEMPLATE, TOPIC, change, document


@pytest.mark.parametrize(
    ("changed", "risk"),
    [
        (change("delete", TOPIC, "t"), Risk.LOSS),
        (change("replace", "kubernetes:core/v1:Namespace", "n"), Risk.LOSS),
        (change("replace", "tls:index/selfSignedCert:SelfSignedCert", "kafka-tls-clients-ca"), Risk.LOSS),
        (change("delete", "pulumi-python:dynamic/index:SchemaSubject", "s"), Risk.LOSS),
        (change("update", TOPIC, "t", ('config["retention.ms"]', "-1", "1000")), Risk.LOSS),
        (change("update", TOPIC, "t", ('config["retention.bytes"]', None, "1000")), Risk.LOSS),
        (change("update", TOPIC, "t", ('config["cleanup.policy"]', "compact", "delete")), Risk.LOSS),
        (change("update", TOPIC, "t", ("config", {"retention.ms": "9"}, {"retention.ms": "8"})), Risk.LOSS),
        (change("update", TOPIC, "t", ('config["retention.ms"]', "1000", "-1")), Risk.IN_PLACE),
        (change("update", TOPIC, "t", ("partitions", 6, 12)), Risk.IN_PLACE),
        (change("create", TOPIC, "t"), Risk.ADDITION),
        (change("replace", KEY, "kafka-tls-broker-a-0-key"), Risk.ACCESS),
        (change("create", ACL, "a"), Risk.ACCESS),
        (change("update", QUOTA, "q"), Risk.ACCESS),
        (change("update", SECRET, "s"), Risk.ACCESS),
        (change("delete", SET, "s"), Risk.REMOVAL),
        (change("update", SET, "s", (TEMPLATE, "1", "2")), Risk.RESTART),
        (change("update", SET, "s", ("spec", {}, {})), Risk.RESTART),
        (change("update", SET, "s"), Risk.RESTART),
        (change("update", MACHINES, "g", ("launchTemplate.version", "1", "2")), Risk.RESTART),
        (change("update", MACHINES, "g", ("scalingConfig.maxSize", 1, 2)), Risk.IN_PLACE),
        (change("update", MACHINES, "g", ('labels["tier"]', "a", "b")), Risk.IN_PLACE),
        (change("delete", MACHINES, "g"), Risk.REMOVAL),
        (change("delete", "aws:kms/key:Key", "k"), Risk.LOSS),
        (change("replace", "aws:ec2/subnet:Subnet", "s"), Risk.LOSS),
        (change("create", "aws:kms/key:Key", "k"), Risk.ADDITION),
        (change("create", "aws:iam/rolePolicy:RolePolicy", "p"), Risk.ACCESS),
        (change("update", SET, "s", ("spec.replicas", 1, 2)), Risk.IN_PLACE),
        (change("update", CLAIM, "c", ("spec.resources", 1, 2)), Risk.IN_PLACE),
        (change("create", SET, "s"), Risk.ADDITION),
    ],
)
def test_the_risk_of_a_change(changed: dict[str, Any], risk: Risk) -> None:
    assert risk_of(Change.model_validate(changed)) is risk


def test_restarts_keep_the_order_of_the_preview() -> None:
    names = ["kafka-controller-a", "kafka-controller-b", "kafka-broker-a", "kafka-broker-b"]
    found = ranked(document(*(change("update", SET, name, (TEMPLATE, "1", "2")) for name in names)))
    assert [each.name for _, each in found] == names
