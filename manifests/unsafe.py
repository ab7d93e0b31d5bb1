"""The refusal all manifests share."""


class UnsafeManifest(ValueError):
    """An object that would put data, availability or a secret at risk; the message says what, and what is allowed."""
