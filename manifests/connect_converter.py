"""How a connector reads and writes keys and values: Kafka Connect's converters, and what they need of the registry."""

from collections.abc import Callable, Mapping
from typing import Final

from config.connect import AvroConverter, Format
from config.literals import CONNECT_USER
from manifests import connect_paths as paths
from manifests.connect_worker import directory_reference
from manifests.schema_registry_access import internal_url

CONVERTERS: Final[Mapping[Format, str]] = {
    Format.BYTES: "org.apache.kafka.connect.converters.ByteArrayConverter",
    Format.JSON: "org.apache.kafka.connect.json.JsonConverter",
    Format.STRING: "org.apache.kafka.connect.storage.StringConverter",
}
PATIENT: Final = "platform.converter.PatientConverter"
"""Waits for a registry that is away, around the converter for Avro: see assets/connect/README.md."""
PATIENCE_MS: Final = 60_000
"""How long it waits. Consumers are put out of their group when they don't poll for five minutes."""


def converter(side: str, form: Format, avro: AvroConverter, namespace: str) -> dict[str, str]:
    """Return a connector's settings for its keys or values (``side``: key, value)."""
    prefix = f"{side}.converter"
    if form is not Format.AVRO:
        return {prefix: CONVERTERS[form], **({f"{prefix}.schemas.enable": "false"} if form is Format.JSON else {})}
    name, settings = _AVRO[avro](internal_url(namespace))
    whole = {"patient.converter": name, "patient.timeout.ms": str(PATIENCE_MS), **settings}
    return {prefix: PATIENT, **{f"{prefix}.{key}": value for key, value in whole.items()}}


def _confluent(url: str) -> tuple[str, dict[str, str]]:
    return "io.confluent.connect.avro.AvroConverter", {
        "schema.registry.url": url,
        "basic.auth.credentials.source": "USER_INFO",
        "basic.auth.user.info": directory_reference(paths.SECRETS, paths.REGISTRY_USER_INFO),
        "schema.registry.ssl.truststore.type": "PKCS12",
        "schema.registry.ssl.truststore.location": paths.TRUST_STORE,
        "schema.registry.ssl.truststore.password": directory_reference(paths.REST, paths.STORE_PASSWORD),
        # Schemas come from the repository; a connector registers none.
        "auto.register.schemas": "false",
        "use.latest.version": "true",
    }


def _apicurio(url: str) -> tuple[str, dict[str, str]]:
    return "io.apicurio.registry.utils.converter.AvroConverter", {
        "apicurio.registry.url": f"{url}/apis/registry/v2",
        "apicurio.auth.username": CONNECT_USER,
        "apicurio.auth.password": directory_reference(paths.SECRETS, paths.REGISTRY_PASSWORD),
        "apicurio.registry.request.ssl.truststore.type": "PKCS12",
        "apicurio.registry.request.ssl.truststore.location": paths.TRUST_STORE,
        "apicurio.registry.request.ssl.truststore.password": directory_reference(paths.REST, paths.STORE_PASSWORD),
        # Confluent's wire format, and the ids its API gives.
        "apicurio.registry.as-confluent": "true",
        "apicurio.registry.use-id": "contentId",
        "apicurio.registry.headers.enabled": "false",
        "apicurio.registry.auto-register": "false",
        "apicurio.registry.find-latest": "true",
        # A schema that was read stays good, whether the registry can be asked again or not.
        "apicurio.registry.fault-tolerant-refresh": "true",
    }


_AVRO: Final[Mapping[AvroConverter, Callable[[str], tuple[str, dict[str, str]]]]] = {
    AvroConverter.CONFLUENT: _confluent,
    AvroConverter.APICURIO: _apicurio,
}
