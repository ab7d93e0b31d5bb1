"""Names and shapes of properties, from the provider's to those of AWS's API and back.

The API's are taken from botocore's service models, the provider's from its package. Both name the same things with
other capitals (``kmsMasterKeyId``, ``KMSMasterKeyID``), sometimes one in the plural and the other not, and what is a
mapping of tags in one is a list of keys and values in the other. What has no counterpart is an error, never left out.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from config.errors import suggestion
from lab.aws.errors import Refused
from lab.aws.schema import Fields, Shape


def input_shape(client: Any, operation: str) -> Any:
    """Return botocore's shape of what a client's method takes."""
    return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape


def to_api(value: Any, shape: Any, at: str = "") -> Any:
    """Return a provider's value as an API's; raises Refused for a property that the API doesn't have."""
    if shape.type_name == "structure":
        given = value[0] if isinstance(value, list) and len(value) == 1 else value
        found = {}
        for name, each in given.items():
            member = counterpart(name, shape.members)
            if member is None:
                raise Refused(f"{at}{name}: {shape.name} has no such member; {suggestion(name, shape.members)}")
            if each is not None:
                found[member] = to_api(each, shape.members[member], f"{at}{name}.")
        return found
    if shape.type_name == "list":
        if isinstance(value, Mapping) and {"Key", "Value"} == getattr(shape.member, "members", {}).keys():
            return tag_list(value)
        return [to_api(each, shape.member, at) for each in (value if isinstance(value, list) else [value])]
    if shape.type_name == "map":
        return {name: to_api(each, shape.value, f"{at}{name}.") for name, each in value.items()}
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name == "boolean" and isinstance(value, str):
        return value == "true"
    return value


def from_api(value: Any, shape: Shape) -> Any:
    """Return an API's value as the provider's; what the provider doesn't know is left out."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        if shape.values and not shape.items:
            return tag_map(value)
        if not shape.items:
            return from_api(value[0], shape) if value else None
        return [from_api(each, shape.items) for each in value]
    if isinstance(value, Mapping):
        if shape.items:
            return [from_api(value, shape.items)]
        if shape.fields:
            return of_api(value, shape.fields)
        return {name: from_api(each, shape.values or Shape()) for name, each in value.items()}
    if isinstance(value, bool | int) and shape.scalars == {str}:
        # Some truth values and versions are text with the provider, so that they can be absent.
        return str(value).lower()
    return value


def of_api(value: Mapping[str, Any], fields: Fields, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the members of an API's object that a provider's has, too; ``names`` limits them."""
    found = {}
    wanted = fields.shapes if names is None else frozenset(names)
    for member, each in value.items():
        name = counterpart(member, wanted)
        if name is not None and each is not None:
            found[name] = from_api(each, fields.shapes[name])
    return found


def counterpart(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that is ``name`` but for capitals, or for an s at its end."""
    known = {each.lower(): each for each in names}
    low = name.lower()
    for each in (low, f"{low}s", low.removesuffix("s"), low.removesuffix("y") + "ies", low.removesuffix("ies") + "y"):
        if each in known:
            return known[each]
    return None


def tag_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Return tags as most services want them."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def tag_map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return a service's list of tags as a mapping; KMS has names of its own for both."""
    return {tag.get("Key", tag.get("TagKey", "")): tag.get("Value", tag.get("TagValue", "")) for tag in tags}
