"""Where things are in a Kafka Connect container, and which file of a Secret is what."""

from typing import Final

from config.connect import AvroConverter

CONFIG: Final = "/etc/kafka-connect/worker"
"""ConfigMap: what is public."""
PROPERTIES: Final = f"{CONFIG}/connect.properties"
JVM_OPTIONS: Final = f"{CONFIG}/options"
LOGGING: Final = f"{CONFIG}/log4j2.yaml"
JAAS: Final = f"{CONFIG}/jaas.conf"
KAFKA: Final = "/etc/kafka-connect/kafka"
"""Secret of the Kafka user: ``password`` and ``ca.pem`` are used."""
KAFKA_CA: Final = f"{KAFKA}/ca.pem"
REST: Final = "/etc/kafka-connect/rest"
"""Secret of the REST interface."""
CREDENTIALS: Final = f"{REST}/credentials"
KEY_STORE: Final = f"{REST}/keystore.p12"
TRUST_STORE: Final = f"{REST}/truststore.p12"
STORE_PASSWORD: Final = "store-password"  # noqa: S105  (a file's name)
SECRETS: Final = "/etc/kafka-connect/secrets"
"""Secret of the connectors: a file for each."""
REGISTRY_PASSWORD: Final = "registry-password"  # noqa: S105  (a file's name)
REGISTRY_USER_INFO: Final = "registry-user-info"
TRUST: Final = "/etc/kafka-connect/trust"
"""ConfigMap: a CA for each connector that has one."""
HEALTH: Final = "/etc/kafka-connect/health"
HEALTH_JAR: Final = f"{HEALTH}/connect-health.jar"
CONVERTER_JAR: Final = f"{HEALTH}/patient-converter.jar"
PLUGINS: Final = "/opt/kafka/plugins"
AVRO_PLUGINS: Final = {
    AvroConverter.APICURIO: f"{PLUGINS}/apicurio-avro",
    AvroConverter.CONFLUENT: f"{PLUGINS}/confluent-avro",
}
"""Where each converter lies in the image (assets/connect/Dockerfile)."""
