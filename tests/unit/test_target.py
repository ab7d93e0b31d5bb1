"""The target of a stack, and the sentence a user reads when it can't be used."""

import socket
from pathlib import Path

import pytest

from config.platform import KubernetesSpec
from config.target import (
    MadeCluster,
    Target,
    TargetError,
    api_address,
    check_reachable,
    destination,
    resolve_target,
)
from tests.unit.test_aws_config import platform

KUBECONFIG = """
clusters: [{name: kind, cluster: {server: "https://127.0.0.1:%d"}}, {name: broken, cluster: {}}]
contexts: [{name: kind-kafka, context: {cluster: kind}}, {name: broken, context: {cluster: broken}}]
"""


def spec(context: str | None = None) -> KubernetesSpec:
    return KubernetesSpec(zones=("a", "b", "c"), context=context)


@pytest.mark.parametrize(
    ("configured", "environment", "kubeconfig", "context"),
    [
        (None, {}, "/var/lib/kafka-platform/lab/kubeconfig", "lab"),
        (None, {"KAFKA_PLATFORM_LAB": "/x"}, "/x/kubeconfig", "lab"),
        ("eks", {"KUBECONFIG": "/k/one:/k/two"}, "/k/one", "eks"),
        ("eks", {"KUBECONFIG": "/k/one", "KUBE_CONTEXT": "kind-kafka"}, "/k/one", "kind-kafka"),
    ],
)
def test_environment_goes_before_configuration_before_lab(
    configured: str | None, environment: dict[str, str], kubeconfig: str, context: str
) -> None:
    assert resolve_target(spec(configured), environment) == Target(kubeconfig=Path(kubeconfig), context=context)


def test_a_stack_that_makes_its_cluster_goes_there_whatever_the_environment_says() -> None:
    environment = {"KUBECONFIG": "/k/one", "KUBE_CONTEXT": "kind-kafka"}
    assert destination(platform("protect", True, made=True), environment) == MadeCluster(name="kafka-test")
    found = destination(platform("protect", True), environment)
    assert found == Target(kubeconfig=Path("/k/one"), context="kind-kafka")


def test_reachable_cluster_is_accepted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        file = tmp_path / "config"
        file.write_text(KUBECONFIG % server.getsockname()[1])
        check_reachable(Target(kubeconfig=file, context="kind-kafka"))


def test_each_unusable_target_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "config"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    file.write_text(KUBECONFIG % port)
    other = "set KUBECONFIG and KUBE_CONTEXT to a cluster you can reach, or unset both for the embedded lab"
    table = {
        (tmp_path / "none", "kind-kafka"): f"kubeconfig {tmp_path}/none can't be read (No such file or directory); "
        + other,
        (file, "eks"): f"kubeconfig {file} has no context 'eks'; it has: broken, kind-kafka; {other}",
        (file, "broken"): f"context 'broken' in kubeconfig {file} names no API server; {other}",
        (file, "kind-kafka"): f"the Kubernetes API of context 'kind-kafka' at 127.0.0.1:{port} does not answer "
        "(Connection refused); check the VPN, the context and KUBECONFIG",
    }
    for (kubeconfig, context), message in table.items():
        with pytest.raises(TargetError) as caught:
            check_reachable(Target(kubeconfig=kubeconfig, context=context))
        assert str(caught.value) == message


def test_port_defaults_to_the_scheme(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        'clusters: [{name: c, cluster: {server: "https://eks.example"}}]\ncontexts: [{name: c, context: {cluster: c}}]'
    )
    assert api_address(Target(kubeconfig=file, context="c")) == ("eks.example", 443)
