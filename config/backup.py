"""Where backups go: an S3 bucket of our own, any S3-compatible store, or a directory."""

from collections.abc import Mapping
from enum import StrEnum

from config.base import Spec


class BackupKind(StrEnum):
    """What keeps the backups."""

    S3 = "s3"
    """A bucket at AWS, made and guarded by the platform."""
    ENDPOINT = "endpoint"
    """A bucket that is there, at any store with S3's API: nothing is made."""
    DIRECTORY = "directory"
    """A directory of the machine that backs up: nothing is made."""


class LockMode(StrEnum):
    """Who may delete what Object Lock retains (docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)."""

    GOVERNANCE = "GOVERNANCE"
    """Whoever has s3:BypassGovernanceRetention."""
    COMPLIANCE = "COMPLIANCE"
    """Nobody, the account's root user included."""


class ArchiveClass(StrEnum):
    """Storage classes for what is hardly ever read."""

    GLACIER_IR = "GLACIER_IR"
    """Read at once."""
    GLACIER = "GLACIER"
    """Read after minutes to hours."""
    DEEP_ARCHIVE = "DEEP_ARCHIVE"
    """Read after up to two days."""


class LifecycleSpec(Spec):
    """What becomes of a backup as it ages; all in days since it was written."""

    infrequent_access_days: int | None = 30
    """When it goes to STANDARD_IA; None: never."""
    archive_days: int | None = 90
    """When it goes to the archive; None: never."""
    archive_class: ArchiveClass = ArchiveClass.GLACIER
    expiry_days: int = 365
    """When it is deleted."""
    noncurrent_days: int = 30
    """How long an overwritten or deleted version can still be had, in days since then."""
    abort_multipart_days: int = 7
    """When the parts of an upload that never ended are removed."""


class ObjectLockSpec(Spec):
    """Nobody deletes a version before its time. Set when the bucket is made, never removed."""

    mode: LockMode = LockMode.GOVERNANCE
    days: int
    """Days for which each new version is retained."""


class AccessLogSpec(Spec):
    """Where S3 writes who accessed the bucket."""

    bucket: str | None = None
    """A bucket of the same account and region that lets S3's log delivery write; None: one of our own."""
    expiry_days: int = 90
    """Days until logs in a bucket of our own are deleted."""


class ReplicaSpec(Spec):
    """A second bucket in another region that every backup is copied to, with a key of its own."""

    bucket: str
    """Name of the second bucket."""
    region: str
    """Region of the second bucket."""
    assume_role_arn: str | None = None
    """Role to take for what is made there; None: that of the first."""


class S3BackupSpec(Spec):
    """A bucket at AWS, its key, and the one role that writes backups."""

    bucket: str
    """Name of the bucket, unique in all of AWS."""
    region: str
    """Region of the bucket."""
    account: str
    """Twelve digits of the account; credentials of another are refused before anything is made."""
    assume_role_arn: str | None = None
    """Role to take for what is made; None: the environment's credentials as they are."""
    tags: Mapping[str, str] = {}
    """Further tags of everything that can have some."""
    oidc_provider_arn: str | None = None
    """IAM's OIDC provider of the Kubernetes cluster, arn:aws:iam::ACCOUNT:oidc-provider/ISSUER; None: that of
    ``aws.cluster``."""
    service_account: str = "kafka-backup"
    """The one service account, in the platform's namespace, that may take the role."""
    lifecycle: LifecycleSpec = LifecycleSpec()
    object_lock: ObjectLockSpec | None = None
    """None: versions can be deleted."""
    replica: ReplicaSpec | None = None
    """None: no copy in another region."""
    access_log: AccessLogSpec = AccessLogSpec()

    @property
    def log_bucket(self) -> str:
        """Name of the bucket that has the access logs."""
        return self.access_log.bucket or f"{self.bucket}-logs"


class EndpointSpec(Spec):
    """A bucket at a store with S3's API. Credentials are the environment's: AWS_ACCESS_KEY_ID and so on."""

    url: str
    """The store: https://host or https://host:port"""
    bucket: str
    """Name of a bucket that is there."""
    region: str = "us-east-1"
    """Region that requests are signed for."""
    path_style: bool = True
    """The bucket stands in the path; false: in the host's name."""
    ca_pem: str | None = None
    """Certificate of the authority that signed the store's; None: those the system trusts."""


class DirectorySpec(Spec):
    """A directory that is there."""

    path: str
    """Absolute path."""


class BackupSpec(Spec):
    """Where backups go. Absent: there are none."""

    kind: BackupKind
    """What keeps the backups: s3, endpoint or directory"""
    prefix: str = "kafka"
    """Folder that all of this stack's backups are in."""
    s3: S3BackupSpec | None = None
    """For s3."""
    endpoint: EndpointSpec | None = None
    """For endpoint."""
    directory: DirectorySpec | None = None
    """For directory."""

    @property
    def location(self) -> str:
        """The folder as one URL."""
        if self.s3 is not None:
            return f"s3://{self.s3.bucket}/{self.prefix}"
        if self.endpoint is not None:
            return f"{self.endpoint.url.rstrip('/')}/{self.endpoint.bucket}/{self.prefix}"
        return f"file://{self.directory.path if self.directory else ''}/{self.prefix}"
