"""Arguments of the JVM as an ``@argfile`` of the java launcher."""

from collections.abc import Mapping, Sequence
from typing import Final

from config.kafka import JvmSpec, NodePoolSpec
from config.literals import Role
from manifests import paths
from manifests.unsafe import UnsafeManifest

COLLECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    # Pauses of 20 ms and early marking: upstream's kafka-run-class.sh.
    "G1": (
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExplicitGCInvokesConcurrent",
    ),
    # No concurrent threads: right for small heaps on shared cores. The optimising compiler stays: the fast AES of TLS
    # is among its intrinsics.
    "Serial": ("-XX:+UseSerialGC",),
}
"""Flags of each garbage collector that a pool or another server may ask for."""


def jvm_options(pool: NodePoolSpec) -> str:
    """Return the argument file's content: heap, collector, logging, the readiness agent, class path, main class."""
    heap = pool.jvm.heap // 2**20
    arguments = [
        *machine_options(pool.jvm),
        f"-Dlog4j2.configurationFile={paths.LOGGING}",
        f"-javaagent:{paths.AGENT_JAR}={paths.AGENT_CONFIG}",
        *(("-XX:MaxDirectMemorySize=256m",) if Role.BROKER in pool.roles and heap < 1024 else ()),
        *pool.jvm.options,
    ]
    return argument_file(arguments)


def machine_options(jvm: JvmSpec) -> list[str]:
    """Return heap, collector and what every JVM of the platform has."""
    heap = jvm.heap // 2**20
    return [
        f"-Xms{heap}m",
        f"-Xmx{heap}m",
        *COLLECTORS[jvm.gc],
        # A server out of memory must die and be restarted, not linger half alive.
        "-XX:+ExitOnOutOfMemoryError",
        # Performance counters in a mapped file make a collection wait for the disk below /tmp.
        "-XX:+PerfDisableSharedMem",
        "-Djava.awt.headless=true",
    ]


def argument_file(arguments: Sequence[str]) -> str:
    """Quote arguments for the java launcher (JDK tool specifications, java: «@argfiles»).

    One on each line, in double quotes, with backslashes and quotes escaped. Raises UnsafeManifest for a line break,
    which would end the quoted string. The message doesn't repeat the argument: it may hold a password.
    """
    for number, argument in enumerate(arguments, start=1):
        if not argument.isprintable():
            raise UnsafeManifest(f"argument {number} of an argument file must be printable and on one line")
    lines = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in arguments)
    return "".join(f'"{line}"\n' for line in lines)


def format_arguments(cluster_id: str, mechanism: str, user: str, password: str) -> str:
    """Return the argument file that formats a node's disk with the first user's credential (KIP-900).

    It is secret. A formatted disk is left alone, so it runs at every start: with what makes a short run cheap.
    """
    return argument_file(
        [
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            # They would hold the whole command line, password included, in a file below /tmp.
            "-XX:-UsePerfData",
            "-cp",
            f"{paths.LIBRARIES}/*",
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "--cluster-id",
            cluster_id,
            "--config",
            paths.CONFIG,
            "--add-scram",
            f"{mechanism}=[name={user},password={password}]",
        ]
    )
