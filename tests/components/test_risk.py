"""What a report ranks is what the program registers."""

from ops.preview_document import Change
from ops.risk import ACCESS, AUTHORITIES, DATA, WORKLOADS, Risk, risk_of
from tests.components.test_invariants import program


def test_every_ranked_type_is_registered_in_prod() -> None:
    assert {resource.type for resource in program("prod").all} >= DATA | AUTHORITIES | ACCESS | WORKLOADS


def test_to_delete_what_prod_protects_is_a_loss() -> None:
    protected = [resource for resource in program("prod").all if resource.protect]
    kinds = {resource.type.rpartition(":")[2] for resource in protected}
    assert {"Namespace", "PersistentVolumeClaim", "PrivateKey", "SelfSignedCert", "Topic"} <= kinds
    for resource in protected:
        change = Change(op="delete", type=resource.type, name=resource.name)
        assert risk_of(change) is Risk.LOSS, resource.name
