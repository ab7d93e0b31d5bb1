"""Pieces of network policies."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

DNS: Final[Mapping[str, Any]] = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
"""The way out to the cluster's resolver."""


def tcp(*ports: int) -> list[dict[str, Any]]:
    """Return TCP ports as a rule lists them."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def pods(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the pods of the policy's own namespace that carry these labels as peers."""
    return [{"podSelector": {"matchLabels": dict(labels)}}]


def labelled(label: str, namespaces: Sequence[str]) -> list[dict[str, Any]]:
    """Return the pods that carry ``label`` with the value ``true``, here and in ``namespaces``, as peers."""
    selected = {"podSelector": {"matchLabels": {label: "true"}}}
    return [
        selected,
        *(
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}, **selected}
            for name in namespaces
        ),
    ]


def network_policy(
    metadata: Mapping[str, Any],
    selector: Mapping[str, str],
    ingress: Sequence[Mapping[str, Any]],
    egress: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return a policy for the pods of ``selector``: whatever isn't listed is denied, in both directions."""
    return {
        "metadata": dict(metadata),
        "spec": {
            "podSelector": {"matchLabels": dict(selector)},
            "policyTypes": ["Ingress", "Egress"],
            **({"ingress": [dict(rule) for rule in ingress]} if ingress else {}),
            **({"egress": [dict(rule) for rule in egress]} if egress else {}),
        },
    }
