"""The schema registry's fields against each other, and against the cluster's."""

import re
from collections.abc import Iterator
from typing import Final

from config.base import size_text
from config.errors import Problem, dotted, shown
from config.image import image_problems
from config.limits import generation_problems, jvm_problems, processor_problems, quota_problems
from config.literals import SCHEMA_REGISTRY_USER, ExternalAccess, RegistryImplementation
from config.network import external_ports, is_host, legal_ports
from config.parts import Parts
from config.schema_registry import SchemaRegistrySpec

STORAGE_PREFIX: Final = "_schemas"
"""Topics whose name starts so are the registry's own."""
_MOST_REPLICAS: Final = 5
_IMAGES: Final = {
    RegistryImplementation.CONFLUENT: ("schema-registry", "8", "Confluent Platform 8"),
    RegistryImplementation.APICURIO: ("apicurio", "3", "Apicurio Registry 3"),
}
"""A part of the upstream image's name, the tag's first number, and what both mean."""
_RELEASE: Final = re.compile(r":v?(\d+)\.")


def schema_registry(parts: Parts) -> Iterator[Problem]:
    """The processes are of a release the platform knows, enough of them, and large enough."""
    spec = parts.schema_registry
    if spec is None:
        return
    for path, image in (("image", spec.image), ("proxy.image", spec.proxy.image)):
        yield from image_problems(f"schema_registry.{path}", image, parts.stack, protect=parts.protect)
    yield from _release(spec)
    least = 2 if parts.protect else 1
    if not least <= spec.replicas <= _MOST_REPLICAS:
        allowed = f"allowed are {least} to {_MOST_REPLICAS}" + (", so that one may be away" if parts.protect else "")
        yield Problem("schema_registry.replicas", shown(spec.replicas), allowed, "correct the value")
    yield from processor_problems("schema_registry.resources", spec.resources)
    yield from processor_problems("schema_registry.proxy.resources", spec.proxy.resources)
    yield from jvm_problems("schema_registry.jvm", spec.jvm)
    yield from _memory(spec)
    yield from quota_problems("schema_registry.quota", spec.quota, "raise it")
    yield from generation_problems("schema_registry", spec.credential_generation)


def _release(spec: SchemaRegistrySpec) -> Iterator[Problem]:
    word, major, meaning = _IMAGES[spec.implementation]
    name = spec.image.name.rpartition("/")[2]
    tag = _RELEASE.search(name)
    if word in name and tag and tag[1] != major:
        allowed = f"the platform's paths and settings are those of {meaning}"
        yield Problem(
            "schema_registry.image.name", shown(spec.image.name), allowed, f"use a tag that starts with {major}."
        )
    for other, (theirs, _, _) in _IMAGES.items():
        if other is not spec.implementation and theirs in name and word not in name:
            allowed = f"the image is {other}'s, the implementation {spec.implementation}"
            yield Problem("schema_registry.image.name", shown(spec.image.name), allowed, "make them the same")


def _memory(spec: SchemaRegistrySpec) -> Iterator[Problem]:
    heap, whole = spec.jvm.heap, spec.resources.memory
    if heap < 128 * 2**20:
        yield Problem("schema_registry.jvm.heap", size_text(heap), "it must be at least 128Mi", "raise it")
    elif heap > whole * 3 // 4:
        yield Problem(
            "schema_registry.jvm.heap",
            size_text(heap),
            f"it may be at most 75% of resources.memory ({size_text(whole)})",
            "lower it or raise resources.memory",
        )
    if spec.proxy.resources.memory < 32 * 2**20:
        memory = size_text(spec.proxy.resources.memory)
        yield Problem("schema_registry.proxy.resources.memory", memory, "it must be at least 32Mi", "raise it")


def external(parts: Parts) -> Iterator[Problem]:
    """Pulumi registers the schemas from outside, by a port nobody else has."""
    if parts.schema_registry is None:
        return
    spec = parts.schema_registry.external
    if spec.type is ExternalAccess.NONE:
        yield Problem(
            "schema_registry.external.type",
            shown(str(spec.type)),
            "Pulumi registers the schemas from outside Kubernetes",
            f"use {ExternalAccess.NODE_PORT} or {ExternalAccess.LOAD_BALANCER}",
        )
        return
    legal = legal_ports(spec.type)
    if spec.port not in legal:
        each = "node ports" if spec.type is ExternalAccess.NODE_PORT else "ports"
        allowed = f"{each} are {legal[0]} to {legal[-1]}"
        yield Problem("schema_registry.external.port", shown(spec.port), allowed, "choose another port")
    elif spec.type is ExternalAccess.NODE_PORT and (owner := external_ports(parts).get(spec.port)):
        yield Problem("schema_registry.external.port", shown(spec.port), f"it is {owner}'s", "choose another port")
    for index, host in enumerate(spec.hosts):
        at = f"schema_registry.external.hosts[{index}]"
        if not is_host(host):
            allowed = "it is an address, or a name in lower case without scheme and port"
            yield Problem(at, shown(host), allowed, "correct it")
        elif host in spec.hosts[:index]:
            yield Problem(at, shown(host), "it is listed twice", "remove one")
    kafka_has_hosts = (
        parts.kafka is not None
        and parts.kafka.external.type is ExternalAccess.NODE_PORT
        and bool(parts.kafka.external.hosts)
    )
    if not spec.hosts and not (spec.type is ExternalAccess.NODE_PORT and kafka_has_hosts):
        remedy = "name what clients outside reach the registry by"
        yield Problem("schema_registry.external.hosts", "", "it is missing", remedy)


def names(parts: Parts) -> Iterator[Problem]:
    """Nobody else has the registry's topics, nor, by the beginning of its name, its groups."""
    if parts.schema_registry is None:
        return
    for name in sorted(parts.topic_names):
        if name.startswith(STORAGE_PREFIX):
            allowed = f"topics whose name starts with {STORAGE_PREFIX} are the schema registry's"
            yield Problem(dotted(["topics", name]), shown(name), allowed, "choose another name")
    for service in parts.services:
        if service.id != SCHEMA_REGISTRY_USER and SCHEMA_REGISTRY_USER.startswith(service.id):
            yield Problem(
                dotted(["services", service.id]),
                shown(service.id),
                f"it is the beginning of {SCHEMA_REGISTRY_USER!r}, so its access to groups, which goes by prefix, "
                "would be access to the registry's",
                "choose another id",
            )
