"""What stands beside the brokers: ksqlDB and the consoles."""

import re
from collections.abc import Iterator
from typing import Final

from config.base import size_text
from config.consoles import CmakSpec, KafkaUiSpec
from config.errors import Problem, shown, suggestion
from config.image import image_problems
from config.ksqldb import KsqlDbSpec
from config.limits import generation_problems, processor_problems, quota_problems
from config.names import topic_problems
from config.parts import Parts

_PREFIX: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{2,78}[._-]")
_SERVICE_ID: Final = re.compile(r"[a-zA-Z0-9._-]{1,39}[_-]")
_ZOOKEEPER: Final = re.compile(r"[a-z0-9][a-z0-9.-]*:\d{1,5}(,[a-z0-9][a-z0-9.-]*:\d{1,5})*(/[A-Za-z0-9._/-]+)?")
_RELEASE: Final = re.compile(r":v?(\d+)\.")
_GIB: Final = 2**30


def ksqldb(parts: Parts) -> Iterator[Problem]:
    """The servers are of the release the platform knows, enough of them, and touch what is declared."""
    spec = parts.ksqldb
    if spec is None:
        return
    for field, image in (("image", spec.image), ("cli_image", spec.cli_image)):
        yield from image_problems(f"ksqldb.{field}", image, parts.stack, protect=parts.protect)
        tag = _RELEASE.search(image.name.rpartition("/")[2])
        if tag and "ksqldb" in image.name and tag[1] != "8":
            allowed = "the platform's paths and class names are those of Confluent Platform 8"
            yield Problem(f"ksqldb.{field}.name", shown(image.name), allowed, "use a tag that starts with 8.")
    yield from _runtime("ksqldb", spec, parts)
    yield from quota_problems("ksqldb.quota", spec.quota, "raise it; queries that must not write get no produces")
    least = 2 if parts.protect else 1
    if not least <= spec.replicas <= 20:
        allowed = f"allowed are {least} to 20" + (", so that one may be away" if parts.protect else "")
        yield Problem("ksqldb.replicas", shown(spec.replicas), allowed, "correct the value")
    yield from _state(spec)
    for field, names in (("consumes", spec.consumes), ("produces", spec.produces)):
        yield from topic_problems(f"ksqldb.{field}", names, parts)
    yield from _ksqldb_names(spec, parts)


def _state(spec: KsqlDbSpec) -> Iterator[Problem]:
    path, size = (
        ("ksqldb.state_limit", spec.state_limit) if spec.storage is None else ("ksqldb.storage.size", spec.storage.size)
    )
    if size < _GIB:
        yield Problem(path, size_text(size), "it must be at least 1Gi", "raise it")


def _ksqldb_names(spec: KsqlDbSpec, parts: Parts) -> Iterator[Problem]:
    if not _SERVICE_ID.fullmatch(spec.service_id):
        yield Problem(
            "ksqldb.service_id",
            shown(spec.service_id),
            "it has 2 to 40 of the characters a-z A-Z 0-9 . _ - and ends with _ or -, so that access by this prefix "
            "reaches no other ksqlDB's",
            "choose another one",
        )
    prefix = spec.output_topic_prefix
    if prefix is not None:
        taken = sorted(name for name in parts.topic_names if name.startswith(prefix))
        if not _PREFIX.fullmatch(prefix):
            allowed = "it has 4 to 80 of the characters a-z A-Z 0-9 . _ -, begins with none of . _ - and ends with one"
            yield Problem("ksqldb.output_topic_prefix", shown(prefix), allowed, "choose another one")
        elif taken:
            allowed = f"{taken[0]} starts with it, and queries may drop what does"
            yield Problem("ksqldb.output_topic_prefix", shown(prefix), allowed, "choose another one")
    known = {service.id for service in parts.services}
    for index, client in enumerate(spec.clients):
        at = f"ksqldb.clients[{index}]"
        if client not in known:
            yield Problem(at, shown(client), "there is no such service", suggestion(client, known))
        elif client in spec.clients[:index]:
            yield Problem(at, shown(client), "it is listed twice", "remove one")


def kafka_ui(parts: Parts) -> Iterator[Problem]:
    """Kafka UI shows topics of the catalogue, and changes nothing in a protected stack."""
    consoles = parts.consoles
    if consoles is None:
        return
    if consoles.kafka_ui is None and consoles.cmak is None:
        yield Problem("consoles", "a mapping", "it names no console", "add kafka_ui, or remove the section")
    spec = consoles.kafka_ui
    if spec is None:
        return
    yield from image_problems("consoles.kafka_ui.image", spec.image, parts.stack, protect=parts.protect)
    yield from _runtime("consoles.kafka_ui", spec, parts)
    yield from quota_problems("consoles.kafka_ui.quota", spec.quota, "raise it")
    for field, names in (("reads", spec.reads), ("writes", spec.writes)):
        yield from topic_problems(f"consoles.kafka_ui.{field}", names, parts)
    if spec.writes and parts.protect:
        yield Problem(
            "consoles.kafka_ui.writes",
            "a list",
            "it must be empty in a protected stack: records are written by services",
            "remove it",
        )


def cmak(parts: Parts) -> Iterator[Problem]:
    """CMAK has a ZooKeeper, and talks to it in plain text only when that is asked for."""
    spec = parts.consoles.cmak if parts.consoles else None
    if spec is None:
        return
    path = "consoles.cmak"
    yield from image_problems(f"{path}.image", spec.image, parts.stack, protect=parts.protect)
    yield from _runtime(path, spec, parts)
    if not _ZOOKEEPER.fullmatch(spec.zookeeper):
        allowed = "it is host:port, more of them behind commas, then perhaps a path"
        yield Problem(f"{path}.zookeeper", shown(spec.zookeeper), allowed, "correct it")
    if spec.zookeeper_ca is None and not spec.unencrypted_zookeeper:
        yield Problem(
            f"{path}.zookeeper_ca",
            "",
            "it is missing, so ZooKeeper's certificate couldn't be verified",
            "add the authority's PEM, or allow plain text with unencrypted_zookeeper: true",
        )
    elif spec.zookeeper_ca is not None and spec.unencrypted_zookeeper:
        yield Problem(f"{path}.unencrypted_zookeeper", "true", "zookeeper_ca is set too", "remove one of them")
    elif spec.zookeeper_ca is not None and "-----BEGIN CERTIFICATE-----" not in spec.zookeeper_ca:
        yield Problem(f"{path}.zookeeper_ca", "its value", "it is no certificate in PEM", "correct it")
    for index, port in enumerate(spec.kafka_ports):
        if not 1 <= port <= 65535:
            yield Problem(f"{path}.kafka_ports[{index}]", shown(port), "ports are 1 to 65535", "correct it")


def _runtime(path: str, spec: KsqlDbSpec | KafkaUiSpec | CmakSpec, parts: Parts) -> Iterator[Problem]:
    yield from processor_problems(f"{path}.resources", spec.resources)
    yield from generation_problems(path, spec.credential_generation)
    if spec.heap < 128 * 2**20:
        yield Problem(f"{path}.heap", size_text(spec.heap), "it must be at least 128Mi", "raise it")
    elif spec.heap > spec.resources.memory * 3 // 4:
        memory = size_text(spec.resources.memory)
        allowed = f"it may be at most 75% of resources.memory ({memory})"
        yield Problem(f"{path}.heap", size_text(spec.heap), allowed, "lower it or raise resources.memory")
    if spec.stand_in and parts.protect:
        allowed = "a protected stack runs the real thing"
        yield Problem(f"{path}.stand_in", "true", allowed, "remove it, or set protect: false for a throwaway stack")
