"""The schema registry's client, for the registry's address or for a folder that stands in for it."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient

from pyairtable_events.errors import SettingsError
from pyairtable_events.settings import EventBusSettings, RegistrySettings

REQUEST_TIMEOUT: Final = 10
"""Seconds a request may take; librdkafka's Python client has no limit of its own."""


def registry_client(settings: EventBusSettings) -> SchemaRegistryClient:
    """Return the client that the settings describe; raises SettingsError when a folder's schemas make no sense."""
    if settings.registry is not None:
        return _remote(settings.registry)
    if settings.schemas is not None:
        return folder_registry(settings.schemas)
    raise SettingsError(("SCHEMA_REGISTRY_URL: it is missing; events are Avro, whose schemas the registry has",))


def _remote(settings: RegistrySettings) -> SchemaRegistryClient:
    configuration: dict[str, Any] = {
        "url": settings.url,
        "timeout": REQUEST_TIMEOUT,
        # serde.py decides how long a latest version is taken for granted.
        "cache.latest.ttl.sec": 1,
    }
    if settings.username:
        configuration["basic.auth.user.info"] = f"{settings.username}:{settings.password}"
    if settings.ssl_ca_location:
        configuration["ssl.ca.location"] = settings.ssl_ca_location
    if not settings.ssl_ca:
        return SchemaRegistryClient(configuration)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        # The client reads a CA from a file only, and only while it is made.
        file.write(settings.ssl_ca)
        file.flush()
        return SchemaRegistryClient({**configuration, "ssl.ca.location": file.name})


def folder_registry(folder: Path) -> SchemaRegistryClient:
    """Return a registry in memory that has every ``<subject>.avsc`` of a folder as version 1.

    A schema that names another file's subject as a type refers to it. Raises SettingsError for a file that is no JSON
    and for references that go round in circles.
    """
    documents: dict[str, Any] = {}
    for file in sorted(folder.glob("*.avsc")):
        try:
            documents[file.name.removesuffix(".avsc")] = json.loads(file.read_text())
        except ValueError as error:
            raise SettingsError((f"EVENT_BUS_SCHEMAS: {file.name} is no JSON: {error}; correct it",)) from None
    client = SchemaRegistryClient.new_client({"url": f"mock://{folder}"})
    done: set[str] = set()
    while len(done) < len(documents):
        ready = [name for name in documents if name not in done and _references(name, documents) <= done]
        if not ready:
            circle = ", ".join(sorted(documents.keys() - done))
            raise SettingsError((f"EVENT_BUS_SCHEMAS: {circle} refer to each other; schemas refer to earlier ones",))
        for name in ready:
            references = [SchemaReference(one, one, 1) for one in sorted(_references(name, documents))]
            client.register_schema(name, Schema(json.dumps(documents[name]), "AVRO", references))
        done.update(ready)
    return client


def _references(name: str, documents: dict[str, Any]) -> set[str]:
    return {one for one in _type_names(documents[name]) if one in documents and one != name}


def _type_names(schema: Any) -> Iterator[str]:
    """Yield every name that stands where Avro expects a type."""
    if isinstance(schema, str):
        yield schema
    elif isinstance(schema, list):
        for branch in schema:
            yield from _type_names(branch)
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield from _type_names(field.get("type"))
        for part in ("type", "items", "values"):
            yield from _type_names(schema.get(part))
