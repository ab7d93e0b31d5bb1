"""What lies in the brokers' log directories: DescribeLogDirs, version 4 (KIP-113, KIP-827)."""

from dataclasses import dataclass
from typing import Final

from ops.kafka_wire import Connection, Reader, WireError

DESCRIBE_LOG_DIRS: Final = 35
_VERSION: Final = 4
_ALL: Final = b"\0\0"
"""No list of topics, which means all of them, and no tagged field."""


@dataclass(frozen=True, kw_only=True)
class LogDirs:
    """A broker's log directories together."""

    sizes: dict[tuple[str, int], int]
    """Topic and partition to the bytes of the replica here."""
    total: int
    """Bytes of their file systems."""
    usable: int


def describe_log_dirs(connection: Connection) -> LogDirs:
    """Ask one broker about all it holds; raises WireError, also where a directory can't be read."""
    return parse(connection.ask(DESCRIBE_LOG_DIRS, _VERSION, _ALL, flexible=True))


def parse(answer: Reader) -> LogDirs:
    """Read the answer behind its header."""
    answer.integer(4)
    if error := answer.integer(2):
        raise WireError(f"it doesn't describe its log directories (error {error})")
    sizes: dict[tuple[str, int], int] = {}
    total = usable = 0
    for _ in range(answer.compact_count()):
        error = answer.integer(2)
        path = answer.compact_string()
        if error:
            raise WireError(f"its log directory {path} is offline (error {error})")
        for _ in range(answer.compact_count()):
            topic = answer.compact_string()
            for _ in range(answer.compact_count()):
                partition, size, _lag, _future = (answer.integer(count) for count in (4, 8, 8, 1))
                answer.tags()
                sizes[topic, partition] = sizes.get((topic, partition), 0) + size
            answer.tags()
        total, usable = total + max(0, answer.integer(8)), usable + max(0, answer.integer(8))
        answer.tags()
    return LogDirs(sizes=sizes, total=total, usable=usable)
