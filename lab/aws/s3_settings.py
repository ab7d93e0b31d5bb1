"""What a bucket of S3 is set to, each a resource of its own with the bucket's name as its id."""

from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from lab.aws.errors import code
from lab.aws.resource import Properties, Resource
from lab.aws.translate import input_shape, of_api, to_api


class Setting(Resource):
    """One document that S3 keeps beside a bucket: put whole, got whole, deleted."""

    fixed = frozenset({"bucket", "region"})
    put: ClassVar[str]
    """boto3's method that sets it."""
    get: ClassVar[str]
    """boto3's method that returns it."""
    clear: ClassVar[str]
    """boto3's method that removes it."""
    member: ClassVar[str]
    """Name of the document in the request."""
    answered: ClassVar[str]
    """Name of the document in the answer, empty where the answer is the document."""

    @property
    def s3(self) -> Any:
        """The region's client."""
        return self.place.client("s3")

    def create(self, inputs: Properties) -> str:
        """Set it."""
        bucket = str(inputs["bucket"])
        self._put(bucket, inputs)
        return bucket

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Set it anew."""
        del old
        self._put(name, new)

    def _put(self, bucket: str, inputs: Properties) -> None:
        asked = {key: value for key, value in inputs.items() if key not in ("bucket", "region")}
        document = to_api(self.document(asked), input_shape(self.s3, self.put).members[self.member])
        getattr(self.s3, self.put)(Bucket=bucket, **{self.member: document})

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it, None when there is none."""
        answer = getattr(self.s3, self.get)(Bucket=name)
        found = answer.get(self.answered) if self.answered else answer
        properties = of_api(found or {}, self.fields(), self.published().outputs - {"bucket", "region"})
        properties = self.completed(properties, known)
        return {"bucket": name, **properties} if properties else None

    def delete(self, name: str, known: Properties) -> None:
        """Remove it."""
        del known
        getattr(self.s3, self.clear)(Bucket=name)

    def document(self, asked: Properties) -> Properties:
        """Return what is put, by the provider's names."""
        return asked

    def completed(self, found: dict[str, Any], known: Properties) -> dict[str, Any]:
        """Return what was read with what the server keeps to itself."""
        del known
        return found


class PublicAccessBlock(Setting):
    """Whether a bucket may be public at all."""

    pulumi_type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    takes = frozenset(
        {"bucket", "blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets", "region"}
    )
    defaults: ClassVar[Properties] = dict.fromkeys(takes - {"bucket", "region"}, False)
    put, get, clear = "put_public_access_block", "get_public_access_block", "delete_public_access_block"
    member = answered = "PublicAccessBlockConfiguration"


class OwnershipControls(Setting):
    """Whose the objects are."""

    pulumi_type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    takes = frozenset({"bucket", "rule", "region"})
    put, get, clear = (
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "delete_bucket_ownership_controls",
    )
    member = answered = "OwnershipControls"


class Policy(Setting):
    """Who may do what."""

    pulumi_type = "aws:s3/bucketPolicy:BucketPolicy"
    takes = frozenset({"bucket", "policy", "region"})
    put, get, clear = "put_bucket_policy", "get_bucket_policy", "delete_bucket_policy"
    member, answered = "Policy", ""

    def _put(self, bucket: str, inputs: Properties) -> None:
        self.s3.put_bucket_policy(Bucket=bucket, Policy=inputs["policy"])


class Encryption(Setting):
    """How objects are encrypted that don't say it. S3 encrypts by its own keys without one."""

    pulumi_type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    takes = frozenset({"bucket", "rules", "region"})
    put, get, clear = "put_bucket_encryption", "get_bucket_encryption", "delete_bucket_encryption"
    member = answered = "ServerSideEncryptionConfiguration"


class Versioning(Setting):
    """Whether overwritten and deleted objects stay."""

    pulumi_type = "aws:s3/bucketVersioning:BucketVersioning"
    takes = frozenset({"bucket", "versioningConfiguration", "region"})
    put, get = "put_bucket_versioning", "get_bucket_versioning"
    member, answered = "VersioningConfiguration", ""

    def document(self, asked: Properties) -> Properties:
        """S3's document has nothing around it."""
        found: Properties = asked["versioningConfiguration"]
        return found

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it; a bucket that never was versioned has none."""
        del known
        found = self.s3.get_bucket_versioning(Bucket=name)
        if "Status" not in found:
            return None
        configuration = {"status": found["Status"]}
        if "MFADelete" in found:
            configuration["mfaDelete"] = found["MFADelete"]
        return {"bucket": name, "versioningConfiguration": configuration}

    def delete(self, name: str, known: Properties) -> None:
        """Suspend it, as the provider does: S3 can't take it off, nor suspend it under Object Lock."""
        del known
        try:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
        except ClientError as error:
            if code(error) != "InvalidBucketState":
                raise


class Lifecycle(Setting):
    """What becomes of objects as they age."""

    pulumi_type = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    takes = frozenset({"bucket", "rules", "region"})
    hidden = frozenset({"expectedBucketOwner"})
    put, get, clear = (
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "delete_bucket_lifecycle",
    )
    member, answered = "LifecycleConfiguration", ""


class ObjectLock(Setting):
    """How long each new version is retained."""

    pulumi_type = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    takes = frozenset({"bucket", "objectLockEnabled", "rule", "region"})
    fixed = frozenset({"bucket", "objectLockEnabled", "region"})
    defaults: ClassVar[Properties] = {"objectLockEnabled": "Enabled"}
    put, get = "put_object_lock_configuration", "get_object_lock_configuration"
    member = answered = "ObjectLockConfiguration"

    def document(self, asked: Properties) -> Properties:
        """S3 wants it said that locks are enabled."""
        return {**self.defaults, **asked}

    def completed(self, found: dict[str, Any], known: Properties) -> dict[str, Any]:
        """S3 answers with days or with years; moto with both, the other zero."""
        del known
        if kept := found.get("rule", {}).get("defaultRetention"):
            found["rule"]["defaultRetention"] = {name: value for name, value in kept.items() if value}
        return found

    def delete(self, name: str, known: Properties) -> None:
        """Remove the rule: what is locked stays locked, and a bucket that has locks keeps having them."""
        del known
        self.s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


class Logging(Setting):
    """Where S3 writes who accessed the bucket."""

    pulumi_type = "aws:s3/bucketLogging:BucketLogging"
    takes = frozenset({"bucket", "targetBucket", "targetPrefix", "region"})
    put, get = "put_bucket_logging", "get_bucket_logging"
    member, answered = "BucketLoggingStatus", "LoggingEnabled"

    def document(self, asked: Properties) -> Properties:
        """S3's document has a further one in it."""
        return {"loggingEnabled": asked}

    def delete(self, name: str, known: Properties) -> None:
        """End it: a status without anything."""
        del known
        self.s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})


class Replication(Setting):
    """What is copied where. Moto keeps which encrypted objects are copied, and answers without it."""

    pulumi_type = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
    takes = frozenset({"bucket", "role", "rules", "region"})
    put, get, clear = "put_bucket_replication", "get_bucket_replication", "delete_bucket_replication"
    member = answered = "ReplicationConfiguration"

    def completed(self, found: dict[str, Any], known: Properties) -> dict[str, Any]:
        """Take over from what was asked for what the answer can't have."""
        asked = {rule.get("id"): rule for rule in known.get("rules") or () if isinstance(rule, Mapping)}
        for rule in found.get("rules") or ():
            silent = "sourceSelectionCriteria"
            if silent not in rule and silent in asked.get(rule.get("id"), {}):
                rule[silent] = asked[rule["id"]][silent]
        return found


SETTINGS: tuple[type[Resource], ...] = (
    PublicAccessBlock,
    OwnershipControls,
    Policy,
    Encryption,
    Versioning,
    Lifecycle,
    ObjectLock,
    Logging,
    Replication,
)
