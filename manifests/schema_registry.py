"""The registry's objects: StatefulSet, services, disruption budget, network policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from config.literals import (
    PORTS,
    SCHEMA_REGISTRY_PORT,
    SCHEMA_REGISTRY_SERVICE,
    SCHEMA_REGISTRY_USER,
    ExternalAccess,
    Listener,
    RegistryImplementation,
)
from config.schema_registry import SchemaRegistrySpec
from manifests import schema_registry_paths as paths
from manifests.labels import CLIENT_LABEL, app_labels, app_selector, cluster_labels
from manifests.pod import CONTAINER_SECURITY, container_resources, pod_security, spread_over_zones
from manifests.policy import DNS, network_policy, pods, tcp
from manifests.schema_registry_proxy import LIVE, READY, Replica
from manifests.stateful_set import rolled_out
from manifests.unsafe import UnsafeManifest

NAME: Final = "schema-registry"
EXTERNAL_SERVICE: Final = "schema-registry-external"
_HEADLESS: Final = "schema-registry-headless"
_DRAIN: Final = {"preStop": {"sleep": {"seconds": 5}}}
"""Time for every node to learn that the pod is leaving, before it stops answering."""
_OUTSIDE: Final = {ExternalAccess.NODE_PORT: "NodePort", ExternalAccess.LOAD_BALANCER: "LoadBalancer"}


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The registry of one Kafka cluster."""

    spec: SchemaRegistrySpec
    cluster: str
    """Name of the Kafka cluster: labels tell the two's objects apart."""
    namespace: str

    @cached_property
    def replicas(self) -> tuple[Replica, ...]:
        """Its pods."""
        return tuple(
            Replica(number=number, host=f"{NAME}-{number}.{self.namespace}.svc.cluster.local")
            for number in range(self.spec.replicas)
        )

    @property
    def replicas_talk(self) -> bool:
        """True when a follower hands writes on to a leader; Apicurio's replicas meet in Kafka only."""
        return self.spec.implementation is RegistryImplementation.CONFLUENT and self.spec.replicas > 1

    def others(self, replica: Replica) -> tuple[Replica, ...]:
        """Replicas that this one may have to talk to."""
        return tuple(one for one in self.replicas if one != replica) if self.replicas_talk else ()

    @property
    def labels(self) -> dict[str, str]:
        """Labels of all its objects."""
        return app_labels(NAME, self.cluster)

    @property
    def selector(self) -> dict[str, str]:
        """Labels of its pods."""
        return app_selector(NAME, self.cluster)

    def metadata(self, name: str, **more: Any) -> dict[str, Any]:
        """Metadata of an object."""
        return {"name": name, "namespace": self.namespace, "labels": self.labels, **more}


def server_names(registry: Registry, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return every name of the certificate: the service's, each replica's where they talk, and those from outside."""
    service, namespace = SCHEMA_REGISTRY_SERVICE, registry.namespace
    return (
        service,
        f"{service}.{namespace}",
        f"{service}.{namespace}.svc",
        f"{service}.{namespace}.svc.cluster.local",
        *(replica.host for replica in registry.replicas if registry.replicas_talk),
        *hosts,
    )


def services(registry: Registry) -> dict[str, dict[str, Any]]:
    """Return the services by name.

    Where replicas talk, each has a service of its own: nginx resolves a name once, at its start, and a service's
    address stays while its pods come and go.
    """
    selector = registry.selector
    found = [
        _service(registry, SCHEMA_REGISTRY_SERVICE, selector, type="ClusterIP"),
        _service(registry, _HEADLESS, selector, clusterIP="None", publishNotReadyAddresses=True),
        _external(registry),
    ]
    if registry.replicas_talk:
        for replica in registry.replicas:
            pod = {**selector, "statefulset.kubernetes.io/pod-name": f"{NAME}-{replica.number}"}
            found.append(_service(registry, f"{NAME}-{replica.number}", pod, publishNotReadyAddresses=True))
    return {service["metadata"]["name"]: service for service in found}


def _service(registry: Registry, name: str, selector: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    port = {"name": "https", "port": SCHEMA_REGISTRY_PORT, "targetPort": SCHEMA_REGISTRY_PORT, "protocol": "TCP"}
    return {
        # Services come before the pods they select; waiting for endpoints would wait forever.
        "metadata": registry.metadata(name, annotations={"pulumi.com/skipAwait": "true"}),
        "spec": {"selector": dict(selector), "ports": [port], **spec},
    }


def _external(registry: Registry) -> dict[str, Any]:
    external = registry.spec.external
    if external.type is ExternalAccess.NONE:
        raise UnsafeManifest("schema_registry.external.type none would leave Pulumi no way to the registry")
    made = _service(registry, EXTERNAL_SERVICE, registry.selector, type=_OUTSIDE[external.type])
    (port,) = made["spec"]["ports"]
    port["nodePort" if external.type is ExternalAccess.NODE_PORT else "port"] = external.port
    return made


def disruption_budget(registry: Registry) -> dict[str, Any]:
    """Return a budget of one pod away; a crashing one must not block draining its machine."""
    return {
        "metadata": registry.metadata(NAME),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": registry.selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def network_policies(registry: Registry) -> dict[str, dict[str, Any]]:
    """Return who may reach the registry, and the registry's way into the brokers, by name.

    Ingress comes from anywhere: the kubelet probes on the same port from the node's own address, and node ports and
    load balancers hide the source. Every request but a probe needs TLS and a password.
    """
    egress: list[Mapping[str, Any]] = [
        {"to": pods(cluster_labels(registry.cluster)), "ports": tcp(PORTS[Listener.INTERNAL])},
        DNS,
    ]
    if registry.replicas_talk:
        egress.append({"to": pods(registry.selector), "ports": tcp(SCHEMA_REGISTRY_PORT)})
    ingress = [{"ports": tcp(SCHEMA_REGISTRY_PORT)}]
    return {NAME: network_policy(registry.metadata(NAME), registry.selector, ingress, egress)}


def stateful_set(registry: Registry, names: Mapping[str, Any], checksum: Any) -> dict[str, Any]:
    """Return the StatefulSet: each replica a process and its proxy.

    ``names`` gives the ConfigMaps and Secrets (config, proxy, passwords, keys, runtime, trust); ``checksum`` changes
    when pods have to be replaced, one after the other.
    """
    return {
        "metadata": registry.metadata(NAME, annotations={"pulumi.com/waitFor": rolled_out(registry.spec.replicas)}),
        "spec": {
            "serviceName": _HEADLESS,
            "replicas": registry.spec.replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": registry.selector},
            "template": {
                "metadata": {
                    # As a client of the brokers it passes their network policy.
                    "labels": {**registry.labels, CLIENT_LABEL: "true"},
                    "annotations": {"kafka.pyairtable.dev/checksum": checksum},
                },
                "spec": {
                    "serviceAccountName": NAME,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": pod_security(paths.USER),
                    "topologySpreadConstraints": spread_over_zones(registry.selector),
                    "containers": [_process(registry), _proxy(registry)],
                    "volumes": _volumes(names),
                },
            },
        },
    }


def _volumes(names: Mapping[str, Any]) -> list[dict[str, Any]]:
    def secret(name: str) -> dict[str, Any]:
        return {"name": name, "secret": {"secretName": names[name], "defaultMode": 0o440}}

    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "proxy-tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "proxy", "configMap": {"name": names["proxy"]}},
        {"name": "runtime", "configMap": {"name": names["runtime"]}},
        {"name": "trust", "configMap": {"name": names["trust"]}},
        secret("config"),
        secret("passwords"),
        secret("keys"),
    ]


_POD_NAME: Final = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def _mount(volume: str, path: str, own: str | None = None) -> dict[str, Any]:
    """Mount a volume; with ``own``, only this pod's file of it."""
    mount: dict[str, Any] = {"name": volume, "mountPath": path}
    if not volume.endswith("tmp"):
        mount["readOnly"] = True
    return mount if own is None else {**mount, "subPathExpr": f"$(POD_NAME).{own}"}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _process(registry: Registry) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": registry.spec.image.reference,
        # Everything else is in files: nothing secret is an argument or a variable.
        "command": ["java", f"@{paths.JVM_OPTIONS}"],
        "env": [_POD_NAME],
        "securityContext": CONTAINER_SECURITY,
        "resources": container_resources(registry.spec.resources),
        "lifecycle": _DRAIN,
        # It listens on the loopback only, so that every probe goes through the proxy.
        "startupProbe": _probe(LIVE, period=5, failures=60),
        "livenessProbe": _probe(LIVE, period=10, failures=6),
        "volumeMounts": [
            _mount("config", paths.CONFIG, "properties"),
            _mount("runtime", _folder(paths.JVM_OPTIONS)),
            _mount("trust", _folder(paths.CLUSTER_CA)),
            _mount("tmp", paths.TEMPORARY),
        ],
    }


def _proxy(registry: Registry) -> dict[str, Any]:
    return {
        "name": "proxy",
        "image": registry.spec.proxy.image.reference,
        "command": ["nginx", "-e", "stderr"],
        "env": [_POD_NAME],
        "ports": [{"name": "https", "containerPort": SCHEMA_REGISTRY_PORT}],
        "securityContext": CONTAINER_SECURITY,
        "resources": container_resources(registry.spec.proxy.resources),
        "lifecycle": _DRAIN,
        "readinessProbe": _probe(READY, period=5, failures=2),
        "livenessProbe": {
            "tcpSocket": {"port": SCHEMA_REGISTRY_PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 3,
            "failureThreshold": 3,
        },
        "volumeMounts": [
            _mount("proxy", paths.PROXY_CONFIG, "nginx.conf"),
            _mount("passwords", _folder(paths.PASSWORDS)),
            _mount("keys", _folder(paths.CERTIFICATE)),
            _mount("trust", _folder(paths.CLUSTER_CA)),
            _mount("proxy-tmp", paths.TEMPORARY),
        ],
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": SCHEMA_REGISTRY_PORT, "scheme": "HTTPS"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def service_account(registry: Registry) -> dict[str, Any]:
    """Return the pods' service account; the registry asks nothing of the Kubernetes API."""
    return {"metadata": registry.metadata(SCHEMA_REGISTRY_USER), "automount_service_account_token": False}
