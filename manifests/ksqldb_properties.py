"""Everything ksqlDB reads at its start, as files."""

import json
from collections.abc import Mapping
from typing import Any, Final

from config.literals import KSQLDB_INTERNAL_PORT, KSQLDB_PORT, KSQLDB_USER, Listener
from manifests import ksqldb_paths as paths
from manifests.jvm_options import argument_file
from manifests.ksqldb import CLI, KsqlDbCluster
from manifests.ksqldb_acl import processing_log_topic
from manifests.server_properties import bootstrap_servers

_REALM: Final = "KsqlServer"
_ROLE: Final = "user"
_LIBRARIES: Final = (
    *("ksqldb-tools", "confluent-security/ksql", "monitoring-interceptors", "ksqldb", "ksqldb-cli"),
    *("ksqldb-rest-app", "ksqldb-engine", "rest-utils", "confluent-telemetry", "confluent-common", "ksqldb-server"),
)
"""Folders of jars in the order of upstream's bin/ksql-run-class; each image has some of them."""
_CLASS_PATH: Final = ":".join(f"/usr/share/java/{folder}/*" for folder in _LIBRARIES)


def _secret(folder: str, file: str) -> str:
    return f"${{dir:{folder}:{file}}}"


def kafka_client_settings(cluster: KsqlDbCluster) -> dict[str, str]:
    """Return the settings of all Kafka clients in a server, by their Kafka names; secrets are named by their files.

    ksqlDB's HTTP listener takes the unprefixed ``ssl.*`` for its own as well, and reads JKS and PKCS #12 only: hence
    no PEM. A store of type JKS may hold PKCS #12 (keystore.type.compat of Java's security properties), and the client
    with which servers reach each other knows no other type.
    """
    password = _secret(paths.SECRETS, paths.STORE_PASSWORD)
    return {
        "bootstrap.servers": bootstrap_servers(cluster.namespace, Listener.INTERNAL),
        "config.providers": "dir",
        "config.providers.dir.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        "config.providers.dir.param.allowed.paths": f"{paths.SECRETS},{paths.KAFKA}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": cluster.kafka.scram_mechanism.value,
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{KSQLDB_USER}" password="{_secret(paths.KAFKA, "password")}";',
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.key.password": password,
        "ssl.keystore.location": paths.KEY_STORE,
        "ssl.keystore.password": password,
        "ssl.keystore.type": "JKS",
        "ssl.truststore.location": paths.TRUST_STORE,
        "ssl.truststore.password": password,
        "ssl.truststore.type": "JKS",
    }


def ksqldb_properties(cluster: KsqlDbCluster, pod: str) -> dict[str, str]:
    """Return all settings of one server; there is no secret in them."""
    spec = cluster.spec
    replicas = str(cluster.kafka.replication_factor)
    settings = {
        **kafka_client_settings(cluster),
        "ksql.service.id": spec.service_id,
        "listeners": f"https://0.0.0.0:{KSQLDB_PORT}",
        "ssl.client.authentication": "NONE",
        "authentication.method": "BASIC",
        "authentication.realm": _REALM,
        "authentication.roles": _ROLE,
        # What probes ask for; it tells version, cluster id and service id.
        "authentication.skip.paths": "/info",
        # Servers prove themselves to each other by certificate: no client reaches heartbeats, lags and forwarded pulls.
        "ksql.internal.listener": f"https://0.0.0.0:{KSQLDB_INTERNAL_PORT}",
        "ksql.internal.ssl.client.authentication": "REQUIRED",
        "ksql.advertised.listener": f"https://{cluster.host(pod)}:{KSQLDB_INTERNAL_PORT}",
        "ksql.heartbeat.enable": "true",
        "ksql.lag.reporting.enable": "true",
        "ksql.query.pull.enable.standby.reads": "true",
        "ksql.streams.num.standby.replicas": str(min(1, spec.replicas - 1)),
        "ksql.streams.processing.guarantee": "exactly_once_v2",
        "ksql.streams.replication.factor": replicas,
        "ksql.streams.state.dir": paths.STATE_DIR,
        "ksql.internal.topic.replicas": replicas,
        "ksql.internal.topic.min.insync.replicas": str(cluster.kafka.min_insync_replicas),
        "ksql.logging.processing.topic.auto.create": "true",
        "ksql.logging.processing.topic.name": processing_log_topic(spec),
        "ksql.logging.processing.topic.replication.factor": replicas,
        # Rows are people's data: the log tells which query failed and why.
        "ksql.logging.processing.rows.include": "false",
        "confluent.support.metrics.enable": "false",
    }
    if spec.output_topic_prefix is not None:
        settings["ksql.output.topic.name.prefix"] = spec.output_topic_prefix
    if cluster.schema_registry_url is not None:
        user = f"{KSQLDB_USER}:{_secret(paths.SECRETS, paths.REGISTRY_PASSWORD)}"
        settings |= {
            "ksql.schema.registry.url": cluster.schema_registry_url,
            "ksql.schema.registry.basic.auth.credentials.source": "USER_INFO",
            "ksql.schema.registry.basic.auth.user.info": user,
        }
    return settings


def jaas_conf() -> str:
    """Return who may log in to the HTTP listener: Jetty's login module with a file, by its class name of Jetty 12."""
    module = "org.eclipse.jetty.security.jaas.spi.PropertyFileLoginModule"
    return f'{_REALM} {{\n  {module} required\n  file="{paths.USERS}"\n  debug="false";\n}};\n'


def users_properties(passwords: Mapping[str, str]) -> str:
    """Return Jetty's file of users; it is secret. Raises ValueError for a password that it would read otherwise."""
    for user, password in passwords.items():
        if not password.isascii() or not password.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"the password of {user} must be URL-safe base64")
    return "".join(f"{user}: {password},{_ROLE}\n" for user, password in sorted(passwords.items()))


def server_options(cluster: KsqlDbCluster) -> str:
    """Return the argument file of a server's JVM, up to the main class."""
    heap = cluster.spec.heap // 2**20
    return argument_file(
        [
            f"-Xms{heap}m",
            f"-Xmx{heap}m",
            "-XX:+UseG1GC",
            # A server out of memory must die and be restarted, not linger half alive.
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:+PerfDisableSharedMem",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={paths.LOGGING}",
            f"-Djava.security.auth.login.config={paths.JAAS}",
            "-Dksql.server.install.dir=/usr",
            "-Dksql.log.dir=/tmp",
            "-cp",
            _CLASS_PATH,
            "io.confluent.ksql.rest.server.KsqlServerMain",
        ]
    )


def log4j2_yaml(cluster: KsqlDbCluster) -> str:
    """Return the logging configuration: everything to the console, the processing log to its topic.

    The appender's client logs in by certificate, as this file can't refer to a secret. JSON is YAML.
    """
    client = {
        "bootstrap.servers": bootstrap_servers(cluster.namespace, Listener.MTLS),
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{paths.KAFKA}/keystore.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{paths.KAFKA}/ca.pem",
        "ssl.endpoint.identification.algorithm": "https",
        "acks": "all",
        "enable.idempotence": "true",
        # A query must not wait for its log.
        "max.block.ms": "0",
    }
    pattern = {"pattern": "%d{ISO8601} %p %m (%c)%n"}
    configuration: dict[str, Any] = {
        "Appenders": {
            "Console": {"name": "console", "target": "SYSTEM_OUT", "PatternLayout": pattern},
            "Kafka": {
                "name": "processing",
                "topic": processing_log_topic(cluster.spec),
                "syncSend": "false",
                "JsonLayout": {"compact": "true"},
                "Property": [{"name": name, "value": value} for name, value in client.items()],
            },
        },
        "Loggers": {
            "Root": {"level": "info", "AppenderRef": {"ref": "console"}},
            "Logger": [
                {
                    "name": "processing",
                    "level": "error",
                    "additivity": "false",
                    "AppenderRef": {"ref": "processing"},
                },
                {"name": "org.apache.kafka", "level": "warn"},
            ],
        },
    }
    return json.dumps({"Configuration": configuration}, indent=2) + "\n"


def cli_arguments(password: str) -> str:
    """Return the CLI's argument file, up to its options; it is secret. The password is on no command line."""
    return argument_file(
        [
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            # They would hold the whole command line, password included, in a file below /tmp.
            "-XX:-UsePerfData",
            "-Dksql.log.dir=/tmp",
            # The CLI keeps its history there.
            "-Duser.home=/tmp",
            "-cp",
            _CLASS_PATH,
            "io.confluent.ksql.Ksql",
            "--user",
            CLI,
            "--password",
            password,
            "--config-file",
            paths.CLI_PROPERTIES,
        ]
    )


def cli_command(cluster: KsqlDbCluster) -> str:
    """Return the command ``ksql`` of the CLI's pod: what it is given are options of upstream's ``ksql``."""
    return f'#!/bin/sh\nexec java @{paths.CLI_ARGUMENTS} "$@" {cluster.url}\n'


def cli_properties(store_password: str) -> dict[str, str]:
    """Return the CLI's own settings; they are secret."""
    return {"ssl.truststore.location": paths.CLI_TRUST_STORE, "ssl.truststore.password": store_password}
