"""Text that others wrote, without the secrets that can be told by their form."""

import os
import re
from collections.abc import Mapping
from typing import Final

from config.errors import is_secret_name
from ops.markdown import SECRET

_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_NAMED: Final = re.compile(r"""([\w.\-]+)(["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;"']+)""")
"""``name=value``, ``name: value`` and JSON's form of it."""
_IN_URL: Final = re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+@")
_SHORTEST: Final = 8
"""Characters below which a variable's value is a word of the language rather than a secret."""


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return text with ``[secret]`` in place of private keys, values of secret names and secret variables' values."""
    text = _PEM.sub(SECRET, text)
    for name, value in environment.items():
        if is_secret_name(name) and not name.endswith("_FILE") and len(value) >= _SHORTEST:
            text = text.replace(value, SECRET)
    text = _IN_URL.sub(rf"\1{SECRET}@", text)
    return _NAMED.sub(lambda found: f"{found[1]}{found[2]}{SECRET}" if is_secret_name(found[1]) else found[0], text)
