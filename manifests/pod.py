"""What all pods share: the restricted security context, quantities, and how they spread over zones."""

from collections.abc import Mapping
from typing import Any, Final

from config.kafka import ResourcesSpec
from config.literals import ZONE_LABEL

CONTAINER_SECURITY: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""A container's part of the restricted Pod Security Standard, and a file system nothing can be left in."""

IDLE: Final = ("sleep", "infinity")
"""The command of a container that only waits for ``kubectl exec``."""


STAND_IN_FAILURES: Final = 100_000
"""Failed startup probes that a stand-in may have: it answers none, and isn't to be killed for it."""


def pod_security(user: int) -> dict[str, Any]:
    """Return a pod's part of the restricted Pod Security Standard; volumes are the group's."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        # Changing the owner of every file at each start would take minutes.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def quantity(size: int) -> str:
    """Return bytes as a Kubernetes quantity, in the largest binary unit that is exact."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def container_resources(resources: ResourcesSpec) -> dict[str, Any]:
    """Return requests and limits: memory is limited to what is asked for, processor time only where it is said."""
    memory = quantity(resources.memory)
    return {
        "requests": {"cpu": resources.cpu, "memory": memory},
        "limits": {"memory": memory, **({"cpu": resources.cpu_limit} if resources.cpu_limit else {})},
    }


def spread_over_zones(selector: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the constraints that put pods of ``selector`` into zones evenly, and apart on a zone's machines."""

    def constraint(key: str, otherwise: str) -> dict[str, Any]:
        return {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": otherwise,
            "labelSelector": {"matchLabels": dict(selector)},
        }

    return [constraint(ZONE_LABEL, "DoNotSchedule"), constraint("kubernetes.io/hostname", "ScheduleAnyway")]
