"""A deletion or replacement that a release's changelog announces."""

from fnmatch import fnmatchcase
from typing import Final

from pydantic import field_validator

from config.base import Spec
from upgrades.judgement import Loss, Operation

_FEWEST: Final = 3
"""Characters: otherwise one line could announce everything of a type, and hide what nobody meant."""


class Announcement(Spec):
    """What goes or is made anew, where, why, and what has to be done about it."""

    operation: Operation
    """``delete``: it is gone afterwards; ``replace``: another one has its place."""
    type: str
    """The resources' type token, as the engine's URNs have it: ``kafka:index/topic:Topic``."""
    name: str
    """Their name in the program; ``*``, ``?`` and ``[…]`` as in file names, and at least three other characters."""
    stacks: tuple[str, ...]
    """Stacks where it happens, each of which has such a resource."""
    reason: str
    """Why it can't be spared."""
    operator: str
    """What has to be done before, during or after the update; ``nothing`` is an answer."""

    @field_validator("type")
    @classmethod
    def _is_token(cls, value: str) -> str:
        if value.count(":") != 2 or not all(value.split(":")) or set(value) & set("*?[$ "):
            raise ValueError("a type is a whole token, package:module:Name")
        return value

    @field_validator("name")
    @classmethod
    def _names_something(cls, value: str) -> str:
        if sum(character not in "*?[]" for character in value) < _FEWEST:
            raise ValueError(f"a pattern has at least {_FEWEST} characters that stand for themselves")
        return value

    @field_validator("stacks")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("at least one stack, each once")
        return value

    @field_validator("reason", "operator")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it must say something")
        return value

    def covers(self, loss: Loss) -> bool:
        """Tell whether this announces a loss."""
        return (
            loss.stack in self.stacks
            and (loss.operation, loss.type) == (self.operation, self.type)
            and fnmatchcase(loss.name, self.name)
        )
