"""What librdkafka says went wrong, as this package's errors."""

import logging
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from pyairtable_events.errors import BusFailed, EventsError, Fenced, PartitionsLost

log = logging.getLogger(__name__)

REQUEST_TIMEOUT: Final = 30.0
"""Seconds a request to a coordinator may take, retries included."""
RAISED: Final = (KafkaException, SystemError)
"""What librdkafka's binding raises: the error that ends a producer may come as the cause of a SystemError."""

_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.FENCED_INSTANCE_ID}
)
_GONE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
    }
)
"""A group that has given the member's partitions away."""
REFUSED: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Waiting doesn't help against these."""


class Trouble:
    """The last error that librdkafka told of by itself: it explains a timeout."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Keep an error."""
        self.last = error
        log.warning("Kafka: %s", error.str())

    def explain(self, text: str) -> str:
        """Return a text with what was told last."""
        return f"{text} (before that: {self.last.str()})" if self.last is not None else text

    def error(self, who: str, error: KafkaError) -> EventsError:
        """Return what to raise: Fenced, PartitionsLost or BusFailed."""
        if error.code() in _FENCED:
            return Fenced(f"{who}: {error.str()}")
        if error.code() in _GONE:
            return PartitionsLost(f"{who}: {error.str()}")
        return BusFailed(self.explain(f"{who}: {error.str()}"))


def error_of(failure: BaseException) -> KafkaError:
    """Return the error that an exception of librdkafka's binding carries."""
    if not isinstance(failure, KafkaException) and failure.__cause__ is not None:
        failure = failure.__cause__
    error = failure.args[0] if failure.args else None
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError._FAIL, str(failure))
