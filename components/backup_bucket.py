"""Where the backups of a stack go."""

from dataclasses import dataclass

import pulumi

from config.backup import BackupSpec


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """What ``BackupBucket`` is made of."""

    spec: BackupSpec
    namespace: str
    """Kubernetes namespace of the service account that backs up."""
    stack: str
    """For the tags of what is made at AWS."""
    oidc_provider_arn: pulumi.Input[str] | None = None
    """IAM's OIDC provider of the Kubernetes cluster, for a spec that names none."""
    protect: bool


class BackupBucket(pulumi.ComponentResource):
    """A place for backups. Type: kafka-platform:index:BackupBucket.

    For the kind s3 it creates bucket, key, access logs, role and perhaps a copy in another region; for the others
    nothing, as the store is there.
    """

    location: pulumi.Output[str]
    """s3://bucket/folder, https://host/bucket/folder or file:///folder, known when it takes backups."""
    role_arn: pulumi.Output[str]
    """The role that the backup's service account takes; empty: there is none."""
    key_arn: pulumi.Output[str]
    """The KMS key that each put has to name; empty: none."""

    def __init__(self, name: str, args: BackupBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create what the kind needs."""
        super().__init__("kafka-platform:index:BackupBucket", name, {}, opts)
        spec = args.spec
        self.location = pulumi.Output.from_input(spec.location)
        self.role_arn = self.key_arn = pulumi.Output.from_input("")
        if spec.s3 is not None:
            # AWS's package takes a quarter of a second, which other stacks and kinds don't pay.
            from components.s3_backup import S3Backup, S3BackupArgs

            made = S3Backup(
                f"{name}-s3",
                S3BackupArgs(
                    spec=spec.s3,
                    prefix=spec.prefix,
                    namespace=args.namespace,
                    oidc_provider_arn=spec.s3.oidc_provider_arn or args.oidc_provider_arn or "",
                    stack=args.stack,
                    protect=args.protect,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            self.location = made.bucket.apply(lambda _: spec.location)
            self.role_arn, self.key_arn = made.role_arn, made.key_arn
        self.register_outputs({"location": self.location, "role_arn": self.role_arn, "key_arn": self.key_arn})
