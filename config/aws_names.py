"""What AWS calls things: regions, accounts, ARNs, tags."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from config.errors import Problem, shown
from config.literals import PROJECT

_REGION: Final = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d{1,2}")
_ROLE: Final = re.compile(r"arn:aws(-us-gov)?:iam::(?P<account>\d{12}):role/[\w+=,.@/-]+", re.ASCII)
_OIDC: Final = re.compile(r"arn:aws(-us-gov)?:iam::(?P<account>\d{12}):oidc-provider/[a-z0-9.-]+(/[\w./-]+)?", re.ASCII)
_TAG: Final = re.compile(r"[\w .:/=+@-]*")
OWN_TAGS: Final = frozenset({"project", "stack", "managed-by"})
"""Keys of the tags that everything of the platform has."""


def partition(region: str) -> str:
    """Return the part of AWS a region is in, as ARNs begin."""
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def platform_tags(tags: Mapping[str, str], stack: str) -> dict[str, str]:
    """Return the tags of everything: a stack's own, and the platform's."""
    return {**tags, "project": PROJECT, "stack": stack, "managed-by": "pulumi"}


def oidc_issuer(provider_arn: str) -> str:
    """Return the issuer of IAM's OIDC provider without its scheme, as IAM's condition keys begin."""
    return provider_arn.partition(":oidc-provider/")[2]


def is_region(text: str) -> bool:
    """Tell whether it is the code of a region that the policies know."""
    return bool(_REGION.fullmatch(text)) and not text.startswith("cn-")


def region_problems(path: str, region: str, otherwise: str) -> Iterator[Problem]:
    """Yield a region that is none, or is AWS China's; ``otherwise`` is the remedy for that."""
    if not _REGION.fullmatch(region):
        yield Problem(path, shown(region), "it is a region's code, like eu-central-1", "correct it")
    elif region.startswith("cn-"):
        allowed = "AWS China has other names for services, which the policies don't know"
        yield Problem(path, shown(region), allowed, otherwise)


def is_account(text: str) -> bool:
    """Tell whether it is the number of an account."""
    return bool(re.fullmatch(r"[0-9]{12}", text))


def account_problem(path: str, account: str) -> Problem:
    """Return what is said of an account's number that is none."""
    allowed = "an account's number has twelve digits"
    return Problem(path, shown(account), allowed, "find it with aws sts get-caller-identity, and quote it")


def role_problems(path: str, role: str, account: str) -> Iterator[Problem]:
    """Yield a role that is none of the account's."""
    match = _ROLE.fullmatch(role)
    if match is None or match["account"] != account:
        yield Problem(path, shown(role), f"it is arn:aws:iam::{account}:role/NAME", "correct it")


def oidc_problems(path: str, provider: str, account: str) -> Iterator[Problem]:
    """Yield an OIDC provider that is none of the account's."""
    match = _OIDC.fullmatch(provider)
    if match is None or match["account"] != account:
        allowed = f"it is arn:aws:iam::{account}:oidc-provider/ISSUER, the issuer without https://"
        yield Problem(path, shown(provider), allowed, "find it with aws iam list-open-id-connect-providers")


def tag_problems(path: str, tags: Mapping[str, str]) -> Iterator[Problem]:
    """Yield tags that not every AWS service takes, or that are the platform's.

    docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    for name, value in tags.items():
        at = f'{path}["{name}"]'
        if name.lower().startswith("aws:") or not 1 <= len(name) <= 128 or not _TAG.fullmatch(name):
            allowed = (
                "a tag's key has 1 to 128 letters, digits, spaces and _ . : / = + - @, and doesn't begin with aws:"
            )
            yield Problem(at, shown(value), allowed, "choose another key")
        elif name in OWN_TAGS:
            yield Problem(at, shown(value), f"{PROJECT} sets this one", "choose another key")
        elif len(value) > 256 or not _TAG.fullmatch(value):
            allowed = "a tag's value has at most 256 letters, digits, spaces and _ . : / = + - @"
            yield Problem(at, shown(value), allowed, "correct it")
    if len(tags) > 50 - len(OWN_TAGS):
        allowed = f"AWS takes 50, and {len(OWN_TAGS)} are the platform's"
        yield Problem(path, shown(len(tags)), allowed, "remove some")
