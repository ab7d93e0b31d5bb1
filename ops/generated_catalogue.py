"""Topics and services by the thousand, for measurements of previews."""

from dataclasses import dataclass
from typing import Any, Final

from ops.failure import UsageFailure

PERMISSIONS: Final = 24
"""Topics a service may write to or read from; with its group, a reader has one more ACL."""
_PREFIX: Final = "pyairtable.bench."


@dataclass(frozen=True, order=True)
class Size:
    """How much a stack has beside its own catalogue."""

    topics: int
    acls: int

    def __str__(self) -> str:
        """Return it as the command line takes it."""
        return f"{self.topics}:{self.acls}"


def read_size(text: str) -> Size:
    """Read ``TOPICS:ACLS``; raises UsageFailure where there are too few topics for the ACLs, or it is no size."""
    topics, colon, acls = text.partition(":")
    if not colon or not all(part.isascii() and part.isdecimal() for part in (topics, acls)):
        raise UsageFailure(f"{text!r} is no size", "give TOPICS:ACLS, as in 100:500")
    size = Size(int(topics), int(acls))
    if size.acls and size.topics <= PERMISSIONS:
        raise UsageFailure(f"{size}: ACLs need more than {PERMISSIONS} topics", "give more topics, or no ACLs")
    return size


def overlay(size: Size) -> dict[str, Any]:
    """Return an overlay that adds so many topics, and services that have so many ACLs together.

    Every topic is written by one service as far as the ACLs go; the rest of them read. A single ACL that is left over
    is a producer's transactional id.
    """
    names = [f"{_PREFIX}{number:04d}" for number in range(size.topics)]
    written = names[: size.acls]
    readers, rest = divmod(size.acls - len(written), PERMISSIONS + 1)
    reads = [PERMISSIONS] * readers + ([rest - 1] if rest > 1 else [])
    services: list[dict[str, Any]] = [
        {"produces": written[first : first + PERMISSIONS]} for first in range(0, len(written), PERMISSIONS)
    ]
    if rest == 1:
        services[0]["transactional"] = True
    at = 0
    for count in reads:
        services.append({"consumes": [names[(at + index) % len(names)] for index in range(count)]})
        at += count
    return {
        "topics": {name: _topic() for name in names},
        "services": {f"bench-{number:04d}": _service(access) for number, access in enumerate(services)},
    }


def _topic() -> dict[str, Any]:
    # Little enough that a thousand fit any stack's disks.
    return {
        "partitions": 3,
        "retention": "1h",
        "compression": "lz4",
        "purpose": "Measurement of previews",
        "bytes_per_second": 100,
    }


def _service(access: dict[str, Any]) -> dict[str, Any]:
    return {**access, "quota": {"producer_bytes_per_second": "10Mi", "consumer_bytes_per_second": "10Mi"}}
