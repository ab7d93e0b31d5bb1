"""Policy documents of backups, asked about requests by name."""

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from manifests import backup_policy as policies
from manifests.iam import Document
from manifests.unsafe import UnsafeManifest

REGION, AWAY, ACCOUNT = "eu-central-1", "eu-west-1", "111122223333"
BUCKET, COPY, LOGS = (f"arn:aws:s3:::backups{suffix}" for suffix in ("", "-copy", "-logs"))
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/home"
COPY_KEY = f"arn:aws:kms:{AWAY}:{ACCOUNT}:key/away"
OTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SSE, SSE_KEY = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
OBJECT = f"{BUCKET}/kafka/topic/0"
THROUGH_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a policy decides about."""

    action: str
    resource: str = ""
    principal: tuple[str, str] = ("AWS", ROOT)
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys; over TLS 1.3 unless it says otherwise."""


def some(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def like(pattern: str, text: str) -> bool:
    """IAM's wildcards are * and ?; brackets mean themselves."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def holds(operator: str, wanted: Sequence[str], found: str | None) -> bool:
    """One key of a condition; a key that the request doesn't have meets the operators with Not only."""
    if operator == "StringNotEquals":
        return found is None or found not in wanted
    if found is None:
        return False
    match operator:
        case "StringEquals" | "Bool":
            return found in wanted
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(like(pattern, found) for pattern in wanted)
        case "NumericLessThan":
            return any(float(found) < float(limit) for limit in wanted)
        case _:
            raise NotImplementedError(operator)


def applies(statement: Mapping[str, Any], request: Request) -> bool:
    unknown = statement.keys() - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    if unknown:
        raise NotImplementedError(unknown)
    principal = statement.get("Principal", {"AWS": "*"})
    if principal != {"AWS": "*"} and request.principal[1] not in some(principal.get(request.principal[0], ())):
        return False
    if not any(like(pattern.lower(), request.action.lower()) for pattern in some(statement["Action"])):
        return False
    if "Resource" in statement and not any(like(each, request.resource) for each in some(statement["Resource"])):
        return False
    context = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", **request.context}
    return all(
        holds(operator, some(wanted), context.get(key))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def verdict(document: Document, request: Request) -> str:
    """allowed, denied, or "" where the document says nothing; a denial goes before everything else."""
    assert document["Version"] == "2012-10-17"
    effects = {each["Effect"] for each in document["Statement"] if applies(each, request)}
    return "denied" if "Deny" in effects else "allowed" if effects else ""


def put(resource: str = OBJECT, **context: str) -> Request:
    names = {"sse": SSE, "key": SSE_KEY, "secure": "aws:SecureTransport", "tls": "s3:TlsVersion"}
    return Request(
        action="s3:PutObject", resource=resource, context={names[name]: value for name, value in context.items()}
    )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (put(sse="aws:kms", key=KEY), ""),
        (put(), "denied"),
        (put(sse="AES256"), "denied"),
        (put(sse="AES256", key=KEY), "denied"),
        (put(sse="aws:kms"), "denied"),
        (put(sse="aws:kms", key=OTHER_KEY), "denied"),
        (put(sse="aws:kms", key=KEY, secure="false"), "denied"),
        (put(sse="aws:kms", key=KEY, tls="1.1"), "denied"),
        (put(sse="aws:kms", key=KEY, tls="1.2"), ""),
        (Request(action="s3:GetObject", resource=OBJECT), ""),
        (Request(action="s3:GetObject", resource=OBJECT, context={"aws:SecureTransport": "false"}), "denied"),
        (Request(action="s3:ListBucket", resource=BUCKET, context={"aws:SecureTransport": "false"}), "denied"),
        (Request(action="s3:ReplicateObject", resource=OBJECT), ""),
        (put("arn:aws:s3:::others/x"), ""),
    ],
    ids=lambda value: f"{value.action} {dict(value.context)}" if isinstance(value, Request) else value or "silent",
)
def test_a_bucket_of_backups(request_: Request, expected: str) -> None:
    assert verdict(policies.bucket_policy(BUCKET, KEY), request_) == expected


def test_access_logs_are_written_by_log_delivery_for_our_bucket_only() -> None:
    document = policies.log_bucket_policy(LOGS, BUCKET, ACCOUNT)

    def ask(service: str = "logging.s3.amazonaws.com", **context: str) -> str:
        given = {"aws:SourceArn": BUCKET, "aws:SourceAccount": ACCOUNT, **context}
        return verdict(
            document,
            Request(action="s3:PutObject", resource=f"{LOGS}/x", principal=("Service", service), context=given),
        )

    assert ask() == "allowed"
    assert ask(service="delivery.logs.amazonaws.com") == ""
    assert ask(**{"aws:SourceArn": COPY}) == ""
    assert ask(**{"aws:SourceAccount": "999999999999"}) == ""
    assert ask(**{"aws:SecureTransport": "false"}) == "denied"


def assume(subject: str, audience: str = "sts.amazonaws.com", provider: str = PROVIDER) -> str:
    document = policies.service_account_trust(PROVIDER, ISSUER, "kafka", "kafka-backup")
    claims = {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": audience}
    action = "sts:AssumeRoleWithWebIdentity"
    return verdict(document, Request(action=action, principal=("Federated", provider), context=claims))


@pytest.mark.parametrize(
    "subject",
    [
        "system:serviceaccount:kafka:default",
        "system:serviceaccount:kafka:kafka-backup2",
        "system:serviceaccount:other:kafka-backup",
        "system:serviceaccount:*:kafka-backup",
        "system:serviceaccount:kafka:*",
        "system:serviceaccount:kafka:Kafka-Backup",
        "*",
    ],
)
def test_no_other_service_account_takes_the_role(subject: str) -> None:
    assert assume("system:serviceaccount:kafka:kafka-backup") == "allowed"
    assert assume(subject) == ""


def test_the_role_is_for_tokens_of_this_cluster_and_for_sts() -> None:
    subject = "system:serviceaccount:kafka:kafka-backup"
    assert assume(subject, audience="kubernetes.default.svc") == ""
    assert assume(subject, provider=PROVIDER.replace("EXAMPLE", "ANOTHER")) == ""
    document = policies.service_account_trust(PROVIDER, ISSUER, "kafka", "kafka-backup")
    assert verdict(document, Request(action="sts:AssumeRole")) == ""
    request = Request(action="sts:AssumeRoleWithWebIdentity", principal=("Federated", PROVIDER))
    assert verdict(document, request) == ""


@pytest.mark.parametrize(
    ("namespace", "account"), [("*", "kafka-backup"), ("kafka", "*"), ("kafka", "kafka-?"), ("", "x"), ("a", "${b}")]
)
def test_a_trust_policy_with_a_pattern_is_refused(namespace: str, account: str) -> None:
    with pytest.raises(UnsafeManifest, match="a policy must name what it means"):
        policies.service_account_trust(PROVIDER, ISSUER, namespace, account)


@pytest.mark.parametrize(
    ("action", "resource", "context", "expected"),
    [
        ("s3:PutObject", OBJECT, {}, "allowed"),
        ("s3:GetObject", OBJECT, {}, "allowed"),
        ("s3:AbortMultipartUpload", OBJECT, {}, "allowed"),
        ("s3:PutObject", f"{BUCKET}/elsewhere/0", {}, ""),
        ("s3:PutObject", f"{BUCKET}/kafka2/0", {}, ""),
        ("s3:DeleteObject", OBJECT, {}, ""),
        ("s3:DeleteObject", f"{BUCKET}/kafka/.probe/x", {}, "allowed"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/kafka/.probe/x", {}, ""),
        ("s3:BypassGovernanceRetention", OBJECT, {}, ""),
        ("s3:PutObjectRetention", OBJECT, {}, ""),
        ("s3:PutBucketPolicy", BUCKET, {}, ""),
        ("s3:PutLifecycleConfiguration", BUCKET, {}, ""),
        ("s3:ListBucket", BUCKET, {"s3:prefix": "kafka/topic"}, "allowed"),
        ("s3:ListBucket", BUCKET, {"s3:prefix": "elsewhere"}, ""),
        ("s3:ListBucket", BUCKET, {}, ""),
        ("kms:GenerateDataKey", KEY, THROUGH_S3, "allowed"),
        ("kms:Decrypt", KEY, THROUGH_S3, "allowed"),
        ("kms:Decrypt", KEY, {}, ""),
        ("kms:Decrypt", OTHER_KEY, THROUGH_S3, ""),
        ("kms:ScheduleKeyDeletion", KEY, THROUGH_S3, ""),
    ],
)
def test_the_role_that_writes_backups(action: str, resource: str, context: dict[str, str], expected: str) -> None:
    document = policies.writer_policy(BUCKET, KEY, REGION, "kafka")
    assert verdict(document, Request(action=action, resource=resource, context=context)) == expected


def test_a_key_is_managed_by_its_account_and_used_through_s3_only() -> None:
    document = policies.key_policy(ACCOUNT, REGION)

    def ask(action: str, context: Mapping[str, str] | None = None, principal: str = ROOT) -> str:
        return verdict(
            document, Request(action=action, resource=KEY, principal=("AWS", principal), context=context or {})
        )

    assert ask("kms:PutKeyPolicy") == "allowed"
    assert ask("kms:Decrypt", THROUGH_S3) == "allowed"
    assert ask("kms:Decrypt") == "denied"
    assert ask("kms:GenerateDataKeyWithoutPlaintext", {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"}) == "denied"
    assert ask("kms:Decrypt", THROUGH_S3, "arn:aws:iam::999999999999:root") == ""


def test_copies_are_made_by_s3_for_our_bucket_only() -> None:
    document = policies.replication_trust(BUCKET, ACCOUNT)

    def ask(service: str = "s3.amazonaws.com", **context: str) -> str:
        given = {"aws:SourceArn": BUCKET, "aws:SourceAccount": ACCOUNT, **context}
        return verdict(document, Request(action="sts:AssumeRole", principal=("Service", service), context=given))

    assert ask() == "allowed"
    assert ask("ec2.amazonaws.com") == ""
    assert ask(**{"aws:SourceArn": COPY}) == ""
    assert ask(**{"aws:SourceAccount": "999999999999"}) == ""


def copying() -> Iterator[tuple[str, str, dict[str, str], str]]:
    here = {**THROUGH_S3, "kms:EncryptionContext:aws:s3:arn": BUCKET}
    there = {"kms:ViaService": f"s3.{AWAY}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": COPY}
    yield "s3:GetReplicationConfiguration", BUCKET, {}, "allowed"
    yield "s3:GetObjectVersionForReplication", OBJECT, {}, "allowed"
    yield "s3:ReplicateObject", f"{COPY}/kafka/topic/0", {}, "allowed"
    yield "s3:ReplicateObject", OBJECT, {}, ""
    yield "s3:ReplicateDelete", f"{COPY}/kafka/topic/0", {}, ""
    yield "s3:PutObject", f"{COPY}/kafka/topic/0", {}, ""
    yield "kms:Decrypt", KEY, here, "allowed"
    yield "kms:Decrypt", KEY, THROUGH_S3, ""
    yield "kms:Decrypt", COPY_KEY, there, ""
    yield "kms:Encrypt", COPY_KEY, there, "allowed"
    yield "kms:Encrypt", COPY_KEY, {**there, "kms:EncryptionContext:aws:s3:arn": BUCKET}, ""
    yield "kms:Encrypt", KEY, here, ""


@pytest.mark.parametrize(("action", "resource", "context", "expected"), list(copying()))
def test_the_role_that_copies_backups(action: str, resource: str, context: dict[str, str], expected: str) -> None:
    document = policies.replication_policy(
        policies.Encrypted(bucket=BUCKET, key=KEY, region=REGION),
        policies.Encrypted(bucket=COPY, key=COPY_KEY, region=AWAY),
    )
    assert verdict(document, Request(action=action, resource=resource, context=context)) == expected


@pytest.mark.parametrize("bucket", ["arn:aws:s3:::*", "arn:aws:s3:::${aws:username}", ""])
def test_no_policy_is_about_a_pattern_of_buckets(bucket: str) -> None:
    makers: list[Callable[[], Document]] = [
        lambda: policies.bucket_policy(bucket, KEY),
        lambda: policies.bucket_policy(BUCKET, bucket),
        lambda: policies.writer_policy(bucket, KEY, REGION, "kafka"),
        lambda: policies.writer_policy(BUCKET, KEY, REGION, bucket),
        lambda: policies.log_bucket_policy(bucket, BUCKET, ACCOUNT),
        lambda: policies.replication_trust(bucket, ACCOUNT),
    ]
    for make in makers:
        with pytest.raises(UnsafeManifest):
            make()


def test_arns_are_of_the_regions_partition() -> None:
    assert policies.bucket_arn("us-gov-west-1", "backups") == "arn:aws-us-gov:s3:::backups"
    assert policies.bucket_arn(REGION, "backups") == BUCKET


def test_the_evaluator_knows_its_limits() -> None:
    statement = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}
    with pytest.raises(NotImplementedError):
        verdict({"Version": "2012-10-17", "Statement": [statement]}, put())
