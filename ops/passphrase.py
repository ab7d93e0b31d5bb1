"""Recognises a stack's passphrase without the engine, so that a wrong one is told before anything else begins.

The engine's format (``pkg/secrets/passphrase``): ``v1:<salt>:v1:<nonce>:<ciphertext>``, base64 each; the key is
PBKDF2-HMAC-SHA-256 of the passphrase with 1,000,000 iterations, the ciphertext is ``pulumi`` under AES-256-GCM.
"""

import binascii
from base64 import b64decode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

_ITERATIONS: Final = 1_000_000
_PLAINTEXT: Final = b"pulumi"


def fits(passphrase: str, encryption_salt: str) -> bool:
    """Tell whether the passphrase made this ``encryptionsalt``; a format from another engine counts as fitting."""
    parts = encryption_salt.split(":")
    if len(parts) != 5 or parts[0] != "v1" or parts[2] != "v1":
        return True
    try:
        salt, nonce, ciphertext = (b64decode(parts[index], validate=True) for index in (1, 3, 4))
    except binascii.Error:
        return False
    key = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=_ITERATIONS).derive(passphrase.encode())
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, None) == _PLAINTEXT
    except (InvalidTag, ValueError):
        return False
