"""Passwords derived from a stack's master secret."""

import base64
import hashlib
import hmac
from typing import Final

_SALT: Final = b"kafka-platform/scram/v1"
_LENGTH: Final = 30
"""Bytes: 240 bits, and 40 characters of base64 without padding."""


def derive_password(master_secret: str, user: str, generation: int) -> str:
    """Derive a user's password by HKDF-SHA-256 (RFC 5869) from the master secret.

    User name and generation are HKDF's info, so that each pair has a password of its own. Returns 40 characters of URL-safe
    base64, which are safe in properties files, JAAS lines and shells.
    """
    extracted = hmac.digest(_SALT, master_secret.encode(), hashlib.sha256)
    # One block of HKDF-Expand: 32 bytes are enough for 30.
    expanded = hmac.digest(extracted, f"{user}\0{generation}".encode() + b"\x01", hashlib.sha256)
    return base64.urlsafe_b64encode(expanded[:_LENGTH]).decode()
