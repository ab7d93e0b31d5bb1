"""Kafka users of the platform's own parts."""

from config.platform import PlatformSpec
from manifests.acl import KafkaUser
from manifests.connect_topics import connect_user
from manifests.kafka_ui import kafka_ui_user
from manifests.ksqldb_acl import ksqldb_user
from manifests.schema_registry_access import kafka_users


def platform_users(platform: PlatformSpec) -> tuple[KafkaUser, ...]:
    """Return a user for each part of the platform that logs in to Kafka."""
    users: list[KafkaUser] = [*kafka_users(platform.schema_registry)]
    if platform.connect is not None:
        users.append(connect_user(platform.connect))
    if platform.ksqldb is not None:
        users.append(ksqldb_user(platform.ksqldb))
    if platform.consoles is not None and platform.consoles.kafka_ui is not None:
        users.append(kafka_ui_user(platform.consoles.kafka_ui))
    return tuple(users)
