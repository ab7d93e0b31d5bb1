"""The pods of ksqlDB: a StatefulSet of servers, and a pod with the CLI for people."""

from collections.abc import Mapping
from typing import Any, Final

from config.literals import KSQLDB_INTERNAL_PORT, KSQLDB_PORT, KSQLDB_SERVICE, KSQLDB_USER
from manifests import ksqldb_paths as paths
from manifests.ksqldb import CLI, HEADLESS, KsqlDbCluster
from manifests.labels import CLIENT_LABEL, KSQLDB_CLIENT_LABEL, app_labels, app_selector
from manifests.pod import (
    CONTAINER_SECURITY,
    IDLE,
    STAND_IN_FAILURES,
    container_resources,
    pod_security,
    quantity,
    spread_over_zones,
)
from manifests.stateful_set import rolled_out

CONFIG_MAP: Final = "ksqldb-config"
RUNTIME_MAP: Final = "ksqldb-runtime"
SECRET: Final = "ksqldb-secrets"  # noqa: S105
CLI_SECRET: Final = "ksqldb-cli"  # noqa: S105
CLI_MAP: Final = "ksqldb-cli-command"
_STATE: Final = "state"
_CHECKSUM: Final = "kafka.pyairtable.dev/checksum"


def state_claim_name(pod: str) -> str:
    """Return the name the StatefulSet looks for a server's claim by."""
    return f"{_STATE}-{pod}"


def state_claims(cluster: KsqlDbCluster) -> dict[str, dict[str, Any]]:
    """Return each server's claim, to be made before the StatefulSet, which then adopts it; none with an emptyDir."""
    if cluster.spec.storage is None:
        return {}
    # It is bound when its pod is scheduled; waiting for that here would wait forever.
    awaits = {"annotations": {"pulumi.com/skipAwait": "true"}}
    names = (state_claim_name(pod) for pod in cluster.pods)
    return {name: {"metadata": {**cluster.metadata(name), **awaits}, "spec": _claim_spec(cluster)} for name in names}


def _claim_spec(cluster: KsqlDbCluster) -> dict[str, Any]:
    storage = cluster.spec.storage
    if storage is None:
        raise ValueError("an emptyDir has no claim")
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": quantity(storage.size)}},
        **({"storageClassName": storage.storage_class} if storage.storage_class else {}),
    }


def ksqldb_stateful_set(cluster: KsqlDbCluster, checksum: Any) -> dict[str, Any]:
    """Return the StatefulSet of the servers; ``checksum`` may be an Output, and changes when pods must be replaced."""
    spec = cluster.spec
    awaited = {"pulumi.com/skipAwait": "true"} if spec.stand_in else {"pulumi.com/waitFor": rolled_out(spec.replicas)}
    claims: list[dict[str, Any]] = []
    state: list[dict[str, Any]] = [{"name": _STATE, "emptyDir": {"sizeLimit": quantity(spec.state_limit)}}]
    if spec.storage is not None:
        claims, state = [{"metadata": {"name": _STATE}, "spec": _claim_spec(cluster)}], []
    labels = {**app_labels(KSQLDB_SERVICE, cluster.kafka.name), CLIENT_LABEL: "true"}
    return {
        "metadata": {**cluster.metadata(KSQLDB_SERVICE), "annotations": awaited},
        "spec": {
            "serviceName": HEADLESS,
            "replicas": spec.replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": cluster.selector},
            "template": {
                "metadata": {"labels": labels, "annotations": {_CHECKSUM: checksum}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 60,
                    "securityContext": pod_security(paths.USER),
                    "topologySpreadConstraints": spread_over_zones(cluster.selector),
                    "containers": [_server(cluster)],
                    "volumes": [*state, *_server_volumes()],
                },
            },
            **({"volumeClaimTemplates": claims} if claims else {}),
        },
    }


def _server_volumes() -> list[dict[str, Any]]:
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        {"name": "config", "configMap": {"name": CONFIG_MAP}},
        {"name": "runtime", "configMap": {"name": RUNTIME_MAP}},
        {"name": "secrets", "secret": {"secretName": SECRET, "defaultMode": 0o440}},
        _kafka_credential(KSQLDB_USER, ("ca.pem", "keystore.pem", "password")),
    ]


def _kafka_credential(user: str, files: tuple[str, ...]) -> dict[str, Any]:
    items = [{"key": file, "path": file} for file in files]
    return {"name": "kafka", "secret": {"secretName": f"kafka-client-{user}", "defaultMode": 0o440, "items": items}}


def _server(cluster: KsqlDbCluster) -> dict[str, Any]:
    spec = cluster.spec
    return {
        "name": "ksqldb",
        "image": spec.image.reference,
        "command": list(IDLE) if spec.stand_in else ["java", f"@{paths.JVM_OPTIONS}", paths.CONFIG],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [
            {"name": "https", "containerPort": KSQLDB_PORT},
            {"name": "https-internal", "containerPort": KSQLDB_INTERNAL_PORT},
        ],
        "securityContext": dict(CONTAINER_SECURITY),
        "resources": container_resources(spec.resources),
        # A start reads the whole command topic and restores state: ten minutes, then it is tried anew.
        "startupProbe": _probe(period=10, timeout=5, failures=STAND_IN_FAILURES if spec.stand_in else 60),
        "readinessProbe": _probe(period=5, timeout=5, failures=2),
        "livenessProbe": _probe(period=10, timeout=5, failures=6),
        "volumeMounts": [
            _mount("config", paths.CONFIG, subPathExpr="$(POD_NAME).properties"),
            _mount("runtime", paths.RUNTIME),
            _mount("secrets", paths.SECRETS),
            _mount("kafka", paths.KAFKA),
            {"name": _STATE, "mountPath": paths.STATE},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def _probe(*, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/info", "port": KSQLDB_PORT, "scheme": "HTTPS"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _mount(volume: str, path: str, **more: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "readOnly": True, **more}


def ksqldb_cli_deployment(cluster: KsqlDbCluster, checksum: Any) -> dict[str, Any]:
    """Return the pod in which ``kubectl exec -it deployment/ksqldb-cli -- ksql`` works."""
    awaited: Mapping[str, Any] = {"annotations": {"pulumi.com/skipAwait": "true"}} if cluster.spec.stand_in else {}
    labels = {**app_labels(CLI, cluster.kafka.name), KSQLDB_CLIENT_LABEL: "true"}
    command = {"name": "command", "configMap": {"name": CLI_MAP, "defaultMode": 0o555}}
    return {
        "metadata": {**cluster.metadata(CLI, CLI), **awaited},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": app_selector(CLI, cluster.kafka.name)},
            "template": {
                "metadata": {"labels": labels, "annotations": {_CHECKSUM: checksum}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    # Nothing in it has anything to finish.
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": pod_security(paths.USER),
                    "containers": [_cli(cluster)],
                    "volumes": [
                        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                        {"name": "secrets", "secret": {"secretName": CLI_SECRET, "defaultMode": 0o440}},
                        command,
                    ],
                },
            },
        },
    }


def _cli(cluster: KsqlDbCluster) -> dict[str, Any]:
    return {
        "name": "ksql",
        "image": cluster.spec.cli_image.reference,
        "command": list(IDLE),
        "env": [],
        "ports": [],
        "securityContext": dict(CONTAINER_SECURITY),
        "resources": {"requests": {"cpu": "10m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [
            _mount("secrets", paths.CLI),
            _mount("command", paths.CLI_COMMAND, subPath="ksql"),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
