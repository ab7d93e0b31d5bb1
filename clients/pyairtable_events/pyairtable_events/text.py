"""Text as it can be written: Python's strings may hold what UTF-8 has no form for."""


def text_of(text: str) -> str:
    r"""Return a text with lone surrogates, as of a file name in another encoding, as escapes: ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode()
