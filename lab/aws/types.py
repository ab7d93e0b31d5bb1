"""Every resource type that the stand-in does."""

from collections.abc import Mapping
from typing import Final

from lab.aws import iam, kms, s3, s3_settings
from lab.aws.resource import Resource

_ALL: Final[tuple[type[Resource], ...]] = (
    s3.Bucket,
    *s3_settings.SETTINGS,
    kms.Key,
    kms.Alias,
    iam.Role,
    iam.RolePolicy,
    iam.RolePolicyAttachment,
    iam.OpenIdConnectProvider,
)

TYPES: Final[Mapping[str, type[Resource]]] = {each.pulumi_type: each for each in _ALL}
"""By Pulumi's name of the type."""
