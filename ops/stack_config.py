"""The two run-time keys in ``Pulumi.<stack>.yaml``: put in by ``up``, taken out by ``down``, nothing else touched.

The engine rewrites the whole file when it stores a key and drops blank lines and comments' spacing on the way. So these
functions edit the text: what ``insert`` adds, ``strip`` removes to the byte.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from config.literals import PROJECT

SALT_KEY: Final = "encryptionsalt"
PROVIDER_KEY: Final = "secretsprovider"
MASTER_SECRET_KEY: Final = f"{PROJECT}:master_secret"

_PASSPHRASE: Final = ("passphrase", "default")
"""Names of the provider that has a passphrase."""
_SALT: Final = re.compile(rf"^{SALT_KEY}:[^\n]*(?:\n|\Z)", re.MULTILINE)
_SECRET: Final = re.compile(
    rf"^[ ]+[\"']?{re.escape(MASTER_SECRET_KEY)}[\"']?:[ ]*\n[ ]+secure:[^\n]*(?:\n|\Z)", re.MULTILINE
)
_CONFIG: Final = re.compile(r"^config:[ ]*(?:#[^\n]*)?\n", re.MULTILINE)
_FIRST_KEY: Final = re.compile(r"^([ ]+)[^ #\n]", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RuntimeKeys:
    """What a stack on this machine has of its own. Both are safe to store: the salt is public, the secret encrypted."""

    salt: str | None = None
    """``encryptionsalt``: key derivation salt, with a known text encrypted to recognise the passphrase."""
    master_secret: str | None = None
    """Ciphertext of the master secret."""

    def or_else(self, other: "RuntimeKeys") -> "RuntimeKeys":
        """Return these keys if there is a salt, else the others: a ciphertext is worth nothing without its salt."""
        return self if self.salt else other


def find(text: str) -> RuntimeKeys:
    """Read the run-time keys from a stack's configuration; raises ValueError when it is no YAML mapping."""
    document = _mapping(text)
    config = document.get("config") or {}
    secret = config.get(MASTER_SECRET_KEY) if isinstance(config, dict) else None
    return RuntimeKeys(
        salt=document.get(SALT_KEY), master_secret=secret.get("secure") if isinstance(secret, dict) else None
    )


def is_under_key(text: str) -> bool:
    """Tell whether a key of KMS or the like opens the stack's secrets, rather than a passphrase; raises as ``find``."""
    return (_mapping(text).get(PROVIDER_KEY) or _PASSPHRASE[0]) not in _PASSPHRASE


def _mapping(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML ({getattr(error, 'problem', None) or error})") from None
    if not isinstance(document, dict):
        raise ValueError("it is no YAML mapping")
    return document


def strip(text: str) -> str:
    """Remove the run-time keys, wherever they stand; a configuration that held nothing else becomes empty."""
    kept = _SECRET.sub("", _SALT.sub("", text))
    return "" if kept.strip() == "config:" and kept != text else kept


def insert(text: str, keys: RuntimeKeys) -> str:
    """Put the run-time keys into a configuration, so that ``strip`` gives it back byte for byte.

    Raises ValueError when ``config`` is there but is no block mapping.
    """
    text = strip(text)
    if keys.master_secret:
        head = _CONFIG.search(text)
        if head is None:
            if re.search(r"^config:", text, re.MULTILINE):
                raise ValueError("its `config` must be a block mapping, one key per line")
            text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}config:\n"
        begin = head.end() if head else len(text)
        first = _FIRST_KEY.search(text, begin)
        indent = first[1] if first else "  "
        block = f"{indent}{MASTER_SECRET_KEY}:\n{indent * 2}secure: {keys.master_secret}\n"
        text = text[:begin] + block + text[begin:]
    if keys.salt:
        text = f"{SALT_KEY}: {keys.salt}\n{text}"
    return text
