"""Which cluster a stack is for, and whether it is still the one the stack's resources are on."""

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from config.literals import PROJECT
from config.platform import KubernetesSpec
from config.target import Target, TargetError, api_address, resolve_target
from ops.failure import Failure
from ops.workspace import Workspace


class Fate(Enum):
    """What becomes of the state a stack already has."""

    KEEP = "keep"
    DISCARD = "discard"
    """Its resources went with a lab that is gone."""


def _context(document: Any, key: str) -> Any:
    kubernetes = document.get(key) if isinstance(document, dict) else None
    return kubernetes.get("context") if isinstance(kubernetes, dict) else None


def stack_target(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> Target:
    """Read the stack's target from its configuration and overlay; everything else in them is left to the program."""
    context = None
    try:
        context = _context((yaml.safe_load(workspace.config_text()) or {}).get("config"), f"{PROJECT}:kubernetes")
        if overlay := environment.get("PLATFORM_OVERLAY"):
            context = _context(yaml.safe_load(Path(overlay).read_text()), "kubernetes") or context
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise Failure(f"the configuration of stack {workspace.stack} can't be read ({error})", "correct it") from None
    return resolve_target(KubernetesSpec(context=context, zones=()), environment)


def identity(target: Target) -> str:
    """Name the cluster: a lab by the uid of its kube-system namespace, which no other lab has; others by address."""
    if not target.is_lab:
        host, port = api_address(target)
        return f"cluster {host}:{port}"
    from lab.api import Api

    return f"lab {Api(target.kubeconfig).get('/api/v1/namespaces/kube-system')['metadata']['uid']}"


def fate(recorded: str | None, current: str) -> Fate:
    """Decide about the state by the cluster it was for; raises Failure when both clusters may still exist."""
    if recorded is None or recorded == current:
        return Fate.KEEP
    if recorded.startswith("lab ") and current.startswith("lab "):
        return Fate.DISCARD
    raise Failure(
        f"the stack's resources are on {recorded.split()[0]} {recorded.split()[1]}, not on {current}",
        "set KUBE_CONTEXT as it was, or remove them first with `make down`",
    )


def lab_line(workspace: Workspace) -> str | None:
    """Describe the lab in a few words, None when the stack is on another cluster."""
    if not stack_target(workspace).is_lab:
        return None
    from lab import cluster

    status = cluster.status()
    ready = sum(zone.ready for zone in status.zones)
    return f"{status.state}, {ready} of {len(status.zones)} zones ready, {status.memory_bytes / 2**30:.1f} GiB"


__all__ = ["Fate", "Target", "TargetError", "fate", "identity", "lab_line", "stack_target"]
