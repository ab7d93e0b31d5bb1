"""Policy documents around the backups' bucket.

A condition on a key that a request doesn't have is met by the operators with Not in their names, and by no other
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html): so a put that names no
encryption is denied as one that names another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from config.aws_names import partition
from config.literals import BACKUP_PROBE
from manifests.iam import ANYONE, Document, account_statement, document, literal, service_account_statement

_SSE: Final = "s3:x-amz-server-side-encryption"
_SSE_KEY: Final = "s3:x-amz-server-side-encryption-aws-kms-key-id"


def bucket_arn(region: str, bucket: str) -> str:
    """Return a bucket's ARN: it has neither region nor account in it."""
    return f"arn:{partition(region)}:s3:::{literal(bucket)}"


def bucket_policy(bucket: str, key: str) -> Document:
    """Return what everybody is denied at a bucket of backups: plain HTTP, old TLS, and puts ``key`` doesn't encrypt.

    Both are ARNs. A put has to say so itself: ``x-amz-server-side-encryption: aws:kms``, and the key by its ARN.
    """
    puts = {"Effect": "Deny", "Principal": ANYONE, "Action": "s3:PutObject", "Resource": f"{literal(bucket)}/*"}
    return document(
        *_tls_only(bucket),
        {"Sid": "DenyPutsWithoutKms", **puts, "Condition": {"StringNotEquals": {_SSE: "aws:kms"}}},
        {"Sid": "DenyPutsWithAnotherKey", **puts, "Condition": {"StringNotEquals": {_SSE_KEY: literal(key)}}},
    )


def log_bucket_policy(bucket: str, source: str, account: str) -> Document:
    """Return who may write to a bucket of access logs: S3's log delivery for the bucket ``source``, by TLS.

    Both buckets are ARNs. docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    return document(
        *_tls_only(bucket),
        {
            "Sid": "AllowLogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{literal(bucket)}/*",
            "Condition": {
                "ArnLike": {"aws:SourceArn": literal(source)},
                "StringEquals": {"aws:SourceAccount": literal(account)},
            },
        },
    )


def service_account_trust(provider: str, issuer: str, namespace: str, service_account: str) -> Document:
    """Return who may take the role that writes backups: one service account of one cluster.

    ``provider`` is the ARN of IAM's OIDC provider, ``issuer`` its URL without https://. Raises UnsafeManifest for a
    wildcard anywhere. docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
    """
    return document(
        service_account_statement("AllowBackupServiceAccount", provider, issuer, namespace, service_account)
    )


def writer_policy(bucket: str, key: str, region: str, prefix: str) -> Document:
    """Return what the role that writes backups may do in its folder: write and read, and list it.

    It deletes nothing but probes: what is old expires, and whoever takes a pod over must not take the backups along.
    ``bucket`` and ``key`` are ARNs, ``region`` is the bucket's.
    """
    folder = f"{literal(bucket)}/{literal(prefix)}"
    return document(
        {
            "Sid": "AllowObjects",
            "Effect": "Allow",
            "Action": [
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            "Resource": f"{folder}/*",
        },
        {
            "Sid": "AllowDeletingProbes",
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": f"{folder}/{BACKUP_PROBE}/*",
        },
        {
            "Sid": "AllowListing",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        },
        {
            "Sid": "AllowBucketFacts",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            "Resource": bucket,
        },
        {
            "Sid": "AllowKeyThroughS3",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": literal(key),
            "Condition": {"StringEquals": {"kms:ViaService": _s3_service(region)}},
        },
    )


def key_policy(account: str, region: str) -> Document:
    """Return who may use a key of backups: the account's policies decide, and nobody uses it but through S3.

    Without the account's own statement a key can become unmanageable
    (docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
    """
    return document(
        account_statement(account, region),
        {
            "Sid": "DenyUseExceptThroughS3",
            "Effect": "Deny",
            "Principal": ANYONE,
            "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"kms:ViaService": _s3_service(region)}},
        },
    )


def replication_trust(bucket: str, account: str) -> Document:
    """Return who may take the role that copies backups: S3, for this bucket's sake (an ARN) and no other's.

    docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    """
    return document(
        {
            "Sid": "AllowReplication",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": literal(account)},
                "ArnEquals": {"aws:SourceArn": literal(bucket)},
            },
        }
    )


@dataclass(frozen=True, kw_only=True)
class Encrypted:
    """A bucket and the key of what is in it."""

    bucket: str
    """ARN of the bucket."""
    key: str
    """ARN of the key."""
    region: str
    """Region of both."""


def replication_policy(source: Encrypted, target: Encrypted) -> Document:
    """Return what the role that copies backups may do: read here, write there, each with that place's key.

    With bucket keys a key's encryption context is the bucket
    (docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html).
    """
    return document(
        {
            "Sid": "AllowReadingConfiguration",
            "Effect": "Allow",
            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            "Resource": source.bucket,
        },
        {
            "Sid": "AllowReadingVersions",
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{source.bucket}/*",
        },
        {
            "Sid": "AllowWritingCopies",
            "Effect": "Allow",
            "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
            "Resource": f"{target.bucket}/*",
        },
        _key_statement("AllowDecrypting", ["kms:Decrypt"], source),
        _key_statement("AllowEncrypting", ["kms:Encrypt", "kms:GenerateDataKey"], target),
    )


def _key_statement(sid: str, actions: Sequence[str], place: Encrypted) -> Document:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": literal(place.key),
        "Condition": {
            "StringEquals": {
                "kms:ViaService": _s3_service(place.region),
                "kms:EncryptionContext:aws:s3:arn": place.bucket,
            }
        },
    }


def _tls_only(bucket: str) -> tuple[Document, ...]:
    everything = {
        "Effect": "Deny",
        "Principal": ANYONE,
        "Action": "s3:*",
        "Resource": [literal(bucket), f"{bucket}/*"],
    }
    return (
        {"Sid": "DenyPlainHttp", **everything, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "DenyOldTls", **everything, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
    )


def _s3_service(region: str) -> str:
    return f"s3.{literal(region)}.amazonaws.com"
