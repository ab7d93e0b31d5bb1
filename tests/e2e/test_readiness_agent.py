"""The committed jar is what its sources give, and the agent's mistakes never become Kafka's."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from assets.readiness import build
from lab.images import tools_classpath

pytestmark = pytest.mark.programs

HOST_PROGRAM = "class Host { public static void main(String[] a) throws Exception { System.in.read(); } }"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program that runs until its standard input ends."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "Host.java").write_text(HOST_PROGRAM)
    subprocess.run(["javac", "-d", str(folder), str(folder / "Host.java")], check=True)
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; asks again until the agent listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.05)


def evaluated(port: int) -> tuple[int, str]:
    """The first answer of ``/ready`` that is more than a placeholder."""
    deadline = time.monotonic() + 60
    while "nothing was evaluated yet" in (answer := get(port, "/ready"))[1]:
        assert time.monotonic() < deadline, "the agent never evaluated anything"
        time.sleep(0.05)
    return answer


def answer_of(host: Path, settings: Mapping[str, str], port: int, classpath: str = "") -> tuple[int, str]:
    """What ``/ready`` says in a JVM with these settings, which must come to its own, good end."""
    file = host / "agent.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    java = [
        "java",
        "-Xshare:auto",
        "-XX:TieredStopAtLevel=1",
        f"-javaagent:{build.JAR}={file}",
        "-cp",
        classpath or str(host),
        "Host",
    ]
    with subprocess.Popen(java, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as jvm:
        try:
            assert get(port, "/live") == (200, '{"live":true}\n')
            answer = evaluated(port)
            jvm.communicate(timeout=30)
            assert jvm.returncode == 0
        finally:
            jvm.kill()
    return answer


@pytest.fixture(scope="module")
def compiled() -> dict[str, bytes]:
    return build.build(tools_classpath())


def test_the_jar_is_what_its_sources_give(compiled: dict[str, bytes]) -> None:
    assert build.read() == compiled


def test_the_jar_carries_no_time_and_no_owner(compiled: dict[str, bytes]) -> None:
    assert build.pack(build.read()) == build.pack(compiled)
    assert build.JAR.stat().st_size < 40_000


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError) as caught:
        build.build("", javac=str(tmp_path / "javac"))
    assert str(caught.value) == f"{tmp_path}/javac is not there; install openjdk-17-jdk or name one with --javac"


def test_another_compiler_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "javac"
    other.write_text("#!/bin/sh\necho javac 21.0.4\n")
    other.chmod(0o755)
    with pytest.raises(build.BuildError) as caught:
        build.build("", javac=str(other))
    assert str(caught.value) == f"{other} is version 21.0.4, which writes other bytes than 17; install openjdk-17-jdk"


def test_sources_that_do_not_compile_show_why(tmp_path: Path) -> None:
    (tmp_path / "Asks.java").write_text("import org.apache.kafka.clients.admin.Admin;\nclass Asks {}\n")
    with pytest.raises(build.BuildError, match=r"package org\.apache\.kafka\.clients\.admin does not exist"):
        build.build("", sources=tmp_path)


CONTROLLER = {"node.id": "1", "process.roles": "controller", "controller.quorum.voters": "1@a.invalid:9090"}
KNOWN = (
    "check.interval.ms, controller.max.lag.ms, controller.quorum.voters, isr.recheck.ms, leaderless.grace.ms, node.id, "
    "port, process.roles, unready.after.ms and admin.<name>"
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"node.id": ""}, "node.id is missing"),
        ({"node.id": "one"}, "node.id is 'one'; allowed is a whole number from 0 to 2147483647"),
        ({"process.roles": "voter"}, "process.roles is 'voter'; allowed are broker, controller or both"),
        ({"process.roles": "broker"}, "admin.bootstrap.servers is missing"),
        ({"controller.quorum.voters": "a:9090"}, "controller.quorum.voters has 'a:9090'; allowed is id@host:port"),
        (
            {"isr.recheck.ms": "0"},
            "isr.recheck.ms is '0'; allowed is a whole number from 1 to 2147483647",
        ),
        ({"colour": "red"}, f"unknown colour; known are {KNOWN}"),
    ],
)
def test_a_mistake_in_the_file_is_said_and_harms_nothing(host: Path, change: dict[str, str], reason: str) -> None:
    port = free_port()
    answer = answer_of(host, {**CONTROLLER, "port": str(port), **change}, port)
    assert answer == (503, f'{{"ready":false,"phase":"starting","reasons":["{reason}"]}}\n')


def test_a_jvm_without_kafka_is_not_ready(host: Path) -> None:
    port = free_port()
    classpath = f"{host}:{tools_classpath()}"
    answer = answer_of(host, {**CONTROLLER, "port": str(port)}, port, classpath)
    reason = "the metadata quorum has no leader"
    assert answer == (503, f'{{"ready":false,"phase":"starting","reasons":["{reason}"]}}\n')


def test_a_jvm_without_kafka_clients_is_not_ready(host: Path) -> None:
    port = free_port()
    status, body = answer_of(host, {**CONTROLLER, "port": str(port)}, port)
    assert status == 503
    assert "kafka-clients is not on the class path" in body


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("/nowhere/agent.properties", "properties file '/nowhere/agent.properties' can't be read"),
        (
            "/etc/kafka/agent/%{NO_SUCH_NAME}.properties",
            "the agent's argument '/etc/kafka/agent/%{NO_SUCH_NAME}.properties' names the environment variable "
            "NO_SUCH_NAME, which is not set",
        ),
    ],
)
def test_a_file_that_is_not_there_is_named(host: Path, argument: str, reason: str) -> None:
    java = ["java", f"-javaagent:{build.JAR}={argument}", "-cp", str(host), "Host"]
    with subprocess.Popen(java, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as jvm:
        assert jvm.stderr is not None
        try:
            assert reason in jvm.stderr.readline()
            jvm.communicate(timeout=30)
            assert jvm.returncode == 0
        finally:
            jvm.kill()
