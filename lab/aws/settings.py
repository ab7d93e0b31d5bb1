"""The provider's own inputs. The SDK sends what isn't text as JSON."""

import json
from collections.abc import Mapping
from typing import Any, Final

from config.errors import Problem
from lab.aws.check import UNKNOWN, problems
from lab.aws.resource import names
from lab.aws.schema import provider_fields

_ENGINES: Final = frozenset({"version", "pluginDownloadURL"})
"""What the engine itself puts beside a provider's inputs."""
_DONE: Final = names(
    "accessKey secretKey token profile region allowedAccountIds forbiddenAccountIds assumeRoles defaultTags "
    # Nothing is asked there, nothing is validated: a stand-in does these always.
    "skipMetadataApiCheck skipCredentialsValidation skipRegionValidation s3UsePathStyle"
)


def decoded(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's inputs with lists, mappings and truth values as such."""
    shapes = provider_fields().shapes
    return {
        name: _decoded(value, text=name not in shapes or str in shapes[name].scalars)
        for name, value in inputs.items()
        if name not in _ENGINES
    }


def setting_problems(inputs: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with decoded inputs."""
    return problems(inputs, provider_fields(), _DONE)


def _decoded(value: Any, *, text: bool) -> Any:
    if text or not isinstance(value, str) or value == UNKNOWN:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
