"""Buckets of S3."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from lab.aws.errors import code, unless_gone
from lab.aws.resource import Properties, Resource, names
from lab.aws.translate import tag_list, tag_map

_FIRST_REGION = "us-east-1"
"""The one region that a bucket's location doesn't name: API_CreateBucket."""


class Bucket(Resource):
    """A bucket; what guards it are types of their own, its older nested properties aren't done."""

    pulumi_type = "aws:s3/bucket:Bucket"
    takes = frozenset({"bucket", "forceDestroy", "objectLockEnabled", "tags", "region"})
    fixed = frozenset({"bucket", "objectLockEnabled", "region"})
    named = "bucket"
    longest = 63
    defaults: ClassVar[Properties] = {"forceDestroy": False, "objectLockEnabled": False}
    hidden = names(
        "accelerationStatus acl bucketNamespace bucketPrefix corsRules grants hostedZoneId lifecycleRules logging "
        "objectLockConfiguration policy replicationConfiguration requestPayer serverSideEncryptionConfiguration "
        "versioning website websiteDomain websiteEndpoint"
    )

    @property
    def _s3(self) -> Any:
        return self.place.client("s3")

    def create(self, inputs: Properties) -> str:
        """Make it; S3 says whether the name is free."""
        name = str(inputs["bucket"])
        request: dict[str, Any] = {"Bucket": name}
        if self.place.region != _FIRST_REGION:
            request["CreateBucketConfiguration"] = {"LocationConstraint": self.place.region}
        if inputs.get("objectLockEnabled"):
            request["ObjectLockEnabledForBucket"] = True
        self._s3.create_bucket(**request)
        return name

    def settle(self, name: str, inputs: Properties) -> None:
        """Tag it: S3 takes all tags or none."""
        if tags := inputs.get("tags"):
            self._s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(tags)})
        else:
            self._s3.delete_bucket_tagging(Bucket=name)

    def read(self, name: str, known: Properties) -> Properties:
        """Return what S3 says of it; whether it may go with its objects only the caller knows."""
        del known
        region = self._s3.head_bucket(Bucket=name)["BucketRegion"]
        tags: dict[str, str] = {}
        with unless_gone():
            tags = tag_map(self._s3.get_bucket_tagging(Bucket=name)["TagSet"])
        domain = {"aws-cn": "amazonaws.com.cn"}.get(self.place.partition, "amazonaws.com")
        return {
            "bucket": name,
            "arn": f"arn:{self.place.partition}:s3:::{name}",
            "bucketDomainName": f"{name}.s3.{domain}",
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{name}.s3.{region}.{domain}",
            "objectLockEnabled": self._locked(name),
            "tags": tags,
        }

    def _locked(self, name: str) -> bool:
        found: dict[str, str] = {}
        with unless_gone():
            found = self._s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        return found.get("ObjectLockEnabled") == "Enabled"

    def delete(self, name: str, known: Properties) -> None:
        """Delete it, with its objects only if ``forceDestroy`` says so."""
        try:
            self._s3.delete_bucket(Bucket=name)
        except ClientError as error:
            if code(error) != "BucketNotEmpty" or not known.get("forceDestroy"):
                raise
            self._empty(name, locked=self._locked(name))
            self._s3.delete_bucket(Bucket=name)

    def _empty(self, name: str, *, locked: bool) -> None:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                # What is retained by governance goes with whoever may bypass it; what is by compliance stays.
                bypass = {"BypassGovernanceRetention": True} if locked else {}
                self._s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"], **bypass)
