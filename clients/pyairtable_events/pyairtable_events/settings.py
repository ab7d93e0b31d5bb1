"""The event bus's environment variables, as the platform hands them to every service.

``ops client SERVICE`` writes them for clients outside Kubernetes; inside, the Secret ``kafka-client-SERVICE`` has them.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from pyairtable_events.errors import SettingsError


class BusType(StrEnum):
    """What carries the events."""

    KAFKA = "kafka"
    MEMORY = "memory"
    """Nothing leaves the process: for tests."""


class SecurityProtocol(StrEnum):
    """Kafka's ``security.protocol``."""

    SASL_SSL = "SASL_SSL"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    PLAINTEXT = "PLAINTEXT"

    @property
    def encrypted(self) -> bool:
        """Whether it goes over TLS."""
        return self in (SecurityProtocol.SASL_SSL, SecurityProtocol.SSL)

    @property
    def sasl(self) -> bool:
        """Whether a user name and a password are sent."""
        return self in (SecurityProtocol.SASL_SSL, SecurityProtocol.SASL_PLAINTEXT)


class SaslMechanism(StrEnum):
    """SCRAM, the only mechanism family the platform's listeners have."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    SCRAM_SHA_256 = "SCRAM-SHA-256"


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """How brokers are reached, and what this client proves itself with."""

    brokers: str
    """host:port,…"""
    security_protocol: SecurityProtocol = SecurityProtocol.SASL_SSL
    sasl_mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    username: str = ""
    password: str = field(default="", repr=False)
    ssl_ca: str = ""
    """CA of the brokers' certificates, PEM; empty trusts what the system trusts."""
    ssl_ca_location: str = ""
    """The same as a file."""
    ssl_certificate_location: str = ""
    """The client's certificate, PEM, for the mutual-TLS listener."""
    ssl_key_location: str = ""
    """Its private key, PEM."""


@dataclass(frozen=True, kw_only=True)
class RegistrySettings:
    """How the schema registry is reached."""

    url: str
    """https://host:port, or several of the same registry with commas, each tried in turn."""
    username: str = ""
    password: str = field(default="", repr=False)
    ssl_ca: str = ""
    ssl_ca_location: str = ""


@dataclass(frozen=True, kw_only=True)
class EventBusSettings:
    """Everything a service needs to publish and consume."""

    type: BusType
    service: str
    """The service's id: source of its events, prefix of its consumer groups and transactional ids."""
    kafka: KafkaSettings | None = None
    """None for the memory bus."""
    registry: RegistrySettings | None = None
    """None where ``schemas`` stands in for it."""
    schemas: Path | None = None
    """A folder of ``<subject>.avsc`` files that the memory bus takes for its registry."""


VARIABLES: Final = (
    "EVENT_BUS_TYPE",
    "EVENT_BUS_SERVICE",
    "EVENT_BUS_SCHEMAS",
    "EVENT_BUS_ALLOW_PLAINTEXT",
    "KAFKA_BROKERS",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_USERNAME",
    "KAFKA_PASSWORD",
    "KAFKA_SSL_CA",
    "KAFKA_SSL_CA_LOCATION",
    "KAFKA_SSL_CERTIFICATE_LOCATION",
    "KAFKA_SSL_KEY_LOCATION",
    "SCHEMA_REGISTRY_URL",
    "SCHEMA_REGISTRY_USERNAME",
    "SCHEMA_REGISTRY_PASSWORD",
    "SCHEMA_REGISTRY_SSL_CA",
    "SCHEMA_REGISTRY_SSL_CA_LOCATION",
)
"""All there are."""

_FAMILIES: Final = ("EVENT_BUS_", "KAFKA_SASL_", "KAFKA_SECURITY_", "KAFKA_SSL_", "SCHEMA_REGISTRY_")
"""Beginnings of names that are this package's alone; other ``KAFKA_`` variables belong to Kafka's own scripts."""
_SERVICE_LINK: Final = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")
"""What Kubernetes adds to a pod for every Service of its namespace (``enableServiceLinks``)."""
_BROKER: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_SERVICE: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

Choice = TypeVar("Choice", bound=StrEnum)


def from_environment(environment: Mapping[str, str]) -> EventBusSettings:
    """Read the settings; raises SettingsError with every problem at once.

    An empty variable counts as absent. A name of this package's families that isn't one of ``VARIABLES`` is refused,
    as a misspelt setting would otherwise be a silent default. Plaintext needs ``EVENT_BUS_ALLOW_PLAINTEXT=true``.
    """
    return _Reader(environment).settings()


class _Reader:
    """Reads variable by variable, gathering what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = {name: value for name in VARIABLES if (value := environment.get(name, ""))}
        self._problems: list[str] = []
        for name in sorted(environment):
            self._refuse_unknown(name)

    def settings(self) -> EventBusSettings:
        plaintext = self._choice("EVENT_BUS_ALLOW_PLAINTEXT", _Flag, _Flag.FALSE) is _Flag.TRUE
        kind = self._choice("EVENT_BUS_TYPE", BusType, None)
        kafka = registry = schemas = None
        if kind is BusType.KAFKA:
            kafka = self._kafka(plaintext)
            registry = self._registry(plaintext)
            if "EVENT_BUS_SCHEMAS" in self._values:
                self._problem("EVENT_BUS_SCHEMAS", "only the memory bus reads schemas from a folder", "remove it")
        elif kind is BusType.MEMORY:
            schemas = self._folder("EVENT_BUS_SCHEMAS", "the folder of the events' schemas")
        settings = EventBusSettings(
            type=kind or BusType.KAFKA, service=self._service(), kafka=kafka, registry=registry, schemas=schemas
        )
        if self._problems:
            raise SettingsError(tuple(self._problems))
        return settings

    def _kafka(self, plaintext: bool) -> KafkaSettings:
        protocol = self._choice("KAFKA_SECURITY_PROTOCOL", SecurityProtocol, SecurityProtocol.SASL_SSL)
        protocol = protocol or SecurityProtocol.SASL_SSL
        if not protocol.encrypted and not plaintext:
            remedy = "use SASL_SSL or SSL, or set EVENT_BUS_ALLOW_PLAINTEXT=true"
            self._problem("KAFKA_SECURITY_PROTOCOL", f"{protocol.value} sends everything in the clear", remedy)
        if protocol.sasl:
            for name in ("KAFKA_USERNAME", "KAFKA_PASSWORD"):
                self._required(name, f"{protocol.value} needs it")
        if protocol is SecurityProtocol.SSL:
            for name in ("KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION"):
                self._required(name, "SSL is mutual TLS on this platform")
        if protocol.encrypted:
            self._one_ca("KAFKA_SSL_CA")
        return KafkaSettings(
            brokers=self._brokers(),
            security_protocol=protocol,
            sasl_mechanism=self._choice("KAFKA_SASL_MECHANISM", SaslMechanism, SaslMechanism.SCRAM_SHA_512)
            or SaslMechanism.SCRAM_SHA_512,
            username=self._values.get("KAFKA_USERNAME", ""),
            password=self._values.get("KAFKA_PASSWORD", ""),
            ssl_ca=self._values.get("KAFKA_SSL_CA", ""),
            ssl_ca_location=self._file("KAFKA_SSL_CA_LOCATION"),
            ssl_certificate_location=self._file("KAFKA_SSL_CERTIFICATE_LOCATION"),
            ssl_key_location=self._file("KAFKA_SSL_KEY_LOCATION"),
        )

    def _registry(self, plaintext: bool) -> RegistrySettings:
        text = self._required("SCHEMA_REGISTRY_URL", "events are Avro, whose schemas the registry has")
        urls = [url.strip().rstrip("/") for url in text.split(",")] if text else []
        for url in urls:
            self._check_url(url, plaintext)
        username, password = (self._values.get(f"SCHEMA_REGISTRY_{part}", "") for part in ("USERNAME", "PASSWORD"))
        if bool(username) != bool(password):
            missing = "SCHEMA_REGISTRY_PASSWORD" if username else "SCHEMA_REGISTRY_USERNAME"
            self._problem(missing, "it is missing beside its counterpart", "set both, or neither")
        if ":" in username:
            self._problem("SCHEMA_REGISTRY_USERNAME", "HTTP basic authentication allows no colon", "correct the name")
        self._one_ca("SCHEMA_REGISTRY_SSL_CA")
        return RegistrySettings(
            url=",".join(urls),
            username=username,
            password=password,
            ssl_ca=self._values.get("SCHEMA_REGISTRY_SSL_CA", ""),
            ssl_ca_location=self._file("SCHEMA_REGISTRY_SSL_CA_LOCATION"),
        )

    def _check_url(self, url: str, plaintext: bool) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        name = "SCHEMA_REGISTRY_URL"
        if "@" in url:
            # Not shown, as it may hold a password.
            self._problem(name, "credentials don't belong in an address", "use SCHEMA_REGISTRY_USERNAME, …_PASSWORD")
        elif host is None or parts.scheme not in ("http", "https"):
            self._problem(name, f"{url!r} is no address like https://host:8081", "correct it")
        elif parts.scheme == "http" and not plaintext:
            remedy = "use https, or set EVENT_BUS_ALLOW_PLAINTEXT=true"
            self._problem(name, "http sends everything in the clear", remedy)

    def _service(self) -> str:
        service = self._values.get("EVENT_BUS_SERVICE") or self._values.get("KAFKA_USERNAME", "")
        if not service:
            self._problem(
                "EVENT_BUS_SERVICE", "it is missing: there is no KAFKA_USERNAME to take", "set the service's id"
            )
        elif not _SERVICE.fullmatch(service):
            name = "EVENT_BUS_SERVICE" if "EVENT_BUS_SERVICE" in self._values else "KAFKA_USERNAME"
            self._problem(name, f"{service!r} is no service id: it has a-z, 0-9 and inner -", "correct it")
        return service

    def _brokers(self) -> str:
        text = self._required("KAFKA_BROKERS", "write host:port, several with commas")
        brokers = [part.strip() for part in text.split(",")] if text else []
        for broker in brokers:
            match = _BROKER.fullmatch(broker)
            if match is None or not 0 < int(match[2]) < 65536:
                self._problem("KAFKA_BROKERS", f"{broker!r} is no host:port", "write host:port, several with commas")
        return ",".join(brokers)

    def _one_ca(self, name: str) -> None:
        location = f"{name}_LOCATION"
        if name in self._values and location in self._values:
            self._problem(location, f"{name} is set as well", "set one of them")
        if name in self._values and "-----BEGIN CERTIFICATE-----" not in self._values[name]:
            self._problem(name, "it holds no PEM certificate", f"put the PEM text here, or its path in {location}")

    def _file(self, name: str) -> str:
        path = self._values.get(name, "")
        if path and not Path(path).is_file():
            self._problem(name, f"there is no file {path!r}", "correct the path")
        return path

    def _folder(self, name: str, what: str) -> Path | None:
        path = self._required(name, f"it is {what}")
        if path and not Path(path).is_dir():
            self._problem(name, f"there is no folder {path!r}", "correct the path")
        return Path(path) if path else None

    def _choice(self, name: str, kind: type[Choice], default: Choice | None) -> Choice | None:
        value = self._values.get(name)
        if value is None:
            if default is None:
                self._problem(name, "it is missing", f"use one of {', '.join(kind)}")
            return default
        try:
            return kind(value)
        except ValueError:
            self._problem(name, f"{value!r} is refused: allowed are {', '.join(kind)}", "choose one of them")
            return default

    def _required(self, name: str, why: str) -> str:
        value = self._values.get(name, "")
        if not value:
            self._problem(name, "it is missing", why)
        return value

    def _refuse_unknown(self, name: str) -> None:
        ours = name.startswith(_FAMILIES) and not _SERVICE_LINK.search(name)
        close = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.9)
        if name not in VARIABLES and (ours or (close and name.startswith(("EVENT_", "KAFKA_", "SCHEMA_")))):
            near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.6)
            remedy = f"did you mean {near[0]}?" if near else "remove it"
            self._problem(name, "there is no such setting", remedy)

    def _problem(self, name: str, wrong: str, remedy: str) -> None:
        self._problems.append(f"{name}: {wrong}; {remedy}")


class _Flag(StrEnum):
    TRUE = "true"
    FALSE = "false"
