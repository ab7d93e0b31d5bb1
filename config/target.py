"""Which Kubernetes a stack goes to, and whether it answers."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from config.platform import KubernetesSpec, PlatformSpec

LAB_CONTEXT = "lab"
"""Context name in the embedded lab's kubeconfig."""


class TargetError(Exception):
    """The cluster a stack should go to can't be used; the message says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kubeconfig file and the context in it."""

    kubeconfig: Path
    context: str

    @property
    def is_lab(self) -> bool:
        """True when this is the embedded lab."""
        return self.context == LAB_CONTEXT and self.kubeconfig == lab_kubeconfig()


@dataclass(frozen=True, kw_only=True)
class MadeCluster:
    """A cluster that the stack makes itself: there is none before its first update."""

    name: str
    """Of the EKS cluster."""

    @property
    def is_lab(self) -> bool:
        """False: the embedded lab is never made by a stack."""
        return False


Destination = Target | MadeCluster
"""Where a stack goes."""


def lab_kubeconfig(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the embedded lab writes its kubeconfig."""
    return Path(environment.get("KAFKA_PLATFORM_LAB", "/var/lib/kafka-platform/lab")) / "kubeconfig"


def resolve_target(spec: KubernetesSpec, environment: Mapping[str, str] = os.environ) -> Target:
    """Choose KUBE_CONTEXT before the stack's ``kubernetes.context`` before the embedded lab."""
    context = environment.get("KUBE_CONTEXT") or spec.context
    if context is None:
        return Target(kubeconfig=lab_kubeconfig(environment), context=LAB_CONTEXT)
    first = environment.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Target(kubeconfig=Path(first) if first else Path.home() / ".kube" / "config", context=context)


def destination(platform: PlatformSpec, environment: Mapping[str, str] = os.environ) -> Destination:
    """Return the cluster that the stack makes, else the one it finds; KUBE_CONTEXT has no say in the former."""
    if platform.aws is not None and platform.aws.cluster.create is not None:
        return MadeCluster(name=platform.aws.cluster.name)
    return resolve_target(platform.kubernetes, environment)


def api_address(target: Target) -> tuple[str, int]:
    """Return host and port of the context's API server; raises TargetError when the kubeconfig doesn't say."""
    remedy = (
        "start the lab with `make up`"
        if target.is_lab
        else "set KUBECONFIG and KUBE_CONTEXT to a cluster you can reach, or unset both for the embedded lab"
    )
    try:
        document = yaml.safe_load(target.kubeconfig.read_text())
    except OSError as error:
        raise TargetError(f"kubeconfig {target.kubeconfig} can't be read ({error.strerror}); {remedy}") from None
    except yaml.YAMLError:
        raise TargetError(f"kubeconfig {target.kubeconfig} is no YAML; {remedy}") from None
    named = document if isinstance(document, dict) else {}
    contexts = {entry["name"]: entry["context"] for entry in named.get("contexts") or []}
    if target.context not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise TargetError(
            f"kubeconfig {target.kubeconfig} has no context {target.context!r}; it has: {known}; {remedy}"
        )
    clusters = {entry["name"]: entry["cluster"] for entry in named.get("clusters") or []}
    server = urlsplit(str(clusters.get(contexts[target.context].get("cluster"), {}).get("server", "")))
    if server.hostname is None:
        raise TargetError(f"context {target.context!r} in kubeconfig {target.kubeconfig} names no API server; {remedy}")
    return server.hostname, server.port or (443 if server.scheme == "https" else 80)


def check_reachable(target: Target, timeout: float = 5.0) -> None:
    """Connect to the API server once; raises TargetError when nobody answers within ``timeout`` seconds."""
    host, port = api_address(target)
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "start the lab with `make up`" if target.is_lab else "check the VPN, the context and KUBECONFIG"
        raise TargetError(
            f"the Kubernetes API of context {target.context!r} at {host}:{port} does not answer ({reason}); {remedy}"
        ) from None
