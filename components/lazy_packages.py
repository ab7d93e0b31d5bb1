"""Packages of Pulumi's SDK for AWS that load a class when it is asked for.

Each of them imports all of its resources, hundreds of files where a program has use for a few: a second of its time,
and a tenth of its memory.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a class's name is parted in its file's name."""
_SHARED: Final = ("_inputs", "_enums")
"""Files of what several resources have."""
_FILES: Final = ("outputs",)
"""Files that are imported, as modules, by those of the resources."""


class LazyPackage(ModuleType):
    """A package whose ``__init__.py`` waits: a class is first looked for in the file that is named after it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        root, _, below = name.partition(".")
        folder = Path(str(importlib.import_module(root).__file__)).parent.joinpath(*below.split("."))
        self.__path__ = [str(folder)]
        self.__package__ = name
        self.__file__ = str(folder / "__init__.py")
        self._whole = False

    def __getattr__(self, name: str) -> Any:
        """Load a class, or all there is for a function; raises AttributeError for what the package hasn't."""
        if name.startswith("_") or name in _FILES:
            raise AttributeError(f"{self.__name__} has no {name}")
        for file in _files(name):
            if importlib.util.find_spec(f"{self.__name__}.{file}") is not None:
                found = vars(importlib.import_module(f"{self.__name__}.{file}")).get(name)
                if found is not None:
                    return found
        if not self._whole:
            self._whole = True
            exec(compile(Path(str(self.__file__)).read_text(), str(self.__file__), "exec"), vars(self))  # noqa: S102
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"{self.__name__} has no {name}")


def _files(name: str) -> tuple[str, ...]:
    """Return the files in which a class may be; a resource's arguments are with it."""
    if not name[0].isupper():
        return ()
    return (*(_WORDS.sub("_", one).lower() for one in {name: None, name.removesuffix("Args"): None}), *_SHARED)


def load_when_asked_for(packages: Iterable[str]) -> None:
    """Put lazy packages into the place of these, ``pulumi_aws.ec2``, unless they are loaded already."""
    for name in packages:
        parent, _, leaf = name.rpartition(".")
        above = importlib.import_module(parent)
        if f"{name}._inputs" not in sys.modules:
            # The package above has a module of Pulumi's there, which would load everything in its turn.
            sys.modules[name] = made = LazyPackage(name)
            setattr(above, leaf, made)
