"""``connect.properties`` of the workers, and the files beside it; none holds a secret."""

from config.connect import ConnectSpec
from config.kafka import KafkaClusterSpec
from config.literals import CONNECT_HEADLESS_SERVICE, CONNECT_PORT, CONNECT_USER, Listener
from manifests import connect_paths as paths
from manifests.connect_topics import CONFIGS, OFFSETS, STATUS
from manifests.jvm_options import argument_file, machine_options
from manifests.server_properties import bootstrap_servers, render

HEALTH_EXTENSION = "platform.connect.Health"
"""Class of the REST extension that answers probes and restarts what failed, see assets/connect/README.md."""
LARGEST_REQUEST = 32 * 2**20
"""Bytes: the producers' whole buffer (``buffer.memory``), above which nothing could be sent."""
_METADATA_SECONDS = 5
"""For an answer of a machine's metadata: the SDK's one second is short when all tasks of a machine ask at once, and a
task that got no credentials fails (AWS SDKs and Tools Reference Guide, «IMDS credential provider»)."""
_AUTHENTICATION = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
_LOGIN = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"


def directory_reference(folder: str, file: str) -> str:
    """Return what DirectoryConfigProvider replaces by the file's content (KIP-421, KIP-297)."""
    return f"${{dir:{folder}:{file}}}"


def worker_properties(kafka: KafkaClusterSpec, namespace: str) -> dict[str, str]:
    """Return all settings of a worker; they are the same in every pod."""
    security = {
        "bootstrap.servers": bootstrap_servers(namespace, Listener.INTERNAL),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": kafka.scram_mechanism.value,
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{CONNECT_USER}" password="{directory_reference(paths.KAFKA, "password")}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": paths.KAFKA_CA,
        "ssl.endpoint.identification.algorithm": "https",
    }
    own = {name: value for name, value in security.items() if name != "bootstrap.servers"}
    return {
        "group.id": CONNECT_USER,
        **security,
        # Tasks' clients don't take the worker's settings over.
        **{f"{client}.{name}": value for client in ("producer", "consumer", "admin") for name, value in own.items()},
        "producer.compression.type": "snappy",
        "producer.linger.ms": "5",
        # A dead letter is larger than its record by its headers; what a topic takes is for its brokers to say.
        "producer.max.request.size": str(LARGEST_REQUEST),
        # What a source's transaction was aborted with is nobody's record.
        "consumer.isolation.level": "read_committed",
        # Read from the nearest replica (KIP-392) is left out: a worker's zone isn't in its environment.
        "config.providers": "dir,env",
        "config.providers.dir.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        # Whoever may create connectors reads no other file of the pod by a reference.
        "config.providers.dir.param.allowed.paths": f"{paths.KAFKA},{paths.REST},{paths.SECRETS}",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "POD_NAME",
        "connector.client.config.override.policy": "None",
        "exactly.once.source.support": "enabled",
        "config.storage.topic": CONFIGS,
        "offset.storage.topic": OFFSETS,
        "status.storage.topic": STATUS,
        # They exist; a worker that can't see that would make them so.
        **{
            f"{topic}.storage.replication.factor": str(kafka.replication_factor)
            for topic in ("config", "offset", "status")
        },
        "topic.creation.enable": "false",
        # A sink's task without new records isn't called between two flushes, and what it does beside them waits:
        # Iceberg's clients take a dozen calls to join their group, and answer a request to commit at the next one
        # (apache/iceberg#17193). A flush that has nothing to commit asks no broker.
        "offset.flush.interval.ms": "1000",
        # How long the tasks of a worker that is gone wait for its return: a restarted pod is back sooner (KIP-415).
        "scheduled.rebalance.max.delay.ms": "60000",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "plugin.path": paths.PLUGINS,
        # Plugins say of themselves what they are; looking at every class costs seconds at each start (KIP-898).
        "plugin.discovery": "service_load",
        **_rest(namespace),
    }


def _rest(namespace: str) -> dict[str, str]:
    password = directory_reference(paths.REST, paths.STORE_PASSWORD)
    return {
        "listeners": f"https://0.0.0.0:{CONNECT_PORT}",
        # Followers hand requests on to the leader by this name, and its certificate is checked.
        "rest.advertised.host.name": f"${{env:POD_NAME}}.{CONNECT_HEADLESS_SERVICE}.{namespace}.svc.cluster.local",
        "rest.advertised.port": str(CONNECT_PORT),
        "rest.advertised.listener": "https",
        "rest.extension.classes": f"{_AUTHENTICATION},{HEALTH_EXTENSION}",
        # With it the extension restarts what failed on its worker.
        "auto.restart.credentials": paths.CREDENTIALS,
        # Kafka Connect's web server reads no PEM.
        "listeners.https.ssl.keystore.type": "PKCS12",
        "listeners.https.ssl.keystore.location": paths.KEY_STORE,
        "listeners.https.ssl.keystore.password": password,
        "listeners.https.ssl.key.password": password,
        "listeners.https.ssl.truststore.type": "PKCS12",
        "listeners.https.ssl.truststore.location": paths.TRUST_STORE,
        "listeners.https.ssl.truststore.password": password,
        "listeners.https.ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "listeners.https.ssl.endpoint.identification.algorithm": "https",
    }


def worker_files(connect: ConnectSpec, kafka: KafkaClusterSpec, namespace: str, logging: str) -> dict[str, str]:
    """Return name and content of each file of the workers' ConfigMap."""
    files = {
        paths.PROPERTIES: render(worker_properties(kafka, namespace)),
        paths.JVM_OPTIONS: argument_file(
            [
                *machine_options(connect.jvm),
                f"-Dlog4j2.configurationFile={paths.LOGGING}",
                f"-Djava.security.auth.login.config={paths.JAAS}",
                f"-Daws.ec2MetadataServiceTimeout={_METADATA_SECONDS}",
                *connect.jvm.options,
            ]
        ),
        paths.LOGGING: logging,
        paths.JAAS: f'KafkaConnect {{\n  {_LOGIN} required\n  file="{paths.CREDENTIALS}";\n}};\n',
    }
    return {path.removeprefix(f"{paths.CONFIG}/"): content for path, content in files.items()}
