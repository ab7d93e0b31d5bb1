"""Where things are in the registry's and the proxy's containers, and on which ports of the pod they listen."""

from typing import Final

CONFIG: Final = "/etc/schema-registry/registry.properties"
"""Secret: it holds the password towards Kafka."""
JVM_OPTIONS: Final = "/etc/schema-registry/jvm/options"
LOGGING: Final = "/etc/schema-registry/jvm/log4j2.properties"
CLUSTER_CA: Final = "/etc/schema-registry/trust/ca.pem"
PROXY_CONFIG: Final = "/etc/nginx/nginx.conf"
"""Where nginx looks by itself."""
PASSWORDS: Final = "/etc/schema-registry-proxy/passwords/users"
CERTIFICATE: Final = "/etc/schema-registry-proxy/tls/tls.crt"
PRIVATE_KEY: Final = "/etc/schema-registry-proxy/tls/tls.key"
TEMPORARY: Final = "/tmp"  # noqa: S108
USER: Final = 1000

FIRST_PROCESS_PORT: Final = 8090
"""Replica n listens here plus n, on its pod's loopback: the number tells Confluent's replicas apart."""
