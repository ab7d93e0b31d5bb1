"""A service of the catalogue: what it may produce and consume, and how much."""

from config.base import Size, Spec


class QuotaSpec(Spec):
    """Client quota of a service's user, per broker (KIP-13, KIP-124)."""

    producer_bytes_per_second: Size
    consumer_bytes_per_second: Size
    request_percentage: float = 200
    """Share of one I/O and network thread's time; 200 is two threads."""


class ServiceSpec(Spec):
    """One client of the cluster. Its id is its Kafka user, its certificate's CN and the prefix of its groups."""

    id: str
    produces: tuple[str, ...] = ()
    """Topic names it writes to."""
    consumes: tuple[str, ...] = ()
    """Topic names it reads from, in consumer groups whose name starts with ``<id>``."""
    transactional: bool = False
    """It may use transactional ids that start with ``<id>`` (KIP-98)."""
    quota: QuotaSpec
    credential_generation: int = 1
    """Raise it to get a new password, see docs on rotation."""
