"""A resource that exists once the schema registry answers from where Pulumi runs, with its global level set."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from contracts.subject import CompatibilityLevel
from resources.registry_client import RegistryClient

TIMEOUT: Final = 180.0
"""Seconds until an address is given up. Pods are ready before the gate is tried, so this is the network's share."""
_WATCHED: Final = ("urls", "ca_pem", "username", "password", "level", "rollout")


def open_gate(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Wait until every address answers, then set the level of subjects without one of their own.

    Raises RegistryError that names the address.
    """
    for url in properties["urls"]:
        _client(properties, [url]).get(f"the schema registry at {url}", "config")
    client = _client(properties, properties["urls"])
    if _level(client) != properties["level"]:
        doing = f"setting the schema registry's level to {properties['level']}"
        client.ask(doing, "PUT", ["config"], body={"compatibility": properties["level"]})
    return dict(properties)


def _level(client: RegistryClient) -> str:
    return str(client.get("reading the schema registry's level", "config")["compatibilityLevel"])


def _client(properties: Mapping[str, Any], urls: Sequence[str]) -> RegistryClient:
    return RegistryClient(
        urls=list(urls),
        ca_pem=properties["ca_pem"],
        username=properties["username"],
        password=properties["password"],
        timeout=TIMEOUT,
    )


class _RegistryGateProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="registry", outs=open_gate(props))

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(old.get(key) != new.get(key) for key in _WATCHED))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=open_gate(new))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_=id_, outs={**props, "level": _level(_client(props, props["urls"]))})


class RegistryGate(Resource, module="index", name="RegistryGate"):
    """Waits in ``up`` until the registry answers, logged in as its administrator, over verified TLS.

    Subjects take its addresses from here. They are known in previews, so that a preview with a rollout ahead can still
    tell which schemas change.
    """

    urls: pulumi.Output[Sequence[str]]
    """The addresses it was given, when all have answered."""

    def __init__(
        self,
        name: str,
        *,
        urls: pulumi.Input[Sequence[str]],
        ca_pem: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        level: CompatibilityLevel,
        rollout: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Gate on ``urls``; ``rollout`` is any text that changes when the registry's pods did."""
        properties = {
            "urls": urls,
            "ca_pem": ca_pem,
            "username": username,
            "password": pulumi.Output.secret(password),
            "level": level.value,
            "rollout": rollout,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(_RegistryGateProvider(), name, properties, pulumi.ResourceOptions.merge(opts, secret))
