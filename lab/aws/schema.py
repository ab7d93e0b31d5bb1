"""What AWS's provider takes and gives, read off the classes of its Python package, which are made from its schema.

``pulumi_aws`` has a class of arguments for each resource and each nested object, with names and types as the engine
sees them; what of them has no default is required. An output whose type isn't optional is always there.
"""

import collections.abc
import functools
import importlib
import json
import re
import sys
import threading
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pulumi

PACKAGE: Final = "pulumi_aws"
_ELIDED: Final[Mapping[str, Any]] = {"Output": pulumi.Output, "T": typing.TypeVar("T")}
"""Names that the package's annotations leave to :class:`pulumi.Output`."""
_LOADING: Final = threading.RLock()
"""The package loads its modules when they are first used, and not for two threads at once."""


@dataclass(frozen=True)
class Shape:
    """What one property may be; several of the fields are set where it may be one of several."""

    scalars: frozenset[type] = frozenset()
    """Of str, int, float and bool."""
    items: "Shape | None" = None
    """A list of these."""
    values: "Shape | None" = None
    """A mapping of text to these."""
    fields: "Fields | None" = field(default=None, repr=False)
    """An object with these properties."""

    @property
    def described(self) -> str:
        """What it must be, for a sentence."""
        words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        found = [words[each] for each in (str, int, float, bool) if each in self.scalars]
        found += ["a list"] if self.items else []
        found += ["a mapping"] if self.values or self.fields else []
        return " or ".join(found) or "anything"


class Fields:
    """Properties of an object: the arguments' class behind them is only looked at when somebody asks."""

    def __init__(self, arguments: type) -> None:
        self._arguments = arguments

    @functools.cached_property
    def _names(self) -> Mapping[str, str]:
        """Names as the engine has them, by those of Python."""
        found = {}
        for name, member in vars(self._arguments).items():
            if isinstance(member, property) and member.fget is not None:
                found[name] = str(getattr(member.fget, "_pulumi_name", name))
        return found

    @functools.cached_property
    def _hints(self) -> Mapping[str, Any]:
        module = sys.modules[self._arguments.__module__]
        return typing.get_type_hints(self._arguments.__init__, vars(module), dict(_ELIDED))  # type: ignore[misc]

    @functools.cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Every property's shape."""
        with _LOADING:
            return {wire: shape_of(self._hints[name]) for name, wire in self._names.items()}

    @functools.cached_property
    def required(self) -> frozenset[str]:
        """Properties that must be given."""
        defaults = self._arguments.__init__.__kwdefaults__ or {}  # type: ignore[misc]
        return frozenset(wire for name, wire in self._names.items() if name not in defaults)


@dataclass(frozen=True)
class Published:
    """One resource type."""

    inputs: Fields
    outputs: frozenset[str]
    """Names of all its outputs."""
    always: frozenset[str]
    """Those that are there whatever was asked for."""


def published(token: str) -> Published:
    """Return what the package says of a type, ``aws:s3/bucket:Bucket``; raises KeyError for one it doesn't have."""
    with _LOADING:
        return _published(token)


@functools.cache
def _published(token: str) -> Published:
    module, name = _places()[token]
    resource = getattr(importlib.import_module(module), name)
    home = sys.modules[resource.__module__]
    outputs = {}
    for python, member in vars(resource).items():
        if isinstance(member, property) and member.fget is not None:
            optional = "Optional" in str(member.fget.__annotations__["return"])
            outputs[str(getattr(member.fget, "_pulumi_name", python))] = optional
    always = frozenset(wire for wire, optional in outputs.items() if not optional)
    # The first name that a generated module exports is the arguments' class; it is no resource's name with Args always.
    return Published(Fields(getattr(home, home.__all__[0])), frozenset(outputs), always)


@functools.cache
def provider_fields() -> Fields:
    """Return what the provider itself is configured by."""
    return Fields(importlib.import_module(f"{PACKAGE}.provider").ProviderArgs)


@functools.cache
def version() -> str:
    """Return the version of the provider that the package is made for."""
    file = Path(str(importlib.import_module(PACKAGE).__file__)).with_name("pulumi-plugin.json")
    return str(json.loads(file.read_text())["version"])


def packages(tokens: Iterable[str]) -> frozenset[str]:
    """Return the Python packages that these types are in; raises KeyError for a type that there isn't."""
    return frozenset(_places()[token][0] for token in tokens)


def tokens() -> frozenset[str]:
    """Return every resource type that the package has."""
    return frozenset(_places())


@functools.cache
def _places() -> Mapping[str, tuple[str, str]]:
    """Python module and class of each type, from the table that the package registers with Pulumi's SDK."""
    source = Path(str(importlib.import_module(PACKAGE).__file__)).read_text()
    table = re.search(r'resource_modules="""(.*?)"""', source, re.DOTALL)
    modules = json.loads(table[1]) if table else []
    return {token: (each["fqn"], name) for each in modules for token, name in each["classes"].items()}


def shape_of(hint: Any) -> Shape:
    """Return the shape that an annotation of the package describes."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        found = Shape()
        for each in arguments:
            found = _either(found, shape_of(each))
        return found
    if origin is collections.abc.Sequence:
        return Shape(items=shape_of(arguments[0]))
    if origin is collections.abc.Mapping:
        return Shape(values=shape_of(arguments[1]))
    if hint in (str, int, float, bool):
        return Shape(frozenset({hint}))
    if isinstance(hint, type) and hint.__name__.endswith("Args") and hint.__module__.startswith(f"{PACKAGE}."):
        return Shape(fields=Fields(hint))
    # Futures, outputs, None, the typed dictionaries beside the classes; an enumeration stands beside its text.
    return Shape()


def _either(one: Shape, other: Shape) -> Shape:
    return Shape(
        one.scalars | other.scalars,
        one.items or other.items,
        one.values or other.values,
        one.fields or other.fields,
    )
