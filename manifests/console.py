"""What consoles have in common: one pod that serves a page over TLS, its service and its policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from config.consoles import CmakSpec, KafkaUiSpec
from config.kafka import KafkaClusterSpec
from manifests.labels import CLIENT_LABEL, CONSOLE_CLIENT_LABEL, app_labels, app_selector
from manifests.pod import CONTAINER_SECURITY, IDLE, STAND_IN_FAILURES, container_resources, pod_security
from manifests.policy import labelled, network_policy, tcp

USER: Final = 1000
"""Neither image needs a user of its own: they read their files and write to /tmp."""
LOGIN_USER: Final = "admin"
"""User of the consoles' login."""


@dataclass(frozen=True, kw_only=True)
class Console:
    """One console beside a Kafka cluster."""

    app: str
    """Name of its service, its Deployment and most of its other objects."""
    port: int
    spec: KafkaUiSpec | CmakSpec
    kafka: KafkaClusterSpec
    namespace: str
    kafka_client: bool
    """Whether it may reach this cluster's brokers."""

    @property
    def selector(self) -> dict[str, str]:
        """Labels that select its pod."""
        return app_selector(self.app, self.kafka.name)

    @property
    def url(self) -> str:
        """Where it is inside Kubernetes."""
        return f"https://{self.app}.{self.namespace}.svc.cluster.local:{self.port}"

    @property
    def dns_names(self) -> tuple[str, ...]:
        """Every name it is reached by; localhost is what ``kubectl port-forward`` makes of it."""
        inside = f"{self.app}.{self.namespace}"
        return (self.app, inside, f"{inside}.svc", f"{inside}.svc.cluster.local", "localhost")

    def metadata(self, name: str) -> dict[str, Any]:
        """Return the metadata of one of its objects."""
        return {"name": name, "namespace": self.namespace, "labels": app_labels(self.app, self.kafka.name)}


def console_service(console: Console) -> dict[str, Any]:
    """Return its service."""
    ports = [{"name": "https", "port": console.port, "targetPort": console.port, "protocol": "TCP"}]
    return {
        # Services come before the pods they select; waiting for endpoints would wait forever.
        "metadata": {**console.metadata(console.app), "annotations": {"pulumi.com/skipAwait": "true"}},
        "spec": {"selector": console.selector, "ports": ports, "type": "ClusterIP"},
    }


def console_network_policy(console: Console, egress: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return its policy: its page is for pods with the consoles' label, here and where Kafka's clients are."""
    ingress = [
        {"from": labelled(CONSOLE_CLIENT_LABEL, console.kafka.client_namespaces), "ports": tcp(console.port)},
    ]
    return network_policy(console.metadata(console.app), console.selector, ingress, egress)


def console_deployment(
    console: Console,
    command: Sequence[str],
    health: str,
    volumes: Mapping[str, tuple[str, Mapping[str, Any]]],
    checksum: Any,
) -> dict[str, Any]:
    """Return its Deployment of one pod: sessions are in its memory.

    ``health`` is the path probes ask for; ``volumes`` gives mount path and source by name. ``checksum`` may be an
    Output, and changes when the pod must be replaced.
    """
    spec = console.spec
    probe = {"httpGet": {"path": health, "port": console.port, "scheme": "HTTPS"}, "timeoutSeconds": 5}
    labels = {**app_labels(console.app, console.kafka.name), **({CLIENT_LABEL: "true"} if console.kafka_client else {})}
    awaited = {"annotations": {"pulumi.com/skipAwait": "true"}} if spec.stand_in else {}
    container = {
        "name": console.app,
        "image": spec.image.reference,
        "command": list(IDLE) if spec.stand_in else list(command),
        "env": [],
        "ports": [{"name": "https", "containerPort": console.port}],
        "securityContext": dict(CONTAINER_SECURITY),
        "resources": container_resources(spec.resources),
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": STAND_IN_FAILURES if spec.stand_in else 60},
        "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [
            *({"name": name, "mountPath": path, "readOnly": True} for name, (path, _) in volumes.items()),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
    return {
        "metadata": {**console.metadata(console.app), **awaited},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": console.selector},
            "template": {
                "metadata": {"labels": labels, "annotations": {"kafka.pyairtable.dev/checksum": checksum}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": pod_security(USER),
                    "containers": [container],
                    "volumes": [
                        *({"name": name, **source} for name, (_, source) in volumes.items()),
                        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
                    ],
                },
            },
        },
    }
