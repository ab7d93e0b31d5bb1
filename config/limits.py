"""Numbers with bounds: quotas, memory, processor, lifetimes; and the image they run."""

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from config.base import size_text
from config.errors import Problem, dotted, is_secret_name, shown
from config.kafka import JvmSpec, ResourcesSpec
from config.literals import PROJECT
from config.parts import Parts
from config.service import QuotaSpec
from versions import KAFKA

_CPU: Final = re.compile(r"\d+(\.\d{1,3})?|\d+m")
_RELEASE: Final = re.compile(r"\d+\.\d+\.\d+")


def quotas(parts: Parts) -> Iterator[Problem]:
    """A quota of zero would stop a service for good."""
    for service in parts.services:
        remedy = "raise it; a service that must not write gets no produces"
        yield from quota_problems(dotted(["services", service.id, "quota"]), service.quota, remedy)
        yield from generation_problems(dotted(["services", service.id]), service.credential_generation)


def quota_problems(path: str, quota: QuotaSpec, remedy: str) -> Iterator[Problem]:
    """Yield the figures of a quota that would stop its user for good."""
    for field in ("producer_bytes_per_second", "consumer_bytes_per_second", "request_percentage"):
        value = getattr(quota, field)
        if not 0 < value < math.inf:
            yield Problem(f"{path}.{field}", shown(value), "a quota must be above zero and finite", remedy)


def generation_problems(path: str, generation: int) -> Iterator[Problem]:
    """Yield a generation of passwords that is none."""
    if not 1 <= generation <= 1_000_000:
        yield Problem(
            f"{path}.credential_generation",
            shown(generation),
            "it counts from 1",
            "raise it by one to rotate the password",
        )


def memory(parts: Parts) -> Iterator[Problem]:
    """The heap leaves room for direct buffers and page cache."""
    for path, pool in parts.pools():
        yield from heap_problems(path, pool.jvm, pool.resources, ": the page cache lives beside it")


def heap_problems(path: str, spec: JvmSpec, resources: ResourcesSpec, because: str = "") -> Iterator[Problem]:
    """Yield a heap that is too small to start with, or leaves no room in its container."""
    if spec.heap < 128 * 2**20:
        yield Problem(f"{path}.jvm.heap", size_text(spec.heap), "it must be at least 128Mi", "raise it")
    elif spec.heap > resources.memory * 3 // 4:
        yield Problem(
            f"{path}.jvm.heap",
            size_text(spec.heap),
            f"it may be at most 75% of resources.memory ({size_text(resources.memory)}){because}",
            "lower it or raise resources.memory",
        )


def jvm(parts: Parts) -> Iterator[Problem]:
    """The collector is one we tune; options leave alone what the platform sets, and hold no secret."""
    for path, pool in parts.pools():
        yield from jvm_problems(f"{path}.jvm", pool.jvm)


def jvm_problems(path: str, spec: JvmSpec) -> Iterator[Problem]:
    """Yield what is wrong with a JVM's collector and options."""
    if spec.gc not in ("G1", "Serial"):
        yield Problem(f"{path}.gc", shown(spec.gc), "allowed are G1 and Serial", "choose one of them")
    for index, option in enumerate(spec.options):
        at, name = f"{path}.options[{index}]", shown(option.split("=")[0])
        if is_secret_name(option):
            yield Problem(at, name, "a JVM option is readable for everyone in the pod's specification", "remove it")
        elif option.startswith(("-Xmx", "-Xms")):
            yield Problem(at, name, "the heap has a field of its own", "use jvm.heap")
        elif re.match(r"-XX:[+-]Use\w*GC\b", option):
            yield Problem(at, name, "the collector has a field of its own", "use jvm.gc")
        elif option.startswith(("-javaagent", "-cp", "-classpath", "--class-path", "-Dlog4j2.configurationFile", "@")):
            yield Problem(at, name, "the platform sets this one", "remove it")
        elif not option.startswith("-") or not option.isprintable():
            yield Problem(at, name, "a JVM option starts with - and is on one line", "correct it")


def processor(parts: Parts) -> Iterator[Problem]:
    """Cores are in Kubernetes' notation, and a limit is not below the request."""
    for path, pool in parts.pools():
        yield from processor_problems(f"{path}.resources", pool.resources)


def processor_problems(path: str, resources: ResourcesSpec) -> Iterator[Problem]:
    """Yield what is wrong with a container's cores."""
    cores: dict[str, float] = {}
    for field, value in (("cpu", resources.cpu), ("cpu_limit", resources.cpu_limit)):
        if value is None:
            continue
        if _CPU.fullmatch(value):
            cores[field] = float(value.rstrip("m")) / (1000 if value.endswith("m") else 1)
        if not cores.get(field):
            allowed = "it is a number of cores above zero, like 2, 0.5 or 500m"
            yield Problem(f"{path}.{field}", shown(value), allowed, "correct it")
    if cores.get("cpu_limit", math.inf) < cores.get("cpu", 0):
        yield Problem(
            f"{path}.cpu_limit",
            shown(resources.cpu_limit),
            f"it must not be below resources.cpu ({resources.cpu})",
            "raise it, or leave it out: throttling shows as latency",
        )


def lifetimes(parts: Parts) -> Iterator[Problem]:
    """A leaf is renewed before it expires and expires before its CA."""
    if parts.kafka is None:
        return
    tls = parts.kafka.tls
    if tls.leaf_validity < timedelta(hours=1):
        yield Problem("kafka.tls.leaf_validity", shown(tls.leaf_validity), "it must be at least 1h", "raise it")
    if tls.leaf_renewal >= tls.leaf_validity:
        yield Problem(
            "kafka.tls.leaf_renewal",
            shown(tls.leaf_renewal),
            f"it must be shorter than leaf_validity ({shown(tls.leaf_validity)})",
            "lower it: it is the time before the end at which a leaf is reissued",
        )
    if tls.leaf_validity >= tls.ca_validity:
        yield Problem(
            "kafka.tls.leaf_validity",
            shown(tls.leaf_validity),
            f"it must be shorter than ca_validity ({shown(tls.ca_validity)})",
            "lower it or raise ca_validity",
        )
    if not timedelta(seconds=10) <= parts.kafka.termination_grace <= timedelta(minutes=30):
        yield Problem(
            "kafka.termination_grace",
            shown(parts.kafka.termination_grace),
            "allowed are 10s to 30m",
            "give a controlled shutdown the time to move all leaders",
        )


def image(parts: Parts) -> Iterator[Problem]:
    """Protected stacks run what was reviewed: an image by digest, of the release that is configured."""
    if parts.kafka is None:
        return
    name, version = parts.kafka.image, parts.kafka.version
    bare, _, digest = name.partition("@")
    if not bare or re.search(r"\s", name) or (digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest)):
        allowed = "an image is registry/name:tag, then perhaps @sha256: and 64 hexadecimal digits"
        yield Problem("kafka.image", shown(name), allowed, "correct it")
    elif parts.protect and not digest:
        yield Problem(
            "image_digest",
            "",
            f"it is missing: a protected stack runs {bare} by its digest",
            f"find it with docker buildx imagetools inspect {bare} --format '{{{{.Manifest.Digest}}}}', then: "
            f"pulumi config set --stack {parts.stack} {PROJECT}:image_digest sha256:…",
        )
    tag = _RELEASE.search(bare.rpartition("/")[2].partition(":")[2])
    if tag and tag[0] != version:
        yield Problem(
            "kafka.image", shown(name), f"its tag says {tag[0]}, kafka.version {version}", "make them the same"
        )
    line = KAFKA.rpartition(".")[0]
    if not _RELEASE.fullmatch(version) or version.rpartition(".")[0] != line:
        yield Problem(
            "kafka.version",
            shown(version),
            f"this platform's settings are those of Kafka {line}",
            f"use {KAFKA}; for another line raise it in versions.py and renew config/kafka_settings",
        )
