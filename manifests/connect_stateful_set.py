"""The workers' StatefulSet. They store nothing: it is one for the stable names by which they check each other."""

from typing import Any

from config.connect import ConnectSpec
from config.literals import CONNECT_HEADLESS_SERVICE, CONNECT_PORT, READINESS_PORT
from manifests import connect_paths as paths
from manifests.connect_objects import APP, metadata, worker_labels
from manifests.labels import CLIENT_LABEL, app_labels
from manifests.paths import LIBRARIES, USER
from manifests.pod import CONTAINER_SECURITY, container_resources, pod_security, spread_over_zones
from manifests.stateful_set import rolled_out

_MAIN = "org.apache.kafka.connect.cli.ConnectDistributed"


def connect_stateful_set(
    connect: ConnectSpec, namespace: str, account: str, names: dict[str, Any], checksum: Any, *, scaled: bool
) -> dict[str, Any]:
    """Return the StatefulSet.

    ``account`` is the service account; ``names`` gives the names of the ConfigMaps and Secrets (config, trust, health,
    kafka, rest, secrets); ``checksum`` may be an Output and changes when the pods have to be replaced; ``scaled`` says
    that an autoscaler decides about the number of replicas.
    """
    described = metadata(connect, namespace, connect.name)
    if not scaled:
        described["annotations"] = {"pulumi.com/waitFor": rolled_out(connect.replicas)}
    return {
        "metadata": described,
        "spec": {
            "serviceName": CONNECT_HEADLESS_SERVICE,
            "replicas": connect.replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": worker_labels(connect)},
            "template": {
                "metadata": {
                    "labels": {**app_labels(APP, connect.name), CLIENT_LABEL: "true"},
                    "annotations": {"kafka.pyairtable.dev/checksum": checksum},
                },
                "spec": _pod_spec(connect, account, names),
            },
        },
    }


def _pod_spec(connect: ConnectSpec, account: str, names: dict[str, Any]) -> dict[str, Any]:
    files = {"config": paths.CONFIG, "trust": paths.TRUST, "health": paths.HEALTH}
    secrets = {"kafka": paths.KAFKA, "rest": paths.REST, "secrets": paths.SECRETS}
    # Where no connector has a CA or a secret, there is nothing to mount.
    files = {name: path for name, path in files.items() if name in names}
    secrets = {name: path for name, path in secrets.items() if name in names}
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A worker that leaves in good order commits its offsets and gives its tasks back.
        "terminationGracePeriodSeconds": 60,
        "securityContext": pod_security(USER),
        "topologySpreadConstraints": spread_over_zones(worker_labels(connect)),
        "containers": [_container(connect, {**files, **secrets})],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "512Mi"}},
            *({"name": name, "configMap": {"name": names[name]}} for name in files),
            *({"name": name, "secret": {"secretName": names[name], "defaultMode": 0o440}} for name in secrets),
        ],
    }


def _container(connect: ConnectSpec, mounts: dict[str, str]) -> dict[str, Any]:
    classes = f"{LIBRARIES}/*:{paths.HEALTH_JAR}"
    return {
        "name": "kafka-connect",
        "image": connect.image.reference,
        # The Iceberg sink reads the last argument, to be a client of the same cluster.
        "command": ["java", f"@{paths.JVM_OPTIONS}", "-cp", classes, _MAIN, paths.PROPERTIES],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [
            {"name": "https-rest", "containerPort": CONNECT_PORT},
            {"name": "readiness", "containerPort": READINESS_PORT},
        ],
        "securityContext": CONTAINER_SECURITY,
        "resources": container_resources(connect.resources),
        # The port opens when the REST interface does, which takes a worker on a busy machine a minute.
        "startupProbe": _probe("/live", period=5, timeout=3, failures=60),
        "readinessProbe": _probe("/ready", period=5, timeout=3, failures=3),
        "livenessProbe": _probe("/live", period=10, timeout=5, failures=6),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *({"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()),
            *_converter_mount(connect),
        ],
    }


def _converter_mount(connect: ConnectSpec) -> list[dict[str, Any]]:
    """Put the converter that waits for the registry beside the one it waits for: a plugin sees only its own classes."""
    if not connect.reads_avro:
        return []
    jar = paths.CONVERTER_JAR.rpartition("/")[2]
    place = f"{paths.AVRO_PLUGINS[connect.avro_converter]}/{jar}"
    return [{"name": "health", "mountPath": place, "subPath": jar, "readOnly": True}]


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": READINESS_PORT},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }
