"""The one way to AWS: region, account, role and tags are said, never found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.lazy_packages import load_when_asked_for
from config.literals import PROJECT
from manifests.eks_policy import managed_policy
from manifests.iam import Document, document_json

# Here, since whoever uses AWS comes by, and stacks without it don't pay for the package.
load_when_asked_for(f"pulumi_aws.{name}" for name in ("ec2", "eks", "iam", "kms", "route53", "s3"))


@dataclass(frozen=True, kw_only=True)
class AwsAccount:
    """Where in AWS something is made, and as whom."""

    region: str
    account: str
    """Twelve digits; credentials of another account are refused before anything is made."""
    assume_role_arn: str | None
    """None: the environment's credentials as they are."""
    tags: Mapping[str, str]
    """Of everything that can have some."""


def aws_provider(name: str, account: AwsAccount, opts: pulumi.ResourceOptions | None = None) -> aws.Provider:
    """Return a provider that makes things there only."""
    # Of a provider's arguments the SDK translates the names in its own types only, not those in mappings.
    role = account.assume_role_arn
    roles = [] if role is None else [aws.ProviderAssumeRoleArgs(role_arn=role, session_name=PROJECT)]
    return aws.Provider(
        name,
        region=account.region,
        allowed_account_ids=[account.account],
        assume_roles=roles,
        default_tags=aws.ProviderDefaultTagsArgs(tags=account.tags),
        opts=opts,
    )


def service_role(
    name: str,
    description: str,
    trust: pulumi.Input[Document],
    region: str,
    policies: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Return a role with AWS's own ``policies``, by their names, and what has to be there before it can do its work."""
    role = aws.iam.Role(
        name,
        description=description,
        assume_role_policy=pulumi.Output.from_input(trust).apply(document_json),
        opts=opts,
    )
    attached: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2].lower()}",
            role=role.name,
            policy_arn=managed_policy(region, policy),
            opts=opts,
        )
        for policy in policies
    ]
    return role, attached


def encryption_key(
    name: str, alias: str, description: str, policy: Document, opts: pulumi.ResourceOptions, *, protect: bool
) -> aws.kms.Key:
    """Return a key that turns every year, with an alias for people."""
    key = aws.kms.Key(
        name,
        description=description,
        policy=document_json(policy),
        enable_key_rotation=True,
        # KMS' longest: until then a deleted key, and all that it encrypts, can be had back.
        deletion_window_in_days=30,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
    )
    aws.kms.Alias(f"{name}-alias", name=f"alias/{alias}", target_key_id=key.key_id, opts=opts)
    return key
