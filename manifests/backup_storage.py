"""What S3 does with backups by itself: ageing, retention, encryption, copies. As arguments of AWS's provider."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.backup import LifecycleSpec, ObjectLockSpec

_EVERYTHING: Final[Mapping[str, str]] = {"prefix": ""}


def lifecycle_rules(spec: LifecycleSpec) -> Sequence[Mapping[str, Any]]:
    """Return the rules that move and delete backups.

    A version that expires leaves a delete marker, which S3 removes when nothing is behind it any more; that is a rule
    of its own, as one has either days or this: docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """
    steps = [(spec.infrequent_access_days, "STANDARD_IA"), (spec.archive_days, spec.archive_class.value)]
    ageing: dict[str, Any] = {
        "id": "ageing",
        "status": "Enabled",
        "filter": dict(_EVERYTHING),
        "expiration": {"days": spec.expiry_days},
        "noncurrent_version_expiration": {"noncurrent_days": spec.noncurrent_days},
        "abort_incomplete_multipart_upload": {"days_after_initiation": spec.abort_multipart_days},
    }
    if transitions := [{"days": days, "storage_class": name} for days, name in steps if days is not None]:
        ageing["transitions"] = transitions
    return [ageing, _markers()]


def log_lifecycle_rules(days: int) -> Sequence[Mapping[str, Any]]:
    """Return the rules that delete access logs after ``days``."""
    ageing = {
        "id": "ageing",
        "status": "Enabled",
        "filter": dict(_EVERYTHING),
        "expiration": {"days": days},
        "noncurrent_version_expiration": {"noncurrent_days": 1},
    }
    return [ageing, _markers()]


def _markers() -> Mapping[str, Any]:
    return {
        "id": "markers",
        "status": "Enabled",
        "filter": dict(_EVERYTHING),
        "expiration": {"expired_object_delete_marker": True},
    }


def retention(spec: ObjectLockSpec) -> Mapping[str, Any]:
    """Return the rule that retains each new version."""
    return {"default_retention": {"mode": spec.mode.value, "days": spec.days}}


def encryption_rules(key: Any) -> Sequence[Mapping[str, Any]]:
    """Return how objects are encrypted: by the key with this ARN, or by S3's own where it is None.

    A bucket key spares most requests to KMS (docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html).
    """
    if key is None:
        return [{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}]
    default = {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
    return [{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": True}]


def replication_rules(bucket: Any, key: Any) -> Sequence[Mapping[str, Any]]:
    """Return the rule that copies every version to the bucket with this ARN, encrypted by the key with that one.

    Deletions aren't copied: neither a mistake nor an intruder reaches both regions with one.
    """
    return [
        {
            "id": "everything",
            "priority": 1,
            "status": "Enabled",
            "filter": dict(_EVERYTHING),
            "delete_marker_replication": {"status": "Disabled"},
            "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
            "destination": {"bucket": bucket, "encryption_configuration": {"replica_kms_key_id": key}},
        }
    ]
