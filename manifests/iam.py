"""Pieces of policy documents, in the grammar of IAM (version 2012-10-17)."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from config.aws_names import partition
from manifests.unsafe import UnsafeManifest

Document = Mapping[str, Any]
"""A policy document, or a statement of one, ready for JSON."""

ANYONE: Final[Mapping[str, str]] = {"AWS": "*"}
"""The same as "*", in the shape that other principals have
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html)."""
_VERSION: Final = "2012-10-17"
_LITERAL: Final = re.compile(r"[\w:/.@+=,-]+", re.ASCII)


def document(*statements: Document) -> Document:
    """Return a policy of these statements."""
    return {"Version": _VERSION, "Statement": list(statements)}


def document_json(policy: Document) -> str:
    """Return a policy as AWS takes it."""
    return json.dumps(policy)


def literal(text: str) -> str:
    """Return a text that means itself; raises UnsafeManifest for one with a wildcard, a variable, or nothing in it."""
    if not _LITERAL.fullmatch(text):
        raise UnsafeManifest(f"a policy must name what it means, and {text!r} is a pattern or empty")
    return text


def account_statement(account: str, region: str) -> Document:
    """Return the statement of a key's policy by which the account's own policies decide.

    Without it a key can become unmanageable (docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
    """
    return {
        "Sid": "AllowAccount",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition(region)}:iam::{literal(account)}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def service_account_statement(sid: str, provider: str, issuer: str, namespace: str, service_account: str) -> Document:
    """Return the statement of a role's trust for one service account of one cluster.

    ``provider`` is the ARN of IAM's OIDC provider, ``issuer`` its URL without https://. Raises UnsafeManifest for a
    wildcard anywhere. docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    subject = f"system:serviceaccount:{literal(namespace)}:{literal(service_account)}"
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Federated": literal(provider)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        # StringEquals, never StringLike: a pattern could let in what is created later.
        "Condition": {
            "StringEquals": {f"{literal(issuer)}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject},
        },
    }


def service_statement(sid: str, service: str) -> Document:
    """Return the statement of a role's trust for a service of AWS, like ``ec2.amazonaws.com``."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": literal(service)},
        "Action": "sts:AssumeRole",
    }
