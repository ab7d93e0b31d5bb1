"""Where things are in a Kafka container, and who runs it."""

from typing import Final

LIBRARIES: Final = "/opt/kafka/libs"
CONFIG: Final = "/etc/kafka/server.properties"
JVM_OPTIONS: Final = "/etc/kafka/jvm/options"
LOGGING: Final = "/etc/kafka/jvm/log4j2.yaml"
AGENT: Final = "/etc/kafka/agent"
AGENT_JAR: Final = "/etc/kafka/agent/readiness-agent.jar"
AGENT_CONFIG: Final = "/etc/kafka/readiness.properties"
KEYSTORE: Final = "/etc/kafka/tls/keystore.pem"
CLUSTER_CA: Final = "/etc/kafka/trust/cluster-ca.pem"
CLIENTS_CA: Final = "/etc/kafka/trust/clients-ca.pem"
FORMAT_ARGUMENTS: Final = "/etc/kafka/format/arguments"
DATA: Final = "/var/lib/kafka/data"
LOG_DIR: Final = f"{DATA}/log"
"""A folder below the volume's root: file systems put lost+found there, which Kafka would take for a partition."""
USER: Final = 1000
"""``appuser`` of the image apache/kafka."""
