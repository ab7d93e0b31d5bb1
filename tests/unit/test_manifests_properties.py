"""server.properties, the readiness agent's properties, and argument files."""

import re
from pathlib import Path
from typing import Any

import pytest

from config.kafka import KafkaClusterSpec
from config.literals import PORTS, Listener
from config.settings import known_settings
from manifests.jvm_options import argument_file, format_arguments, jvm_options
from manifests.nodes import Node, Topology
from manifests.readiness import readiness_properties
from manifests.server_properties import render, server_properties
from manifests.unsafe import UnsafeManifest
from tests.specs import combined, dedicated

AGENT_README = Path(__file__).parents[2] / "assets" / "readiness" / "README.md"


def topology(spec: KafkaClusterSpec) -> Topology:
    return Topology(spec=spec, namespace="kafka")


def settings(spec: KafkaClusterSpec, pod: str = "kafka-broker-a-0") -> dict[str, str]:
    found = topology(spec)
    return server_properties(node(spec, pod), found)


def node(spec: KafkaClusterSpec, pod: str) -> Node:
    (found,) = (each for each in topology(spec).nodes if each.pod == pod)
    return found


SHAPES = [
    combined(),
    dedicated(),
    combined(external={"type": "none", "hosts": {}}),
    combined(external={"type": "load-balancer"}),
    combined(scram_mechanism="SCRAM-SHA-256"),
]
every_node = pytest.mark.parametrize(
    ("spec", "pod"), [(spec, each.pod) for spec in SHAPES for each in topology(spec).nodes]
)


@every_node
def test_every_setting_exists_in_kafka(spec: KafkaClusterSpec, pod: str) -> None:
    prefix = re.compile(r"^listener\.name\.[a-z]+\.(scram-sha-\d+\.)?")
    unknown = {prefix.sub("", name) for name in settings(spec, pod)} - known_settings("broker")
    # The authorizer's own, and the login module's.
    assert unknown <= {"allow.everyone.if.no.acl.found", "super.users", "sasl.jaas.config"}


@every_node
def test_no_listener_is_plaintext_and_each_has_a_protocol(spec: KafkaClusterSpec, pod: str) -> None:
    found = settings(spec, pod)
    protocols = dict(pair.split(":") for pair in found["listener.security.protocol.map"].split(","))
    assert set(protocols.values()) <= {"SSL", "SASL_SSL"}
    opened = dict(listener.split("://:") for listener in found["listeners"].split(","))
    assert opened.keys() <= protocols.keys()
    assert {name: int(port) for name, port in opened.items()} == {name: PORTS[Listener(name)] for name in opened}
    for name, protocol in protocols.items():
        prefix = f"listener.name.{name.lower()}"
        if protocol == "SSL":
            assert found[f"{prefix}.ssl.client.auth"] == "required"
        else:
            assert found[f"{prefix}.sasl.enabled.mechanisms"] == spec.scram_mechanism


@every_node
def test_only_nodes_are_trusted_where_nodes_talk(spec: KafkaClusterSpec, pod: str) -> None:
    found = settings(spec, pod)
    assert found["ssl.truststore.location"].endswith("/cluster-ca.pem")
    trusts = {key: value for key, value in found.items() if key.endswith(".ssl.truststore.location")}
    assert all(re.match(r"listener\.name\.(external)?mtls\.", key) for key in trusts)
    assert all(value.endswith("/clients-ca.pem") for value in trusts.values())


@every_node
def test_nothing_is_allowed_without_an_acl(spec: KafkaClusterSpec, pod: str) -> None:
    found = settings(spec, pod)
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["authorizer.class.name"] == "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    assert found["super.users"] == "User:admin;User:kafka-node"
    assert found["ssl.endpoint.identification.algorithm"] == "https"
    assert found["ssl.enabled.protocols"] == "TLSv1.3,TLSv1.2"


@every_node
def test_controllers_decide_by_the_same_rules_as_brokers(spec: KafkaClusterSpec, pod: str) -> None:
    """The active controller places replicas and elects leaders by its own settings."""
    found = settings(spec, pod)
    assert found["default.replication.factor"] == "3"
    assert found["min.insync.replicas"] == "2"
    assert found["unclean.leader.election.enable"] == "false"
    assert found["auto.create.topics.enable"] == "false"
    for name in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert found[f"{name}.replication.factor"] == "3"
    for name in ("transaction.state.log", "share.coordinator.state.topic"):
        assert found[f"{name}.min.isr"] == "2"
    assert found["broker.session.timeout.ms"] == "6000"


@every_node
def test_no_secret_is_in_the_file(spec: KafkaClusterSpec, pod: str) -> None:
    text = render(settings(spec, pod))
    assert "password" not in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("spec", SHAPES)
def test_voters_are_the_controllers(spec: KafkaClusterSpec) -> None:
    voters = {server_properties(each, topology(spec))["controller.quorum.voters"] for each in topology(spec).nodes}
    assert len(voters) == 1, "nodes disagree about the quorum"
    expected = [f"{each.id}@{each.host}:9090" for each in topology(spec).nodes if each.is_controller]
    assert voters.pop().split(",") == expected
    assert len(expected) == 3


@pytest.mark.parametrize("spec", SHAPES)
def test_nodes_differ_in_id_and_name(spec: KafkaClusterSpec) -> None:
    nodes = topology(spec).nodes
    assert len({each.id for each in nodes}) == len(nodes)
    assert len({each.pod for each in nodes}) == len(nodes)
    assert len({each.host for each in nodes}) == len(nodes)


@pytest.mark.parametrize("spec", SHAPES)
def test_advertised_addresses_are_unique(spec: KafkaClusterSpec) -> None:
    addresses = [
        address
        for each in topology(spec).brokers
        for address in server_properties(each, topology(spec))["advertised.listeners"].split(",")
    ]
    assert len(addresses) == len({address.split("://")[1] for address in addresses})


def test_external_listener_is_advertised_by_zone_and_id() -> None:
    spec = dedicated()
    found = {
        each.pod: dict(
            address.split("://")
            for address in server_properties(each, topology(spec))["advertised.listeners"].split(",")
        )
        for each in topology(spec).brokers
    }
    assert found["kafka-broker-b-0"]["EXTERNAL"] == "kafka-b.example.org:32102"
    assert found["kafka-broker-b-0"]["EXTERNALMTLS"] == "kafka-b.example.org:32202"
    assert found["kafka-broker-b-0"]["REPLICATION"].startswith(
        "kafka-broker-b-0.kafka-headless.kafka.svc.cluster.local"
    )
    assert found["kafka-bulk-b-1"]["EXTERNAL"] == "kafka-b.example.org:32107"


def test_roles_decide_what_a_node_opens() -> None:
    assert [line.split(":")[0] for line in settings(combined())["listeners"].split(",")] == [
        *("REPLICATION", "INTERNAL", "MTLS", "EXTERNAL", "EXTERNALMTLS", "CONTROLLER"),
    ]
    controller = settings(dedicated(), "kafka-controller-a-0")
    assert controller["listeners"] == "CONTROLLER://:9090"
    assert controller["process.roles"] == "controller"
    assert not {"advertised.listeners", "inter.broker.listener.name", "broker.rack"} & controller.keys()
    broker = settings(dedicated())
    assert "CONTROLLER" not in broker["listeners"]
    assert broker["controller.listener.names"] == "CONTROLLER"
    closed = settings(combined(external={"type": "none", "hosts": {}}))
    assert "EXTERNAL" not in closed["listeners"]


def test_rack_is_the_zone_and_consumers_may_read_from_it() -> None:
    found = settings(combined(), "kafka-broker-c-0")
    assert found["broker.rack"] == "az-c"
    assert found["replica.selector.class"] == "org.apache.kafka.common.replica.RackAwareReplicaSelector"


@pytest.mark.parametrize(
    ("cpu", "network", "io", "fetchers"),
    [
        ("2", "3", "8", "1"),
        ("200m", "2", "4", "1"),
        ("0.5", "2", "4", "1"),
        ("1500m", "3", "8", "1"),
        ("8", "9", "32", "4"),
    ],
)
def test_threads_follow_the_cores(cpu: str, network: str, io: str, fetchers: str) -> None:
    found = settings(combined(pool_changes={"resources": {"cpu": cpu}}))
    names = ("num.network.threads", "num.io.threads", "num.replica.fetchers")
    assert tuple(found[name] for name in names) == (network, io, fetchers)


def test_certificate_of_the_clients_authority_makes_no_super_user() -> None:
    """The first rule that matches decides (KIP-371)."""
    rules = settings(combined())["listener.name.mtls.ssl.principal.mapping.rules"]

    def principal(subject: str) -> str | None:
        for pattern, name in re.findall(r"RULE:([^/]*)/([^/]*)/", rules):
            match = re.fullmatch(pattern.removeprefix("^").removesuffix("$"), subject)
            if match:
                return str(name.replace("$1", match[1]))
        return None

    assert principal("CN=auth-service,O=kafka-clients") == "auth-service"
    assert principal("CN=admin,O=kafka-clients") == "clients-ca-admin"
    assert principal("CN=kafka-node,O=kafka-clients") == "clients-ca-kafka-node"
    assert principal("CN=Admin,O=kafka-clients") is None
    assert principal("O=kafka-clients,CN=admin") is None


def test_further_settings_reach_every_node() -> None:
    spec = dedicated(broker_config={"log.segment.bytes": 1048576, "compression.gzip.level": 3, "log.preallocate": True})
    for pod in ("kafka-broker-a-0", "kafka-controller-a-0"):
        found = settings(spec, pod)
        assert (found["log.segment.bytes"], found["log.preallocate"]) == ("1048576", "true")


def test_further_setting_goes_before_our_tuning() -> None:
    assert settings(combined(broker_config={"num.io.threads": 3}))["num.io.threads"] == "3"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "min.insync.replicas",
            1,
            "broker_config must not set min.insync.replicas (1): every node's safety rests on it",
        ),
        ("super.users", "User:x", "broker_config must not set super.users (User:x): every node's safety rests on it"),
        (
            "listener.name.internal.ssl.client.auth",
            "none",
            "broker_config must not set listener.name.internal.ssl.client.auth (none): every node's safety rests on it",
        ),
        ("ssl.protocol", "TLSv1", "broker_config must not set ssl.protocol (TLSv1): every node's safety rests on it"),
        (
            "delegation.token.secret.key",
            "hunter2",
            "broker_config must not set delegation.token.secret.key: server.properties holds no secret",
        ),
    ],
)
def test_unsafe_setting_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(UnsafeManifest) as caught:
        settings(combined(broker_config={name: value}))
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["a\nb", "a\\b", " a", "a ", "ä", "a\tb"])
def test_value_java_would_read_otherwise_is_refused(value: str) -> None:
    with pytest.raises(UnsafeManifest, match=r"^key="):
        render({"key": value})


@pytest.mark.parametrize("key", ["a b", "a=b", "a:b", "#a", "!a", "ä", "a\\b"])
def test_key_java_would_read_otherwise_is_refused(key: str) -> None:
    with pytest.raises(UnsafeManifest):
        render({key: "value"})


def test_rendered_file_is_sorted_and_ends_with_a_line_break() -> None:
    assert render({"b": "2", "a": "1=:#"}) == "a=1=:#\nb=2\n"


@every_node
def test_agent_gets_only_what_it_knows(spec: KafkaClusterSpec, pod: str) -> None:
    known = set(re.findall(r"^\| `([a-z.]+)`", AGENT_README.read_text(), re.MULTILINE))
    assert {"node.id", "process.roles", "controller.quorum.voters", "port"} <= known
    found = readiness_properties(node(spec, pod), topology(spec))
    assert {key for key in found if not key.startswith("admin.")} <= known
    assert found["controller.quorum.voters"] == topology(spec).voters
    if "broker" in found["process.roles"]:
        assert found["admin.bootstrap.servers"] == f"{node(spec, pod).host}:9091"
        assert found["admin.security.protocol"] == "SSL"


def unquoted(text: str) -> list[str]:
    """Read an argument file as the java launcher does, for arguments in double quotes."""
    return [re.sub(r"\\(.)", r"\1", line[1:-1]) for line in text.splitlines()]


def test_argument_file_survives_any_printable_argument() -> None:
    arguments = ['-Da="b c"', "-Dpath=C:\\x", "#no comment", "-cp", "/opt/kafka/libs/*", "[name=a,password=b'c]"]
    assert unquoted(argument_file(arguments)) == arguments


def test_argument_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(UnsafeManifest) as caught:
        argument_file(["-Da", "hunter2\n-Db"])
    assert str(caught.value) == "argument 2 of an argument file must be printable and on one line"


def test_jvm_of_the_platform_document() -> None:
    found = unquoted(jvm_options(combined().pools[0]))
    assert {"-Xms4096m", "-Xmx4096m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError"} <= set(
        found
    )
    (agent,) = (argument for argument in found if argument.startswith("-javaagent:"))
    assert agent == "-javaagent:/etc/kafka/agent/readiness-agent.jar=/etc/kafka/readiness.properties"


def test_small_jvm_has_one_collector_thread_and_the_optimising_compiler() -> None:
    spec = combined(pool_changes={"jvm": {"heap": "400Mi", "gc": "Serial", "options": ["-XX:+UseStringDeduplication"]}})
    found = unquoted(jvm_options(spec.pools[0]))
    assert "-XX:+UseSerialGC" in found
    assert not any("G1" in argument or "TieredStopAtLevel" in argument for argument in found)
    assert found[-1] == "-XX:+UseStringDeduplication"


def test_disk_is_formatted_with_the_first_user() -> None:
    found = unquoted(format_arguments("a2Fma2EtcGxhdGZvcm0tZA", "SCRAM-SHA-512", "admin", "pass=word"))
    assert found[found.index("kafka.tools.StorageTool") :] == [
        *("kafka.tools.StorageTool", "format", "--ignore-formatted"),
        *("--cluster-id", "a2Fma2EtcGxhdGZvcm0tZA", "--config", "/etc/kafka/server.properties"),
        *("--add-scram", "SCRAM-SHA-512=[name=admin,password=pass=word]"),
    ]
    # Performance counters would keep the command line, password included, in a file.
    assert "-XX:-UsePerfData" in found
