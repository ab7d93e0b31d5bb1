"""Backups at AWS: bucket, key, access logs, a copy in another region, and the one role that writes."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws_provider import AwsAccount, aws_provider, encryption_key
from components.secure_bucket import SecureBucket, SecureBucketArgs
from config.aws_names import oidc_issuer, platform_tags
from config.backup import ReplicaSpec, S3BackupSpec
from manifests import backup_policy as policies
from manifests.backup_storage import lifecycle_rules, log_lifecycle_rules, replication_rules


@dataclass(frozen=True, kw_only=True)
class S3BackupArgs:
    """What ``S3Backup`` is made of."""

    spec: S3BackupSpec
    prefix: str
    """Folder of the backups."""
    namespace: str
    """Kubernetes namespace of the service account that takes the role."""
    oidc_provider_arn: pulumi.Input[str]
    """IAM's OIDC provider of the Kubernetes cluster."""
    stack: str
    """For the tags."""
    protect: bool


class S3Backup(pulumi.ComponentResource):
    """An encrypted bucket for backups and who may use it. Type: kafka-platform:index:S3Backup."""

    bucket: pulumi.Output[str]
    """Name of the bucket, known when it takes backups."""
    key_arn: pulumi.Output[str]
    """The KMS key a put has to name."""
    role_arn: pulumi.Output[str]
    """The role for the service account's annotation eks.amazonaws.com/role-arn."""

    def __init__(self, name: str, args: S3BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create provider, key, buckets and roles."""
        super().__init__("kafka-platform:index:S3Backup", name, {}, opts)
        self._name, self._args = name, args
        spec = args.spec
        self._arn = policies.bucket_arn(spec.region, spec.bucket)
        home = self._aws("home", spec.region, spec.assume_role_arn)
        self._home = pulumi.ResourceOptions(parent=self, provider=home)
        key = self._key("key", spec.bucket, spec.region, home)
        made = self._bucket(name, spec.bucket, spec.region, key, home)
        self._access_log(made, home)
        if spec.replica is not None:
            self._copies(spec.replica, made, key)
        self.bucket, self.key_arn = made.bucket, key.arn
        self.role_arn = self._writer(key)
        self.register_outputs({"bucket": self.bucket, "key_arn": self.key_arn, "role_arn": self.role_arn})

    def _aws(self, suffix: str, region: str, role: str | None) -> aws.Provider:
        spec = self._args.spec
        account = AwsAccount(
            region=region,
            account=spec.account,
            assume_role_arn=role,
            tags=platform_tags(spec.tags, self._args.stack),
        )
        return aws_provider(f"{self._name}-{suffix}", account, pulumi.ResourceOptions(parent=self))

    def _key(self, suffix: str, bucket: str, region: str, provider: aws.Provider) -> aws.kms.Key:
        return encryption_key(
            f"{self._name}-{suffix}",
            bucket,
            f"Kafka backups in {bucket}",
            policies.key_policy(self._args.spec.account, region),
            pulumi.ResourceOptions(parent=self, provider=provider),
            protect=self._args.protect,
        )

    def _bucket(self, name: str, bucket: str, region: str, key: aws.kms.Key, provider: aws.Provider) -> SecureBucket:
        arn, spec = policies.bucket_arn(region, bucket), self._args.spec
        return SecureBucket(
            name,
            SecureBucketArgs(
                bucket=bucket,
                policy=key.arn.apply(lambda key_arn: json.dumps(policies.bucket_policy(arn, key_arn))),
                key_arn=key.arn,
                lifecycle=lifecycle_rules(spec.lifecycle),
                object_lock=spec.object_lock,
                protect=self._args.protect,
            ),
            pulumi.ResourceOptions(parent=self, providers=[provider]),
        )

    def _access_log(self, source: SecureBucket, provider: aws.Provider) -> None:
        spec = self._args.spec
        target: pulumi.Input[str] = spec.log_bucket
        if spec.access_log.bucket is None:
            arn = policies.bucket_arn(spec.region, spec.log_bucket)
            target = SecureBucket(
                f"{self._name}-logs",
                SecureBucketArgs(
                    bucket=spec.log_bucket,
                    policy=json.dumps(policies.log_bucket_policy(arn, self._arn, spec.account)),
                    # Log delivery can't write to a bucket that a KMS key encrypts.
                    key_arn=None,
                    lifecycle=log_lifecycle_rules(spec.access_log.expiry_days),
                    protect=self._args.protect,
                ),
                pulumi.ResourceOptions(parent=self, providers=[provider]),
            ).bucket
        aws.s3.BucketLogging(
            f"{self._name}-logging",
            bucket=source.bucket,
            target_bucket=target,
            target_prefix=f"{spec.bucket}/",
            opts=self._home,
        )

    def _copies(self, replica: ReplicaSpec, source: SecureBucket, key: aws.kms.Key) -> None:
        spec, name = self._args.spec, f"{self._name}-replica"
        away = self._aws("away", replica.region, replica.assume_role_arn)
        copy_key = self._key("replica-key", replica.bucket, replica.region, away)
        target = self._bucket(name, replica.bucket, replica.region, copy_key, away)
        target_arn = policies.bucket_arn(replica.region, replica.bucket)
        role = aws.iam.Role(
            f"{name}-role",
            description=f"S3 copies Kafka backups from {spec.bucket} to {replica.bucket}",
            assume_role_policy=json.dumps(policies.replication_trust(self._arn, spec.account)),
            opts=self._home,
        )

        def document(arns: list[str]) -> str:
            here = policies.Encrypted(bucket=self._arn, key=arns[0], region=spec.region)
            there = policies.Encrypted(bucket=target_arn, key=arns[1], region=replica.region)
            return json.dumps(policies.replication_policy(here, there))

        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            role=role.name,
            policy=pulumi.Output.all(key.arn, copy_key.arn).apply(document),
            opts=self._home,
        )
        # Both names are known when both buckets are versioned, which S3 asks for.
        aws.s3.BucketReplicationConfig(
            f"{name}-replication",
            bucket=source.bucket,
            role=role.arn,
            rules=replication_rules(target.bucket.apply(lambda _: target_arn), copy_key.arn),
            opts=pulumi.ResourceOptions.merge(self._home, pulumi.ResourceOptions(depends_on=[policy])),
        )

    def _writer(self, key: aws.kms.Key) -> pulumi.Output[str]:
        spec, args = self._args.spec, self._args

        def trust(provider: str) -> str:
            account = (args.namespace, spec.service_account)
            return json.dumps(policies.service_account_trust(provider, oidc_issuer(provider), *account))

        role = aws.iam.Role(
            f"{self._name}-writer",
            description=f"Kafka backups of stack {args.stack}, for {args.namespace}/{spec.service_account}",
            assume_role_policy=pulumi.Output.from_input(args.oidc_provider_arn).apply(trust),
            opts=self._home,
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-writer-policy",
            role=role.name,
            policy=key.arn.apply(
                lambda arn: json.dumps(policies.writer_policy(self._arn, arn, spec.region, args.prefix))
            ),
            opts=self._home,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda parts: str(parts[0]))
