"""Arguments of the JVM as an ``@argfile`` of the java launcher."""

from collections.abc import Sequence

from config.kafka import NodePoolSpec
from config.literals import Role
from manifests import paths

_COLLECTORS = {
    # Pauses of 20 ms and early marking: upstream's kafka-run-class tuning.
    "G1": ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"),
    # No concurrent threads: right for small heaps on shared cores.
    "Serial": ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
}


def jvm_options(pool: NodePoolSpec) -> str:
    """Return the argument file's content: heap, collector, logging, the readiness agent, class path, main class."""
    heap = pool.jvm.heap // 2**20
    arguments = [
        f"-Xms{heap}m",
        f"-Xmx{heap}m",
        *_COLLECTORS[pool.jvm.gc],
        # A broker out of memory must die and be restarted, not linger half alive.
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Dcom.sun.management.jmxremote=false",
        f"-Dlog4j2.configurationFile={paths.LOGGING}",
        f"-javaagent:{paths.AGENT_JAR}={paths.AGENT_CONFIG}",
        *(("-XX:MaxDirectMemorySize=256m",) if Role.BROKER in pool.roles and heap < 1024 else ()),
        *pool.jvm.options,
    ]
    return argument_file(arguments)


def argument_file(arguments: Sequence[str]) -> str:
    """Quote arguments for the java launcher: one on each line, in double quotes, backslashes and quotes escaped."""
    lines = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in arguments)
    return "".join(f'"{line}"\n' for line in lines)


def format_arguments(cluster_id: str, mechanism: str, user: str, password: str) -> str:
    """Return the argument file that formats a node's disk with the first user's credential (KIP-900).

    It is secret. A formatted disk is left alone, so it runs at every start.
    """
    return argument_file(
        [
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
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
