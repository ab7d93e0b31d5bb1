"""Where things are in ksqlDB's containers, and who runs them."""

from typing import Final

CONFIG: Final = "/etc/ksqldb/ksql-server.properties"
RUNTIME: Final = "/etc/ksqldb/runtime"
JVM_OPTIONS: Final = f"{RUNTIME}/options"
LOGGING: Final = f"{RUNTIME}/log4j2.yaml"
JAAS: Final = f"{RUNTIME}/jaas.conf"
SECRETS: Final = "/etc/ksqldb/secrets"
"""Key store, trust store, their password, users of the HTTP listener, the schema registry's password."""
KEY_STORE: Final = f"{SECRETS}/keystore.p12"
TRUST_STORE: Final = f"{SECRETS}/truststore.p12"
STORE_PASSWORD: Final = "store-password"  # noqa: S105
"""Name of the file, as Kafka's DirectoryConfigProvider wants it."""
REGISTRY_PASSWORD: Final = "registry-password"  # noqa: S105
USERS: Final = f"{SECRETS}/users.properties"
KAFKA: Final = "/etc/ksqldb/kafka"
"""The Kafka user's credential."""
STATE: Final = "/var/lib/ksqldb"
STATE_DIR: Final = f"{STATE}/streams"
"""A folder below the volume's root: file systems put lost+found there."""
CLI: Final = "/etc/ksqldb-cli"
CLI_ARGUMENTS: Final = f"{CLI}/arguments"
CLI_PROPERTIES: Final = f"{CLI}/ksql-cli.properties"
CLI_TRUST_STORE: Final = f"{CLI}/truststore.p12"
CLI_COMMAND: Final = "/usr/local/bin/ksql"
"""Goes before the image's own /usr/bin/ksql."""
USER: Final = 1000
"""``appuser`` of Confluent's images."""
