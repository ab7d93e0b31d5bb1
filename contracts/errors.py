"""What is wrong with a schema, each problem as one sentence."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place of one subject."""

    subject: str
    path: str
    """Field in the schema: ``payload.SignedIn.method``; empty for the schema as a whole."""
    message: str
    """What is wrong, and the remedy."""

    def __str__(self) -> str:
        """Return the line a user reads."""
        where = f"{self.subject}: " if self.subject else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class ContractError(Exception):
    """All problems of one or more subjects at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
