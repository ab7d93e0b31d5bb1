"""The document `ops preview --json` prints, read back."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import from_pydantic
from ops.failure import Failure

_STACK: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""Names of stacks that Pulumi allows."""


class _Part(BaseModel):
    """A part of the document; keys this program doesn't use are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Diff(_Part):
    """A property that changes."""

    path: str
    kind: str = "update"
    old: Any = None
    new: Any = None


class Change(_Part):
    """A resource that changes."""

    op: str
    """The engine's name of the operation: create, update, replace, delete."""
    type: str
    name: str
    diff: tuple[Diff, ...] = ()


class PreviewDocument(_Part):
    """What a preview found; changes are in the order in which the engine would make them."""

    stack: str
    changes: tuple[Change, ...]
    summary: Mapping[str, int] = {}
    warnings: tuple[str, ...] = ()


def read_preview(text: str, stack: str) -> PreviewDocument:
    """Read a preview of ``stack``; raises Failure when it is none, or of another stack."""
    remedy = f"make it with: python -m ops preview --stack {stack} --json"
    try:
        document = PreviewDocument.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(map(str, from_pydantic(error, PreviewDocument, ["preview"])[:3]))
        raise Failure(f"the preview can't be read: {problems}", remedy) from None
    if document.stack != stack or not _STACK.fullmatch(stack):
        raise Failure(f"the preview is of stack {document.stack!r}, not {stack!r}", remedy)
    return document
