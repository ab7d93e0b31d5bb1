"""Which cluster a stack is for, and whether it is still the one the stack's resources are on."""

import json
import os
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from config.platform import KubernetesSpec
from config.target import (
    Destination,
    MadeCluster,
    Target,
    TargetError,
    api_address,
    check_reachable,
    resolve_target,
)
from ops.failure import Failure
from ops.spec import values_of
from ops.stack import Engine
from ops.workspace import Workspace, write_private

KUBECONFIG: Final = "kubeconfig"
"""The output of a stack that makes its cluster."""


class Fate(Enum):
    """What becomes of the state a stack already has."""

    KEEP = "keep"
    DISCARD = "discard"
    """Its resources went with a lab that is gone."""


def _at(values: Any, *keys: str) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def stack_target(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> Destination:
    """Read where the stack goes from its configuration and overlay; everything else in them is left to the program.

    Raises Failure and ConfigError when they can't be read.
    """
    values, _ = values_of(workspace, environment)
    if _at(values, "aws", "cluster", "create") is not None:
        return MadeCluster(name=str(_at(values, "aws", "cluster", "name")))
    context = _at(values, "kubernetes", "context")
    return resolve_target(KubernetesSpec(context=context, zones=()), environment)


def made_target(engine: Engine) -> Target | None:
    """Return the cluster that the stack has made, None while it has none.

    The kubeconfig goes to a file of the checkout's state. It holds no credential: a program gets one for each use.
    """
    workspace = engine.workspace
    if engine.select() is None:
        return None
    text = json.loads(engine.run("stack", "output", "--json", "--stack", workspace.stack)).get(KUBECONFIG)
    if not text:
        return None
    write_private(workspace.kubeconfig_file, text)
    return Target(kubeconfig=workspace.kubeconfig_file, context=json.loads(text)["current-context"])


def running_target(engine: Engine) -> Target:
    """Return the cluster that a stack is on. Raises Failure when it has none, TargetError when it doesn't answer."""
    target: Destination | None = stack_target(engine.workspace)
    if isinstance(target, MadeCluster):
        target = made_target(engine)
    if target is None:
        stack = engine.workspace.stack
        raise Failure(f"stack {stack} has made no cluster", f"bring it up with `ops up --stack {stack}`")
    check_reachable(target)
    return target


def identity(target: Destination) -> str:
    """Name the cluster: a lab by the uid of its kube-system namespace, which no other lab has; others by address.

    One that the stack makes is named before it has an address; the state itself leads to it.
    """
    if isinstance(target, MadeCluster):
        return f"eks {target.name}"
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


__all__ = [
    "Destination",
    "Fate",
    "MadeCluster",
    "Target",
    "TargetError",
    "fate",
    "identity",
    "lab_line",
    "made_target",
    "running_target",
    "stack_target",
]
