"""The records of ``ops bench sink``, and their schema in the stack's registry."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from config.literals import ADMIN_USER
from contracts.subject import CompatibilityLevel
from ops.connect_stack import TOPIC, ConnectStack
from ops.failure import Failure
from resources.key_store import trust_store
from resources.registry_client import RegistryClient, RegistryError

FIELDS: Final = 15
"""Fields of a record: 60 characters each, and one's length, make about a kilobyte."""
_FIELD: Final = 64
_SUBJECT: Final = f"{TOPIC}-value"


def schema() -> str:
    """Return the records' Avro schema."""
    fields = [{"name": f"field_{number}", "type": "string"} for number in range(FIELDS)]
    return json.dumps({"type": "record", "name": "Bench", "namespace": "bench", "fields": fields})


def record(schema_id: int) -> bytes:
    """Return a random record in Confluent's wire format (a zero byte, the schema's id, Avro's binary encoding)."""
    written = BytesIO()
    written.write(b"\0" + schema_id.to_bytes(4, "big"))
    for _ in range(FIELDS):
        # Avro's length is a zigzag varint: twice the length, in groups of seven bits.
        written.write(bytes([2 * _FIELD & 0x7F | 0x80, 2 * _FIELD >> 7]) + os.urandom(_FIELD // 2).hex().encode())
    return written.getvalue()


@contextmanager
def registered(stack: ConnectStack) -> Iterator[int]:
    """Register the records' schema, yield its id, and take it out again."""
    outputs = stack.outputs
    if not outputs.registry_urls:
        raise Failure("the stack has no schema registry", "add schema_registry to its configuration")
    client = RegistryClient(
        urls=outputs.registry_urls,
        ca_pem=outputs.ca_pem,
        username=ADMIN_USER,
        password=outputs.registry_passwords[ADMIN_USER],
    )
    try:
        level = {"compatibility": CompatibilityLevel.BACKWARD.value}
        client.ask("setting the level", "PUT", ["config", _SUBJECT], body=level)
        body = {"schemaType": "AVRO", "schema": schema()}
        made = client.ask("registering the schema", "POST", ["subjects", _SUBJECT, "versions"], body=body)
        try:
            yield int(made["id"])
        finally:
            client.ask("deleting the schema", "DELETE", ["subjects", _SUBJECT])
            client.ask("deleting the schema", "DELETE", ["subjects", _SUBJECT], {"permanent": "true"})
    except RegistryError as error:
        raise Failure(str(error), "see `make status`") from None


def converter_settings(stack: ConnectStack, folder: Path) -> dict[str, str]:
    """Return what the converter by hand needs: the same registry, from outside, as admin."""
    password = secrets.token_urlsafe(16)
    file = folder / "trust.p12"
    file.write_bytes(trust_store({"kafka": stack.outputs.ca_pem}, password))
    return {
        "apicurio.registry.url": f"{stack.outputs.registry_urls[0]}/apis/registry/v2",
        "apicurio.auth.username": ADMIN_USER,
        "apicurio.auth.password": stack.outputs.registry_passwords[ADMIN_USER],
        "apicurio.registry.request.ssl.truststore.type": "PKCS12",
        "apicurio.registry.request.ssl.truststore.location": str(file),
        "apicurio.registry.request.ssl.truststore.password": password,
        "apicurio.registry.as-confluent": "true",
        "apicurio.registry.use-id": "contentId",
        "apicurio.registry.headers.enabled": "false",
    }
