"""What the stand-in says when it can't do what the engine asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError

_GONE: Final = re.compile(r"NoSuch|NotFound|^404$")
"""In the error codes of every AWS service that means: it isn't there."""


class Refused(Exception):
    """One sentence that says what is wrong and what to do."""


def code(error: ClientError) -> str:
    """Return a service's own code for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_gone(error: ClientError) -> bool:
    """Whether a service says that what was asked for isn't there."""
    return bool(_GONE.search(code(error))) and not is_page(error)


def is_page(error: ClientError) -> bool:
    """Whether the answer is a page for a browser: the server doesn't know the operation at all."""
    return str(error.response.get("Error", {}).get("Message", "")).lstrip().lower().startswith("<!doctype html")


@contextmanager
def unless_gone() -> Iterator[None]:
    """Do nothing more where a service says that what is worked on isn't there."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise
