"""Which tests go to which worker when several run side by side."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

LAB: Final = frozenset({"e2e", "e2e_lifecycle"})
"""Marks of modules that need the lab."""


class LabScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """All that needs the lab is one worker's, in its order; every other file is whoever's is free."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "lab" if LAB & marks(Path(str(self.config.rootpath)) / file) else file


@cache
def marks(file: Path) -> frozenset[str]:
    """Return the marks that a module gives all of its tests, by ``pytestmark``.

    The process that hands tests out has only their names: workers collect them.
    """
    found = [
        node.attr
        for statement in ast.parse(file.read_text()).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark"
        for node in ast.walk(statement.value)
        if isinstance(node, ast.Attribute)
    ]
    return frozenset(found)
