"""The stack's outputs, secrets among them. They go from the engine's pipe into memory and nowhere else."""

import json
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from config.literals import ADMIN_USER
from ops.failure import Failure, UsageFailure
from ops.stack import Engine


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What one client proves itself with."""

    username: str
    password: str = field(repr=False)
    mechanism: str
    certificate_pem: str = ""
    private_key_pem: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Outputs of a stack that is up."""

    namespace: str
    bootstrap_servers: str
    mtls_bootstrap_servers: str
    internal_bootstrap_servers: str
    ca_pem: str
    zones: tuple[str, ...]
    clients: dict[str, Credential] = field(repr=False)
    registry_urls: tuple[str, ...] = ()
    """https://host:port of the schema registry; empty: there is none."""
    registry_passwords: dict[str, str] = field(default_factory=dict, repr=False)
    """User to password; ``admin`` is among them."""
    backup_key_arn: str = ""
    """The KMS key that each backup names when it is put; empty: none."""

    @property
    def admin(self) -> Credential:
        """The platform's own super user."""
        return self.clients[ADMIN_USER]

    @property
    def services(self) -> list[str]:
        """Ids of the services that have credentials, sorted."""
        return sorted(set(self.clients) - {ADMIN_USER})

    def service(self, name: str) -> Credential:
        """Return a service's credential; raises UsageFailure, with the nearest name, for one that isn't there."""
        if name in self.services:
            return self.clients[name]
        near = get_close_matches(name, self.services, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageFailure(f"there is no service {name!r}", f"{hint}known are: {', '.join(self.services)}")


def parse_outputs(document: dict[str, Any], stack: str) -> Outputs:
    """Read ``pulumi stack output --json --show-secrets``; raises Failure when the stack is not (wholly) up."""
    missing = [name for name in ("bootstrap_servers", "ca_pem", "clients") if not document.get(name)]
    if missing:
        raise Failure(f"stack {stack} is not up: it has no output {', '.join(missing)}", "bring it up with `make up`")
    clients = {
        name: Credential(
            username=entry["username"],
            password=entry["password"],
            mechanism=entry["mechanism"],
            certificate_pem=entry.get("certificate_pem") or "",
            private_key_pem=entry.get("private_key_pem") or "",
        )
        for name, entry in document["clients"].items()
    }
    registry = document.get("schema_registry") or {}
    return Outputs(
        namespace=document.get("namespace", ""),
        bootstrap_servers=document["bootstrap_servers"],
        mtls_bootstrap_servers=document.get("mtls_bootstrap_servers", ""),
        internal_bootstrap_servers=document.get("internal_bootstrap_servers", ""),
        ca_pem=document["ca_pem"],
        zones=tuple(document.get("zones") or ()),
        clients=clients,
        registry_urls=tuple(registry.get("urls") or ()),
        registry_passwords=dict(registry.get("passwords") or {}),
        backup_key_arn=(document.get("backup") or {}).get("key_arn") or "",
    )


def read_outputs(engine: Engine) -> Outputs:
    """Ask the engine for the stack's outputs; raises Failure when the stack is not up."""
    stack = engine.workspace.stack
    text = engine.run("stack", "output", "--json", "--show-secrets", "--stack", stack)
    return parse_outputs(json.loads(text), stack)
