"""One private, versioned, encrypted bucket of S3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from config.backup import ObjectLockSpec
from manifests.backup_storage import encryption_rules, retention


@dataclass(frozen=True, kw_only=True)
class SecureBucketArgs:
    """What ``SecureBucket`` is made of."""

    bucket: str
    """Its name."""
    policy: pulumi.Input[str]
    """JSON."""
    key_arn: pulumi.Input[str] | None
    """The KMS key its objects are encrypted by; None: S3's own keys."""
    lifecycle: Sequence[Mapping[str, Any]]
    object_lock: ObjectLockSpec | None = None
    protect: bool
    """False: it goes with all that is in it."""


class SecureBucket(pulumi.ComponentResource):
    """A bucket that nobody else sees, with what guards it. Type: kafka-platform:index:SecureBucket."""

    bucket: pulumi.Output[str]
    """Its name, known when it takes objects: versioned, encrypted, under its policy."""

    def __init__(self, name: str, args: SecureBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the bucket, then what guards it."""
        super().__init__("kafka-platform:index:SecureBucket", name, {}, opts)
        self._args = args
        self._bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket,
            force_destroy=not args.protect,
            object_lock_enabled=args.object_lock is not None,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        guards = [*self._private(name), self._encrypted(name), *self._kept(name)]
        self.bucket = pulumi.Output.all(self._bucket.id, *(each.id for each in guards)).apply(lambda ids: str(ids[0]))
        self.register_outputs({"bucket": self.bucket})

    def _after(self, *resources: pulumi.Resource, protect: bool = False) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(resources), protect=protect)

    def _private(self, name: str) -> list[pulumi.CustomResource]:
        bucket = self._bucket.id
        block = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._after(),
        )
        # S3 refuses changes of a bucket's access that come at once (OperationAborted).
        ownership = aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._after(block),
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-policy", bucket=bucket, policy=self._args.policy, opts=self._after(ownership)
        )
        return [block, ownership, policy]

    def _encrypted(self, name: str) -> pulumi.CustomResource:
        made: pulumi.CustomResource = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=self._bucket.id, rules=encryption_rules(self._args.key_arn), opts=self._after()
        )
        return made

    def _kept(self, name: str) -> list[pulumi.CustomResource]:
        bucket, lock = self._bucket.id, self._args.object_lock
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket,
            versioning_configuration={"status": "Enabled"},
            # Without it an overwritten backup is gone.
            opts=self._after(protect=self._args.protect),
        )
        lifecycle = aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle", bucket=bucket, rules=self._args.lifecycle, opts=self._after(versioning)
        )
        if lock is None:
            return [versioning, lifecycle]
        locked = aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket,
            object_lock_enabled="Enabled",
            rule=retention(lock),
            opts=self._after(versioning, protect=self._args.protect),
        )
        return [versioning, lifecycle, locked]
