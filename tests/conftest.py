"""Says at the end of a run which parts were real and which were stood in for."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that does other work besides.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

STOOD_IN = (
    ("image apache/kafka", "the lab's own image of the same version, from Maven and Debian packages"),
    ("NetworkPolicy enforcement", "none: the API server validates them, the lab's bridge network doesn't enforce them"),
)


def version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else "?"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report engine, Kubernetes and brokers by what they say of themselves."""
    ran = {
        Path(report.fspath).parts[1] for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    }
    if "e2e" not in ran:
        return
    import versions
    from toolchain.engine import engine_environment
    from toolchain.programs import program

    environment = engine_environment()
    pulumi = subprocess.run(["pulumi", "version"], env=environment, capture_output=True, text=True, check=False).stdout
    terminalreporter.section("what was real")
    for what, which in (
        ("Pulumi engine", pulumi.strip()),
        ("Kubernetes API, scheduler, kubelets", version(str(program("kube-apiserver")), "--version")),
        ("container runtime", version(str(program("containerd")), "--version")),
        ("Kafka brokers", versions.KAFKA),
        ("clients", "librdkafka (confluent-kafka), Kafka's Java tools, kcat"),
    ):
        terminalreporter.write_line(f"real      {what}: {which}")
    for what, which in STOOD_IN:
        terminalreporter.write_line(f"stood in  {what}: {which}")
