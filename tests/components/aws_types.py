"""What AWS's package takes in nested arguments, which Pulumi's SDK doesn't check: it sends any key there is."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any


def misfits(name: str, value: Mapping[str, Any], path: str = "", module: str = "s3") -> Iterator[str]:
    """Yield keys of ``value`` that the package's type ``name`` hasn't, and those that it wants and ``value`` lacks."""
    taken = getattr(import_module(f"pulumi_aws.{module}._inputs"), f"{name}ArgsDict")
    for key in taken.__required_keys__ - value.keys():
        yield f"{path}{key} is missing"
    for key, item in value.items():
        if key not in taken.__annotations__:
            yield f"{path}{key} is unknown"
            continue
        annotation = str(taken.__annotations__[key])
        nested = re.search(r"(\w+)ArgsDict", annotation)
        if "Mapping[" in annotation and not nested:
            if not isinstance(item, Mapping):
                yield f"{path}{key} has another shape"
            continue
        for each in item if isinstance(item, list | tuple) else [item]:
            if bool(nested) != isinstance(each, Mapping):
                yield f"{path}{key} has another shape"
            elif nested:
                yield from misfits(nested[1], each, f"{path}{key}.", module)
