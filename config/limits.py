"""Numbers with bounds: ports, quotas, memory, lifetimes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from config.errors import Problem, dotted, shown
from config.literals import ExternalAccess
from config.parts import Parts

_CPU: Final = re.compile(r"\d+(\.\d{1,3})?|\d+m")
_NODE_PORTS: Final = range(30000, 32768)
"""Kubernetes' default --service-node-port-range."""


def ports(parts: Parts) -> Iterator[Problem]:
    """Node ports are in Kubernetes' range, and none is used twice."""
    if parts.kafka is None or parts.kafka.external.type is ExternalAccess.NONE:
        return
    external = parts.kafka.external
    taken: dict[int, str] = {}
    for field, first, count in (
        ("bootstrap_port", external.bootstrap_port, 1),
        ("first_broker_port", external.first_broker_port, parts.brokers),
        ("mtls_bootstrap_port", external.mtls_bootstrap_port, 1),
        ("mtls_first_broker_port", external.mtls_first_broker_port, parts.brokers),
    ):
        path = f"kafka.external.{field}"
        if first not in _NODE_PORTS or first + count - 1 not in _NODE_PORTS:
            yield Problem(
                path, shown(first), "node ports are 30000 to 32767, for every broker", "use a port of that range"
            )
            continue
        clash = next((taken[port] for port in range(first, first + count) if port in taken), None)
        if clash:
            yield Problem(path, shown(first), f"its ports are those of {clash}", "leave room for every broker")
        taken.update(dict.fromkeys(range(first, first + count), path))


def quotas(parts: Parts) -> Iterator[Problem]:
    """A quota of zero would stop a service for good."""
    for service in parts.services:
        for field in ("producer_bytes_per_second", "consumer_bytes_per_second", "request_percentage"):
            value = getattr(service.quota, field)
            if value <= 0:
                yield Problem(
                    dotted(["services", service.id, "quota", field]),
                    shown(value),
                    "a quota must be above zero",
                    "raise it; a service that must not write gets no produces",
                )
        if not 1 <= service.credential_generation <= 1_000_000:
            yield Problem(
                dotted(["services", service.id, "credential_generation"]),
                shown(service.credential_generation),
                "it counts from 1",
                "raise it by one to rotate the password",
            )


def memory(parts: Parts) -> Iterator[Problem]:
    """The heap leaves room for direct buffers and page cache; the collector is one we tune."""
    for path, pool in parts.pools():
        heap, whole = pool.jvm.heap, pool.resources.memory
        if heap < 128 * 2**20:
            yield Problem(f"{path}.jvm.heap", shown(heap), "it must be at least 128Mi", "raise it")
        elif heap > whole * 3 // 4:
            yield Problem(
                f"{path}.jvm.heap",
                shown(heap),
                f"it may be at most 75% of resources.memory ({whole}): the page cache lives beside it",
                "lower it or raise resources.memory",
            )
        if pool.jvm.gc not in ("G1", "Serial"):
            yield Problem(f"{path}.jvm.gc", shown(pool.jvm.gc), "allowed are G1 and Serial", "choose one of them")
        for index, option in enumerate(pool.jvm.options):
            if option.startswith(("-Xmx", "-Xms", "-javaagent", "-cp", "-XX:+Use")):
                yield Problem(
                    f"{path}.jvm.options[{index}]",
                    shown(option),
                    "the platform sets this one",
                    "use jvm.heap and jvm.gc",
                )
            elif not option.startswith("-"):
                yield Problem(f"{path}.jvm.options[{index}]", shown(option), "a JVM option starts with -", "correct it")
        for field in ("cpu", "cpu_limit"):
            value = getattr(pool.resources, field)
            if value is not None and not (_CPU.fullmatch(value) and float(value.rstrip("m")) > 0):
                yield Problem(
                    f"{path}.resources.{field}",
                    shown(value),
                    "it is a number of cores, like 2, 0.5 or 500m",
                    "correct it",
                )


def lifetimes(parts: Parts) -> Iterator[Problem]:
    """A leaf is renewed before it expires and expires before its CA."""
    if parts.kafka is None:
        return
    tls = parts.kafka.tls
    if tls.leaf_validity < timedelta(hours=1):
        yield Problem("kafka.tls.leaf_validity", shown(str(tls.leaf_validity)), "it must be at least 1h", "raise it")
    if tls.leaf_renewal >= tls.leaf_validity:
        yield Problem(
            "kafka.tls.leaf_renewal",
            shown(str(tls.leaf_renewal)),
            f"it must be shorter than leaf_validity ({tls.leaf_validity})",
            "lower it: it is the time before the end at which a leaf is reissued",
        )
    if tls.leaf_validity >= tls.ca_validity:
        yield Problem(
            "kafka.tls.leaf_validity",
            shown(str(tls.leaf_validity)),
            f"it must be shorter than ca_validity ({tls.ca_validity})",
            "lower it or raise ca_validity",
        )
    if not timedelta(seconds=10) <= parts.kafka.termination_grace <= timedelta(minutes=30):
        yield Problem(
            "kafka.termination_grace",
            shown(str(parts.kafka.termination_grace)),
            "allowed are 10s to 30m",
            "give a controlled shutdown the time to move all leaders",
        )


def image(parts: Parts) -> Iterator[Problem]:
    """Protected stacks run what was reviewed: an image by digest, of the version that is configured."""
    if parts.kafka is None:
        return
    name = parts.kafka.image
    if parts.protect and not re.search(r"@sha256:[0-9a-f]{64}$", name):
        yield Problem(
            "kafka.image",
            shown(name),
            "a protected stack names its image by digest, …@sha256:<64 hex digits>",
            f"find it with: docker buildx imagetools inspect {name.split('@')[0]}",
        )
    if not re.fullmatch(r"[3-9]\.\d+\.\d+", parts.kafka.version):
        yield Problem("kafka.version", shown(parts.kafka.version), "it is a Kafka release like 4.1.1", "correct it")
