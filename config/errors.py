"""Problems of a configuration, each as one sentence: path, value, what is allowed, remedy."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.base import duration_text

_SECRET_NAME: Final = re.compile(r"passw|passphrase|secret|token|jaas|private|(^|[._-])key($|[._-])", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Tell whether what is called so may be a secret; too often rather than too seldom."""
    return bool(_SECRET_NAME.search(name))


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place of the configuration."""

    path: str
    """As written in YAML: ``kafka.pools[0].storage.size``."""
    value: str
    """The offending value, never a secret; empty when something is missing."""
    allowed: str
    remedy: str

    def __str__(self) -> str:
        """Return the sentence a user reads."""
        value = "its value" if self.value and is_secret_name(self.path) else self.value
        value = f"{value} is refused: " if value else ""
        return f"{self.path}: {value}{self.allowed}; {self.remedy}"


class ConfigError(Exception):
    """All problems of a configuration at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{head} in the configuration:", *(f"  {problem}" for problem in self.problems)]))


def dotted(location: Sequence[str | int]) -> str:
    """Write a location as ``pulumi config set --path`` takes it: ``pools[0].name``, ``topics["a.b"].retention``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def shown(value: object) -> str:
    """Return a short form of a value for a message."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, timedelta):
        return duration_text(value)
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def near(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean …?`` for a misspelt name, nothing when none is near."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean …?`` for a misspelt name, or a short list of what there is."""
    names = sorted(known)
    if not names:
        return "remove it"
    return near(name, names) or (f"use one of {', '.join(names)}" if len(names) <= 20 else "correct the name")


_ALLOWED = {
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "string_type": "it must be text",
    "tuple_type": "it must be a list",
    "frozen_set_type": "it must be a list",
    "mapping_type": "it must be a mapping",
    "model_type": "it must be a mapping",
    "dict_type": "it must be a mapping",
}


def from_pydantic(error: ValidationError, model: type[BaseModel], at: Sequence[str | int]) -> list[Problem]:
    """Translate pydantic's findings about a ``model`` that was read at location ``at``."""
    return [_problem(details, model, at) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel], at: Sequence[str | int]) -> Problem:
    location = [part for part in details["loc"] if part not in _UNION_TAGS]
    path, value, kind = dotted([*at, *location]), shown(details["input"]), details["type"]
    if kind == "missing":
        return Problem(path, "", "it is missing", f"add it: {_described(model, location)}")
    if kind == "extra_forbidden":
        known = _fields(model, location[:-1])
        return Problem(path, "", "there is no such key", suggestion(str(location[-1]), known))
    if kind == "enum":
        return Problem(path, value, f"allowed are {details['ctx']['expected']}", "choose one of them")
    if kind == "value_error":
        return Problem(path, value, str(details["ctx"]["error"]), "correct the value")
    allowed = _ALLOWED.get(kind, details["msg"][:1].lower() + details["msg"][1:])
    return Problem(path, value, allowed, "correct the value")


_UNION_TAGS = frozenset({"str", "int", "float", "bool"})


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    found: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        field = found.model_fields.get(part) if isinstance(found, type) and issubclass(found, BaseModel) else None
        if field is None:
            return None
        found = next(
            (a for a in _candidates(field.annotation) if isinstance(a, type) and issubclass(a, BaseModel)), None
        )
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _candidates(annotation: Any) -> list[Any]:
    return [annotation, *getattr(annotation, "__args__", ())]


def _fields(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    owner = _model_at(model, location)
    return list(owner.model_fields) if owner else []


def _described(model: type[BaseModel], location: Sequence[str | int]) -> str:
    owner = _model_at(model, location[:-1])
    field = owner.model_fields.get(str(location[-1])) if owner else None
    text = (field.description or "").split("\n")[0].split(";")[0].rstrip(".") if field else ""
    return text or f"a value for {location[-1]}"
