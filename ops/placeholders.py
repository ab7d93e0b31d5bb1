"""What stands in for what people still have to set, where nothing is made with it: digests of images, secrets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.build import build_platform, merge
from config.connect import ConnectSpec
from config.errors import ConfigError
from config.literals import PROJECT
from config.load import CONNECT_SECRETS, MASTER_SECRET
from config.platform import PlatformSpec

DIGEST: Final = f"sha256:{'0' * 64}"
"""No image has it: what is nevertheless made with it can't be pulled."""


@dataclass(frozen=True, kw_only=True)
class Placeholders:
    """What a stack doesn't have yet, by the paths of its configuration."""

    digests: tuple[str, ...] = ()
    connect_secrets: tuple[str, ...] = ()
    """Names of secrets that connectors use."""

    def told(self) -> list[str]:
        """Say what is assumed, one sentence a kind; the remedies are what ``up`` says when it refuses."""
        secrets = [f"{PROJECT}:{MASTER_SECRET}", *(f"{PROJECT}:{CONNECT_SECRETS}.{it}" for it in self.connect_secrets)]
        said = [
            "nothing of this stack is set up here, and PULUMI_BACKEND_URL names no state: this preview is of a stack "
            "made from nothing, whatever exists, and its state was thrown away",
            f"{_count(len(secrets), 'secret')} not set, random text stands in, `up` refuses: {', '.join(secrets)}",
        ]
        if self.digests:
            digests = _count(len(self.digests), "image digest")
            said.append(f"{digests} not set, {DIGEST[:15]}… stands in, `up` refuses: {', '.join(self.digests)}")
        return said


def completed(stack: str, values: Mapping[str, Any]) -> tuple[PlatformSpec, tuple[str, ...]]:
    """Build a stack's typed tree, placeholders in the place of digests that aren't set; return the paths of those.

    Raises ConfigError with every other problem.
    """
    try:
        return build_platform(stack, values), ()
    except ConfigError as error:
        # Digests that are there and wrong are no reason to put others in their place.
        missing = {it: it.path for it in error.problems if it.path.endswith("digest") and not it.value}
        if others := [problem for problem in error.problems if problem not in missing]:
            raise ConfigError(others) from None
    digests = tuple(missing.values())
    return build_platform(stack, with_digests(values, digests)), digests


def with_digests(values: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return a stack's values with placeholders at these paths."""
    found = dict(values)
    for path in paths:
        found = merge(found, _nested(path.split("."), DIGEST))
    return found


def missing_connect_secrets(connect: ConnectSpec | None, there: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of secrets that connectors use and that are neither derived nor there."""
    if connect is None:
        return ()
    return tuple(sorted(set(connect.secret_names) - set(connect.derived_secrets) - set(there)))


def _nested(keys: list[str], value: str) -> Any:
    return {keys[0]: _nested(keys[1:], value)} if keys else value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"
