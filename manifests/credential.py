"""Passwords derived from a stack's master secret."""

import base64
import hmac
from typing import Final

_SALT: Final = b"kafka-platform"
SCRAM: Final = "scram/v1"
"""Purpose of a password for Kafka. Another use of the master secret takes another purpose, and gets passwords that have
nothing to do with these."""
REGISTRY: Final = "registry/v1"
"""Purpose of a password for the schema registry."""
CONNECT_REST: Final = "connect-rest/v1"
"""Purpose of a password for Kafka Connect's REST interface."""
CONNECT_SECRET: Final = "connect-secret/v1"  # noqa: S105
"""Purpose of a password a connector has towards others."""
KSQLDB: Final = "ksqldb/v1"
"""Purpose of a password for ksqlDB's HTTP listener."""
CONSOLE: Final = "console/v1"
"""Purpose of a password for a console's login form."""
KEY_STORE: Final = "key-store/v1"
"""Purpose of a password that a key store file is encrypted with."""
_OWNER: Final = "owner/v1"
_LENGTH: Final = 30
"""Bytes: 240 bits, and 40 characters of base64 without padding."""


def derive_password(master_secret: str, user: str, generation: int, purpose: str = SCRAM) -> str:
    """Derive a user's password by HKDF-SHA-256 (RFC 5869) from the master secret.

    Purpose, user name and generation are HKDF's info, so each user has a password of its own, and a new one with each
    generation. Returns 40 characters of URL-safe base64: plain text to properties files, JAAS lines and shells.
    Raises ValueError for an empty secret or user, a user with a null character, or a generation below 1.
    """
    if not master_secret:
        raise ValueError("the master secret is empty; nothing secret can be derived from it")
    if not user or "\0" in user:
        raise ValueError(f"user {user!r} is refused: a user has at least one character and none is null")
    if generation < 1:
        raise ValueError(f"generation {generation} of {user} is refused: the first generation is 1")
    extracted = hmac.digest(_SALT, master_secret.encode(), "sha256")
    info = f"{purpose}\0{user}\0{generation}".encode()
    # The first block of HKDF-Expand has 32 bytes: no second one is needed.
    expanded = hmac.digest(extracted, info + b"\x01", "sha256")
    return base64.urlsafe_b64encode(expanded[:_LENGTH]).decode()


def owner_id(master_secret: str, stack: str) -> str:
    """Return 16 characters that tell a stack from others that use the same cluster. They are no secret: HKDF's output
    for one purpose says nothing about its output for another (RFC 5869, 3.2), nor about the master secret.
    """
    return derive_password(master_secret, stack, 1, _OWNER)[:16]
