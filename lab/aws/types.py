"""Every resource type that the stand-in does."""

from collections.abc import Mapping
from typing import Final

from lab.aws import ec2, ec2_routes, ec2_templates, eks, eks_access, iam, kms, logs, route53, s3, s3_settings
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
    ec2.Vpc,
    ec2.Subnet,
    ec2.InternetGateway,
    ec2.Eip,
    ec2.NatGateway,
    *ec2_routes.ROUTES,
    ec2_templates.LaunchTemplate,
    eks.Cluster,
    eks.NodeGroup,
    *eks_access.ACCESS,
    logs.LogGroup,
    route53.Record,
)

TYPES: Final[Mapping[str, type[Resource]]] = {each.pulumi_type: each for each in _ALL}
"""By Pulumi's name of the type."""
