"""Kafka UI: what it may do in Kafka, its settings and its pod."""

import json
from collections.abc import Mapping
from typing import Any, Final

from config.consoles import KafkaUiSpec
from config.kafka import KafkaClusterSpec
from config.literals import (
    KAFKA_UI_PORT,
    KAFKA_UI_SERVICE,
    KAFKA_UI_USER,
    PORTS,
    SCHEMA_REGISTRY_PORT,
    Listener,
)
from manifests.acl import CLUSTER, Entry, KafkaUser, Operation, Pattern, ResourceType
from manifests.console import LOGIN_USER, Console, console_deployment, console_network_policy
from manifests.jvm_options import argument_file
from manifests.labels import BROKER_LABEL, cluster_labels
from manifests.policy import DNS, pods, tcp
from manifests.server_properties import bootstrap_servers

CONFIG_MAP: Final = "kafka-ui-config"
SECRET: Final = "kafka-ui-secrets"  # noqa: S105
_CONFIG: Final = "/etc/kafka-ui/config"
SECRETS: Final = "/etc/kafka-ui/secrets"
"""A tree of files that Spring Boot reads settings from, by their names (``configtree:``)."""
TLS: Final = "/etc/kafka-ui/tls"
KAFKA_PASSWORD: Final = "kafka-password"  # noqa: S105
LOGIN_PASSWORD: Final = "login-password"  # noqa: S105
REGISTRY_PASSWORD: Final = "registry-password"  # noqa: S105
STORE_PASSWORD: Final = "store-password"  # noqa: S105


def kafka_ui(spec: KafkaUiSpec, kafka: KafkaClusterSpec, namespace: str) -> Console:
    """Return Kafka UI as a console."""
    return Console(
        app=KAFKA_UI_SERVICE,
        port=KAFKA_UI_PORT,
        spec=spec,
        kafka=kafka,
        namespace=namespace,
        kafka_client=True,
    )


def kafka_ui_user(spec: KafkaUiSpec) -> KafkaUser:
    """Return its Kafka user: it sees what there is, reads the records of listed topics, and changes nothing.

    Reading records takes no consumer group: it assigns partitions to itself.
    """
    granted = [
        *((ResourceType.CLUSTER, CLUSTER, operation) for operation in (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)),
        *((ResourceType.TOPIC, "*", operation) for operation in (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)),
        (ResourceType.GROUP, "*", Operation.DESCRIBE),
        *((ResourceType.TOPIC, topic, Operation.READ) for topic in spec.reads),
        *((ResourceType.TOPIC, topic, Operation.WRITE) for topic in spec.writes),
    ]
    entries = (
        Entry(principal=KAFKA_UI_USER, resource_type=kind, name=name, operation=operation, pattern=Pattern.LITERAL)
        for kind, name, operation in granted
    )
    return KafkaUser(
        name=KAFKA_UI_USER,
        entries=tuple(sorted(entries)),
        quota=spec.quota,
        credential_generation=spec.credential_generation,
    )


def kafka_client_settings(console: Console) -> dict[str, str]:
    """Return the settings of its Kafka clients; ``${…}`` is what Spring fills in from SECRETS."""
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": console.kafka.scram_mechanism.value,
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{KAFKA_UI_USER}" password="${{{KAFKA_PASSWORD}}}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{TLS}/kafka-ca.pem",
        "ssl.endpoint.identification.algorithm": "https",
    }


def application_yaml(console: Console, *, read_only: bool, schema_registry_url: str | None) -> str:
    """Return its settings: a login form, TLS, one cluster. There is no secret in them. JSON is YAML."""
    cluster: dict[str, Any] = {
        "name": console.kafka.name,
        "bootstrapServers": bootstrap_servers(console.namespace, Listener.INTERNAL),
        "readOnly": read_only,
        "properties": kafka_client_settings(console),
    }
    if schema_registry_url is not None:
        # Its client of the registry takes no PEM.
        trust = {"truststoreLocation": f"{TLS}/truststore.p12", "truststorePassword": f"${{{STORE_PASSWORD}}}"}
        cluster |= {
            "schemaRegistry": schema_registry_url,
            "schemaRegistryAuth": {"username": KAFKA_UI_USER, "password": f"${{{REGISTRY_PASSWORD}}}"},
            "ssl": trust,
        }
    settings = {
        "auth": {"type": "LOGIN_FORM"},
        # Nobody adds clusters or credentials in the page.
        "dynamic.config.enabled": False,
        "kafka": {"clusters": [cluster]},
        "management": {
            "endpoint.health": {"show-details": "never", "show-components": "never"},
            "endpoints.web.exposure.include": "health",
        },
        "logging.level": {"io.kafbat.ui": "INFO"},
        "server": {
            "port": console.port,
            "ssl": {
                "certificate": f"file:{TLS}/tls.crt",
                "certificate-private-key": f"file:{TLS}/tls.key",
                "enabled-protocols": ["TLSv1.3", "TLSv1.2"],
            },
        },
        "spring": {
            "config.import": f"configtree:{SECRETS}/",
            "security.user": {"name": LOGIN_USER, "password": f"${{{LOGIN_PASSWORD}}}"},
        },
    }
    return json.dumps(settings, indent=2) + "\n"


def jvm_options(spec: KafkaUiSpec) -> str:
    """Return the argument file of its JVM, with the program and where its settings are."""
    heap = spec.heap // 2**20
    return argument_file(
        [
            f"-Xms{heap}m",
            f"-Xmx{heap}m",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:+PerfDisableSharedMem",
            # As upstream's own start does, for JMX over TLS.
            "--add-opens=java.rmi/javax.rmi.ssl=ALL-UNNAMED",
            "-jar",
            "/api.jar",
            f"--spring.config.additional-location=file:{_CONFIG}/application.yaml",
        ]
    )


def kafka_ui_deployment(console: Console, tls_secret: str, secret: str, checksum: Any) -> dict[str, Any]:
    """Return its Deployment."""
    password = [{"key": "password", "path": KAFKA_PASSWORD}]
    volumes: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "config": (_CONFIG, {"configMap": {"name": CONFIG_MAP}}),
        "tls": (TLS, {"secret": {"secretName": tls_secret, "defaultMode": 0o440}}),
        "secrets": (
            SECRETS,
            {
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [
                        {"secret": {"name": secret}},
                        {"secret": {"name": f"kafka-client-{KAFKA_UI_USER}", "items": password}},
                    ],
                }
            },
        ),
    }
    return console_deployment(console, ["java", f"@{_CONFIG}/options"], "/actuator/health", volumes, checksum)


def kafka_ui_network_policy(console: Console, *, schema_registry: bool) -> dict[str, Any]:
    """Return its policy: out to brokers, and to the schema registry where there is one."""
    brokers = pods({**cluster_labels(console.kafka.name), BROKER_LABEL: "true"})
    egress: list[Mapping[str, Any]] = [{"to": brokers, "ports": tcp(PORTS[Listener.INTERNAL])}, DNS]
    if schema_registry:
        egress.append({"to": [{"podSelector": {}}], "ports": tcp(SCHEMA_REGISTRY_PORT)})
    return console_network_policy(console, egress)
