"""The log that is Kafka, through librdkafka."""

from typing import Any

from pyairtable_events.kafka_consumer import KafkaConsumer
from pyairtable_events.kafka_producer import KafkaProducer, KafkaTransactionalProducer
from pyairtable_events.record import LARGEST_DECISION
from pyairtable_events.settings import KafkaSettings


def client_configuration(settings: KafkaSettings) -> dict[str, Any]:
    """Return librdkafka's settings of the connection; secrets are in it."""
    configuration: dict[str, Any] = {
        "bootstrap.servers": settings.brokers,
        "security.protocol": settings.security_protocol.value,
        "client.id": settings.username or "pyairtable-events",
    }
    if settings.security_protocol.sasl:
        configuration |= {
            "sasl.mechanism": settings.sasl_mechanism.value,
            "sasl.username": settings.username,
            "sasl.password": settings.password,
        }
    if settings.security_protocol.encrypted:
        files = {
            "ssl.ca.pem": settings.ssl_ca,
            "ssl.ca.location": settings.ssl_ca_location,
            "ssl.certificate.location": settings.ssl_certificate_location,
            "ssl.key.location": settings.ssl_key_location,
        }
        configuration |= {name: value for name, value in files.items() if value}
        configuration["ssl.endpoint.identification.algorithm"] = "https"
    return configuration


class KafkaLog:
    """A Kafka cluster."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    def producer(self, *, gapless: bool = False) -> "KafkaProducer":
        """Return an idempotent producer, see ``record.Log``."""
        return KafkaProducer(client_configuration(self._settings), gapless=gapless)

    def transactional_producer(
        self, transactional_id: str, *, largest: int = LARGEST_DECISION
    ) -> "KafkaTransactionalProducer":
        """Take over a transactional id; raises BusFailed when the coordinator refuses or can't be reached."""
        return KafkaTransactionalProducer(client_configuration(self._settings), transactional_id, largest)

    def consumer(self, group: str, instance: str | None = None) -> "KafkaConsumer":
        """Return a member of a group."""
        return KafkaConsumer(client_configuration(self._settings), group, instance)
