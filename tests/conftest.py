"""Says at the end of a run which parts were real and which were stood in for."""

import subprocess

import pytest
from hypothesis import settings

from tests.scheduling import LAB, LabScheduling, marks

# How long an example takes says nothing on a machine that does other work besides.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

ALONE = frozenset({"aws", "broker", "engine", "postgres", "programs", "recordings", "registry"})
"""Marks of tests that start what they need, and need no lab."""
STOOD_IN = (
    ("image apache/kafka", "the lab's own image of the same version, from Maven and Debian packages"),
    (
        "images of ksqlDB, its CLI, Kafka UI and CMAK",
        "the lab's Kafka image, idling: objects, access, settings and Secrets are seen, the programs aren't",
    ),
    ("NetworkPolicy enforcement", "none: the API server validates them, the lab's bridge network doesn't enforce them"),
)
PROD_STOOD_IN = (
    ("AWS", "moto, over HTTP: EC2, EKS, IAM, KMS, Route 53, S3, Glue, and a machine's metadata"),
    ("EKS' machines", "the lab's, with the labels, taints and zones of the node groups in moto"),
    ("EBS' driver, AWS's load balancers", "the lab's own provisioner and load balancers"),
    ("Route 53's servers", "a resolver that answers from the records in moto"),
    ("ksqlDB, its CLI, Kafka UI", "an image that answers their probes and says that it isn't them"),
    ("Confluent's schema registry and converter", "Apicurio's"),
)
"""Besides, where prod comes up on the lab."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the lab comes first: beside it there is time for the rest."""
    items.sort(key=lambda item: not LAB & marks(item.path))


class ShowAtOnce:
    """Shows each failure when it happens: a long run that is broken off shows none at its end."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.terminal.write_line(f"\n{report.nodeid}, {report.when}:\n{report.longreprtext}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    # Workers have one, too, which nobody sees.
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ShowAtOnce(terminal))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LabScheduling:
    return LabScheduling(config, log)


def version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else "?"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report engine, Kubernetes and brokers by what they say of themselves."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    seen = {name for report in reports for name in ALONE if name in report.keywords}
    # A folder's name is a keyword of the tests in it, too.
    lab = any("e2e" in report.keywords and not ALONE & report.keywords.keys() for report in reports)
    if not seen - {"postgres", "programs"} and not lab:
        return
    import versions
    from toolchain.engine import engine_environment
    from toolchain.programs import program

    terminalreporter.section("what was real")
    if {"registry", "broker"} & seen:
        terminalreporter.write_line(f"real      schema registry: Apicurio {versions.APICURIO}")
    prod = any("prod_shaped" in report.keywords for report in reports)
    if {"aws", "recordings"} & seen or prod:
        terminalreporter.write_line("stood in  AWS's Pulumi plugin: lab/aws, its properties checked against pulumi_aws")
    if "aws" in seen:
        terminalreporter.write_line("stood in  AWS: moto, over HTTP; docs/aws-stand-in.md says what it lacks")
    if lab or {"aws", "engine"} & seen:
        environment = engine_environment()
        asked = subprocess.run(["pulumi", "version"], env=environment, capture_output=True, text=True, check=False)
        terminalreporter.write_line(f"real      Pulumi engine: {asked.stdout.strip()}")
    if not lab:
        return
    for what, which in (
        ("Kubernetes API, scheduler, kubelets", version(str(program("kube-apiserver")), "--version")),
        ("container runtime", version(str(program("containerd")), "--version")),
        (
            "Pulumi's plugin for Kubernetes",
            f"{versions.PULUMI_KUBERNETES}, its deletions repaired: toolchain/repairs.py",
        ),
        ("Kafka brokers", versions.KAFKA),
        ("clients", "librdkafka (confluent-kafka), Kafka's Java tools, kcat"),
    ):
        terminalreporter.write_line(f"real      {what}: {which}")
    for what, which in STOOD_IN:
        terminalreporter.write_line(f"stood in  {what}: {which}")
    for what, which in PROD_STOOD_IN if prod else ():
        terminalreporter.write_line(f"stood in  prod: {what}: {which}")
