"""Outputs of a stack that tests make up."""

from typing import Any

from ops.outputs import Credential, Outputs


def credential(name: str) -> Credential:
    return Credential(username=name, password="word", mechanism="SCRAM-SHA-512")


def outputs(*services: str, **changes: Any) -> Outputs:
    """Those of a stack that is up and has the admin's credential, services' besides, and no registry."""
    given: dict[str, Any] = {
        "namespace": "kafka",
        "bootstrap_servers": "10.0.0.1:1,10.0.0.2:2",
        "mtls_bootstrap_servers": "",
        "internal_bootstrap_servers": "",
        "ca_pem": "PEM",
        "zones": (),
        "clients": {name: credential(name) for name in ("admin", *services)},
    }
    return Outputs(**{**given, **changes})
