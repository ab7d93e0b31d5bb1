"""Settings of the registry process, for both programs: one properties file per replica, and the JVM's arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from config.literals import SCHEMA_REGISTRY_USER, RegistryImplementation
from config.schema_registry import SchemaRegistrySpec
from manifests import schema_registry_paths as paths
from manifests.client_config import properties
from manifests.jvm_options import COLLECTORS, argument_file
from manifests.schema_registry_access import CONFLUENT_TOPIC, EVENTS_TOPIC, JOURNAL_TOPIC, SNAPSHOTS_TOPIC
from manifests.schema_registry_proxy import Replica

_CLASS_PATHS: Final = {
    # bin/schema-registry-run-class of Confluent Platform 8.
    RegistryImplementation.CONFLUENT: ":".join(
        f"/usr/share/java/{folder}/*"
        for folder in ("confluent-security/schema-registry", "confluent-common", "rest-utils", "schema-registry")
    ),
    # The distribution as upstream's image and the lab's have it.
    RegistryImplementation.APICURIO: "/deployments/*",
}
_MAIN: Final = {
    RegistryImplementation.CONFLUENT: ("io.confluent.kafka.schemaregistry.rest.SchemaRegistryMain", paths.CONFIG),
    RegistryImplementation.APICURIO: ("io.quarkus.runner.GeneratedMain",),
}


@dataclass(frozen=True, kw_only=True)
class KafkaAccount:
    """How the registry logs in to the brokers."""

    bootstrap_servers: str
    """host:port of the SCRAM listener for pods."""
    mechanism: str
    username: str
    password: str = field(repr=False)


def registry_properties(
    spec: SchemaRegistrySpec, account: KafkaAccount, replica: Replica, replication_factor: int
) -> str:
    """Return a replica's properties file. It is secret, and the only place where the password stands."""
    settings = (
        _confluent(spec, account, replica, replication_factor)
        if spec.implementation is RegistryImplementation.CONFLUENT
        else _apicurio(spec, account, replica)
    )
    return properties(dict(sorted(settings.items())))


def _kafka(prefix: str, account: KafkaAccount) -> Mapping[str, str]:
    if '"' in account.password or '"' in account.username:
        raise ValueError("sasl.jaas.config: user and password must hold no double quote")
    return {
        f"{prefix}security.protocol": "SASL_SSL",
        f"{prefix}sasl.mechanism": account.mechanism,
        f"{prefix}sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{account.username}" password="{account.password}";',
        f"{prefix}ssl.truststore.type": "PEM",
        f"{prefix}ssl.truststore.location": paths.CLUSTER_CA,
        f"{prefix}ssl.endpoint.identification.algorithm": "https",
    }


def _confluent(
    spec: SchemaRegistrySpec, account: KafkaAccount, replica: Replica, replication_factor: int
) -> dict[str, str]:
    """Settings as Confluent's «Schema Registry Configuration Reference» names them.

    A replica's identity, which the leader's election spreads, is host name and port of its listener: on the loopback of
    every pod, that port leads to that replica.
    """
    return {
        "listeners": f"http://127.0.0.1:{replica.port}",
        "host.name": "127.0.0.1",
        "inter.instance.protocol": "http",
        "schema.registry.group.id": SCHEMA_REGISTRY_USER,
        "schema.compatibility.level": spec.level.value.lower(),
        "kafkastore.bootstrap.servers": f"SASL_SSL://{account.bootstrap_servers}",
        "kafkastore.topic": CONFLUENT_TOPIC,
        "kafkastore.topic.replication.factor": str(replication_factor),
        # Half a second, the default, is less than a leader's election takes.
        "kafkastore.timeout.ms": "10000",
        "kafkastore.checkpoint.dir": paths.TEMPORARY,
        # Requests that are under way when the pod is told to end.
        "shutdown.graceful.ms": "5000",
        **_kafka("kafkastore.", account),
    }


def _apicurio(spec: SchemaRegistrySpec, account: KafkaAccount, replica: Replica) -> dict[str, str]:
    """Settings as Apicurio Registry 3's «Configuration property reference» names them."""
    return {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": str(replica.port),
        "quarkus.http.access-log.enabled": "false",
        "quarkus.banner.enabled": "false",
        "quarkus.shutdown.timeout": "5S",
        "apicurio.storage.kind": "kafkasql",
        "apicurio.kafkasql.bootstrap.servers": account.bootstrap_servers,
        "apicurio.kafkasql.topic": JOURNAL_TOPIC,
        "apicurio.kafkasql.snapshots.topic": SNAPSHOTS_TOPIC,
        "apicurio.events.kafka.topic": EVENTS_TOPIC,
        "apicurio.kafkasql.topic.auto-create": "false",
        "apicurio.kafkasql.consumer.group-prefix": f"{SCHEMA_REGISTRY_USER}-",
        # Snapshots are files of one replica that the others look for in vain; the journal is short, and kept whole.
        "apicurio.kafkasql.snapshot.every.seconds": "off",
        "apicurio.storage.snapshot.location": paths.TEMPORARY,
        # What a subject without a level of its own gets, from the first second on.
        "apicurio.rules.global.compatibility": spec.level.value,
        "apicurio.ccompat.max-subjects": "100000",
        **_kafka("apicurio.kafka.common.", account),
    }


def registry_jvm_options(spec: SchemaRegistrySpec) -> str:
    """Return the argument file: heap, collector, class path, main class with its arguments."""
    heap = spec.jvm.heap // 2**20
    confluent = spec.implementation is RegistryImplementation.CONFLUENT
    return argument_file(
        [
            f"-Xms{heap}m",
            f"-Xmx{heap}m",
            *COLLECTORS[spec.jvm.gc],
            # A process out of memory must die and be restarted, not linger half alive.
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:+PerfDisableSharedMem",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={paths.LOGGING}"
            if confluent
            else f"-Dsmallrye.config.locations={paths.CONFIG}",
            *spec.jvm.options,
            "-cp",
            _CLASS_PATHS[spec.implementation],
            *_MAIN[spec.implementation],
        ]
    )
