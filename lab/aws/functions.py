"""Functions that programs call: what account and region they are in."""

from collections.abc import Mapping
from typing import Any

from config.errors import suggestion
from lab.aws.account import Account
from lab.aws.errors import Refused


def invoke(account: Account, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a function's result; raises Refused for one that isn't done."""
    known = {"aws:index/getCallerIdentity:getCallerIdentity": _identity, "aws:index/getRegion:getRegion": _region}
    if token not in known:
        raise Refused(f"the stand-in for AWS's plugin doesn't do {token}; {suggestion(token, known)}")
    return known[token](account, arguments)


def _identity(account: Account, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    del arguments
    found = account.place().client("sts").get_caller_identity()
    return {"accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"], "id": found["Account"]}


def _region(account: Account, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    region = account.place(arguments.get("region")).region
    return {"region": region, "name": region, "id": region}
