"""Which machines pods go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Machines that are for certain pods."""

    node_selector: Mapping[str, str]
    """Labels the machines have."""
    tolerations: tuple[Mapping[str, str], ...]
    """For the taints they have."""


def on_machines(workload: Mapping[str, Any], placement: Placement | None) -> dict[str, Any]:
    """Return a StatefulSet or Deployment whose pods go to these machines; None: to any, as they are."""
    if placement is None:
        return dict(workload)
    template = workload["spec"]["template"]
    pod = {
        **template["spec"],
        "nodeSelector": dict(placement.node_selector),
        **({"tolerations": [dict(each) for each in placement.tolerations]} if placement.tolerations else {}),
    }
    return {**workload, "spec": {**workload["spec"], "template": {**template, "spec": pod}}}
