"""What a preview can't know and only making a resource would tell: a text of our own in its place.

The program goes by these values only from one resource to the next, so any text does that is always the same. Where a
provider or the program reads one, it is in the form that they read.
"""

from collections.abc import Mapping
from typing import Any, Final

from ops.markdown import SECRET
from upgrades.recording import UNKNOWN, Recorded, with_outputs

_BEGAN: Final = "2026-01-01T00:00:00Z"
_ENDS: Final = "9999-12-31T23:59:59Z"
"""Certificates that never end: otherwise it would depend on the day whether they are renewed."""
_CERTIFICATE: Final = {"maxPathLength": -1, "validityStartTime": _BEGAN, "validityEndTime": _ENDS}
_READ: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": {"defaultVersion": 1, "latestVersion": 1},
    "aws:eks/cluster:Cluster": {
        "certificateAuthority": {"data": "Y2E="},
        "endpoint": "https://cluster.example.org",
        "identities": [{"oidcs": [{"issuer": "https://oidc.example.org/id/CLUSTER"}]}],
    },
    "pulumi-python:dynamic/index:KeyStore": {"key_store": SECRET, "trust_store": SECRET},
    "pulumi-python:dynamic/index:SchemaSubject": {"schema_id": 1, "version": 1},
    "tls:index/locallySignedCert:LocallySignedCert": _CERTIFICATE,
    "tls:index/selfSignedCert:SelfSignedCert": _CERTIFICATE,
}
"""Type to outputs in the form they are read in."""
_SERVICE: Final = "kubernetes:core/v1:Service"


def completed(each: Recorded) -> Recorded:
    """Return a resource as if it had been made: what it was asked for is there, and what its provider adds."""
    echoed = {key: value for key, value in each.inputs.items() if not key.startswith("__")}
    if not each.fields.get("custom") or each.type.startswith("pulumi:providers:"):
        # A component's outputs are the program's own, and a provider's are its settings.
        return with_outputs(each, echoed)
    known = {key: value for key, value in _READ.get(each.type, {}).items() if each.outputs.get(key) in (None, UNKNOWN)}
    if each.type == _SERVICE and each.inputs.get("spec", {}).get("type") == "LoadBalancer":
        known["status"] = {"loadBalancer": {"ingress": [{"hostname": f"{each.name}.balancer.example.org"}]}}
    said = {key: value for key, value in each.outputs.items() if key != "id" and not key.startswith("__")}
    outputs = {**echoed, **said, **known}
    return with_outputs(each, {key: _named(value, f"{each.name}.{key}") for key, value in outputs.items()})


def _named(value: Any, text: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _named(item, f"{text}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, f"{text}.{index}") for index, item in enumerate(value)]
    return text if value == UNKNOWN else value
