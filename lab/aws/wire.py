"""Properties as Pulumi's protocol sends them: whole numbers, and the mark of a secret.

docs: github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]

from config.literals import PULUMI_SECRET

_SECRET: Final = {PULUMI_SECRET: "1b47061264138c4ac30d75fd1eb44270"}


def plain(struct: Any) -> dict[str, Any]:
    """Return properties as they are meant, without marks of secrets."""
    return {name: _plain(value) for name, value in json_format.MessageToDict(struct).items()}


def secret_names(*structs: Any) -> frozenset[str]:
    """Return which properties have a secret anywhere in them."""
    sent = [json_format.MessageToDict(struct) for struct in structs]
    found = {name for each in sent for name, value in each.items() if _has_secret(value)}
    # What AWS has of tags is the tags.
    return frozenset(found | {"tagsAll"} if "tags" in found else found)


def struct(values: Mapping[str, Any], secret: Iterable[str] = ()) -> Any:
    """Return properties for the protocol; those named in ``secret`` are marked."""
    hidden = frozenset(secret)
    marked = {
        name: {**_SECRET, "value": value} if name in hidden and value is not None else value
        for name, value in values.items()
    }
    return json_format.ParseDict(marked, struct_pb2.Struct())


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        # The protocol has one kind of number.
        return int(value)
    if isinstance(value, dict):
        if _SECRET.items() <= value.items():
            return _plain(value.get("value"))
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return _SECRET.items() <= value.items() or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))
