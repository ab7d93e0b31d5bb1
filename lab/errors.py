"""Errors of the lab. Every message is one sentence that ends in the way out."""


class LabError(Exception):
    """The lab can't do what it was asked for."""


class Unanswered(LabError):
    """The API server said nothing in time, or can't be reached."""


class Cancelled(LabError):
    """A start was told to stop, by a signal or because another of its steps failed."""
