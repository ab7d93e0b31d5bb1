"""How dangerous a change is: what a reviewer looks at first."""

import re
from enum import IntEnum
from typing import Any, Final

from ops.preview import path_parts
from ops.preview_document import Change, Diff, PreviewDocument

DESTRUCTIVE: Final = frozenset({"delete", "replace", "delete-replaced", "create-replacement", "import-replacement"})
"""Operations after which what was there is gone."""
_ADDITIVE: Final = frozenset({"create", "import"})
DATA: Final = frozenset(
    {
        # What a key encrypts is gone with it.
        "aws:kms/key:Key",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "kafka:index/topic:Topic",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "kubernetes:core/v1:Namespace",
        "pulumi-python:dynamic/index:SchemaSubject",
    }
)
"""Types that hold what can't be made again, or keep it."""
GROUND: Final = frozenset({"aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc", "aws:eks/cluster:Cluster"})
"""Types that everything else is on."""
AUTHORITIES: Final = frozenset({"tls:index/privateKey:PrivateKey", "tls:index/selfSignedCert:SelfSignedCert"})
"""Types of authorities' keys and certificates, and of others'."""
_AUTHORITY_NAME: Final = re.compile(r"-ca(-key)?$")
"""Names of authorities and their keys end so, see components/tls_material.py."""
ACCESS: Final = frozenset(
    {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "kafka:index/acl:Acl",
        "kafka:index/quota:Quota",
        "kafka:index/userScramCredential:UserScramCredential",
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
        "tls:index/locallySignedCert:LocallySignedCert",
        "tls:index/privateKey:PrivateKey",
    }
)
"""Types that say who may do what, or prove it."""
WORKLOADS: Final = frozenset({"kubernetes:apps/v1:StatefulSet", "kubernetes:apps/v1:Deployment"})
"""Types that run pods."""
_MACHINES: Final = "aws:eks/nodeGroup:NodeGroup"
_ROLLING: Final = ("launchTemplate", "releaseVersion", "version")
"""Properties of machines that can't change without new ones."""
_RETENTION: Final = ("retention.ms", "retention.bytes", "cleanup.policy")
"""Settings of a topic that say what Kafka deletes."""
_UNLIMITED: Final = -1
"""Kafka's value of a retention without bound."""


class Risk(IntEnum):
    """Kinds of changes, the riskiest first."""

    LOSS = 0
    """Data, or an authority that all certificates hang on, is deleted, made anew, or kept for less than before."""
    ACCESS = 1
    """Who may do what: users, permissions, quotas, secrets, certificates, network policies."""
    REMOVAL = 2
    """Something else is deleted or made anew."""
    RESTART = 3
    """Pods are replaced, in the order of the preview: the engine waits for each set before the next."""
    IN_PLACE = 4
    """Something changes while it runs."""
    ADDITION = 5
    """Something new."""


def holds_data(change: Change) -> bool:
    """Tell whether a resource is data, or an authority's key or certificate."""
    return change.type in DATA | GROUND or (change.type in AUTHORITIES and bool(_AUTHORITY_NAME.search(change.name)))


def is_destructive(change: Change) -> bool:
    """Tell whether what was there is gone afterwards."""
    return change.op in DESTRUCTIVE


def restarts(change: Change) -> bool:
    """Tell whether a change replaces running pods: of the template, of the whole, or of what the preview can't say."""
    if change.type not in WORKLOADS | {_MACHINES} or change.op in _ADDITIVE or change.op == "delete":
        return False
    if is_destructive(change) or not change.diff:
        return True
    if change.type == _MACHINES:
        return any(path_parts(diff.path)[0] in _ROLLING for diff in change.diff)
    return any(path_parts(diff.path)[:2] in (["spec", "template"], ["spec"]) for diff in change.diff)


def shortens_retention(change: Change) -> bool:
    """Tell whether Kafka deletes records that it would have kept."""
    return change.type == "kafka:index/topic:Topic" and any(map(_shortens, change.diff))


def _shortens(diff: Diff) -> bool:
    parts = path_parts(diff.path)
    if parts == ["config"]:
        return any(_shorter(key, _entry(diff.old, key), _entry(diff.new, key)) for key in _RETENTION)
    return len(parts) == 2 and parts[0] == "config" and _shorter(str(parts[1]), diff.old, diff.new)


def _entry(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _shorter(key: str, old: Any, new: Any) -> bool:
    if key == "cleanup.policy":
        return str(old) != str(new)
    return key in _RETENTION and bool(_bound(new) < _bound(old))


def _bound(value: Any) -> float:
    """Return a retention as a number; none, and one that can't be read, are without bound."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        return float("inf")
    return float("inf") if number == _UNLIMITED else number


def risk_of(change: Change) -> Risk:
    """Return the kind of a change."""
    if (holds_data(change) and is_destructive(change)) or shortens_retention(change):
        return Risk.LOSS
    if change.type in ACCESS:
        return Risk.ACCESS
    if is_destructive(change):
        return Risk.REMOVAL
    if restarts(change):
        return Risk.RESTART
    return Risk.ADDITION if change.op in _ADDITIVE else Risk.IN_PLACE


def ranked(document: PreviewDocument) -> list[tuple[Risk, Change]]:
    """Return all changes, the riskiest first.

    Among equals what is lost comes before what changes and what is new; restarts keep the preview's order, which is
    the order they happen in, and everything else is sorted by type and name.
    """
    rows = [(risk_of(change), place, change) for place, change in enumerate(document.changes)]

    def key(row: tuple[Risk, int, Change]) -> tuple[int, int, int, str, str, int]:
        risk, place, change = row
        if risk is Risk.RESTART:
            return risk, 0, place, "", "", place
        return risk, _severity(change), 0, change.type, change.name, place

    return [(risk, change) for risk, _, change in sorted(rows, key=key)]


def _severity(change: Change) -> int:
    if change.op == "delete":
        return 0
    if is_destructive(change):
        return 1
    return 3 if change.op in _ADDITIVE else 2
