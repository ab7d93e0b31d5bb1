"""The schema registry as an operator sees it from the host."""

from dataclasses import dataclass

from config.literals import ADMIN_USER
from ops.failure import Failure
from ops.outputs import Outputs
from resources.registry_client import RegistryClient, RegistryError

TIMEOUT = 20.0
"""Seconds until the registry is given up."""


@dataclass(frozen=True)
class RegistryState:
    """The registry at one moment."""

    url: str
    """https://host:port, or several of the same registry, joined by commas."""
    level: str
    """Compatibility of every subject that has no level of its own."""
    subjects: tuple[str, ...]


def describe_registry(outputs: Outputs) -> RegistryState | None:
    """Ask the registry, as admin; None when the stack has none. Raises Failure when it doesn't answer."""
    if not outputs.registry_urls:
        return None
    client = RegistryClient(
        urls=outputs.registry_urls,
        ca_pem=outputs.ca_pem,
        username=ADMIN_USER,
        password=outputs.registry_passwords[ADMIN_USER],
        timeout=TIMEOUT,
    )
    try:
        return RegistryState(
            url=",".join(outputs.registry_urls),
            level=str(client.get("reading the schema registry's level", "config")["compatibilityLevel"]),
            subjects=tuple(sorted(client.get("listing the schema registry's subjects", "subjects"))),
        )
    except RegistryError as error:
        raise Failure(str(error), "see `python -m lab status`, or `make up`") from None
