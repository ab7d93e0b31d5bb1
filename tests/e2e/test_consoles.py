"""ksqlDB and the consoles on a real API server, with a stand-in for their images.

What they are themselves isn't seen. All that is around them is: the objects are validated, scheduled and mounted, and
the settings they would start with are used by Kafka's own Java tools, in their pods, as they lie there.
"""

import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.harness import ROOT, Finished, Platform, wait_for

pytestmark = pytest.mark.e2e

OVERLAY = ROOT / "config" / "overlays" / "consoles.yaml"
PROPERTIES = "/etc/ksqldb/ksql-server.properties"
INTERNAL = "_confluent-ksql-pyairtable_"
COMMAND_TOPIC = f"{INTERNAL}_command_topic"
SERVERS = [f"ksqldb-server-{number}" for number in range(3)]
PODS = 6
"""Three servers, the CLI's, Kafka UI's and CMAK's."""


def kubectl(*arguments: str, stdin: str = "", check: bool = True) -> Finished:
    import os

    from toolchain.programs import program

    kubeconfig = os.environ.get("KAFKA_PLATFORM_LAB", "/var/lib/kafka-platform/lab") + "/kubeconfig"
    command = [str(program("kubectl")), "--kubeconfig", kubeconfig, "-n", "kafka", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=180)
    finished = Finished(done.returncode, done.stdout, done.stderr)
    assert finished.code == 0 or not check, finished.text
    return finished


def inside(pod: str, *command: str, stdin: str = "", check: bool = True) -> Finished:
    """Run a command in a pod's container."""
    return kubectl("exec", "-i", pod, "--", *command, stdin=stdin, check=check)


def java(pod: str, *arguments: str, stdin: str = "", options: tuple[str, ...] = ()) -> Finished:
    """Run one of Kafka's Java tools in a pod."""
    runtime = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "/opt/kafka/libs/*")
    return inside(pod, "java", *runtime, *options, *arguments, stdin=stdin, check=False)


def bootstrap(properties: str) -> str:
    (line,) = (line for line in properties.splitlines() if line.startswith("bootstrap.servers="))
    return line.partition("=")[2]


class Client:
    """Kafka's Java tools in a pod, with the client settings that lie there."""

    def __init__(self, pod: str, properties: str) -> None:
        self.pod, self.properties = pod, properties
        self.bootstrap = bootstrap(inside(pod, "cat", properties).out)

    def _run(self, tool: str, *arguments: str, config: str, stdin: str = "") -> Finished:
        server = ("--bootstrap-server", self.bootstrap)
        return java(
            self.pod, f"org.apache.kafka.tools.{tool}", *server, config, self.properties, *arguments, stdin=stdin
        )

    def topics(self, *arguments: str) -> Finished:
        return self._run("TopicCommand", *arguments, config="--command-config")

    def groups(self, *arguments: str) -> Finished:
        return self._run("consumer.group.ConsumerGroupCommand", *arguments, config="--command-config")

    def produce(self, topic: str, value: str) -> Finished:
        return self._run("ConsoleProducer", "--topic", topic, config="--producer.config", stdin=f"{value}\n")

    def consume(self, topic: str, group: str) -> Finished:
        arguments = ("--topic", topic, "--group", group, "--from-beginning", "--timeout-ms", "8000")
        return self._run("consumer.ConsoleConsumer", *arguments, config="--consumer.config")

    def transaction(self, topic: str, transactional_id: str) -> Finished:
        """Write ten records in one transaction."""
        return java(
            self.pod,
            "org.apache.kafka.tools.ProducerPerformance",
            *("--topic", topic, "--num-records", "10", "--record-size", "10", "--throughput", "-1"),
            *("--producer.config", self.properties, "--transactional-id", transactional_id),
            *("--transaction-duration-ms", "1000"),
        )


@pytest.fixture(scope="module", autouse=True)
def companions(platform: Platform) -> Iterator[Platform]:
    """The dev stack with the overlay; without it again at the end."""
    try:
        platform.up(OVERLAY)
        wait_for("every container to run", lambda: len(running()) == PODS, timeout=60)
        yield platform
    finally:
        platform.up()


def pods() -> list[dict[str, Any]]:
    selector = "app.kubernetes.io/name in (ksqldb-server,ksqldb-cli,kafka-ui,kafka-manager)"
    items: list[dict[str, Any]] = json.loads(kubectl("get", "pods", "-l", selector, "-o", "json").out)["items"]
    return items


def running() -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in pods()
        for status in pod["status"].get("containerStatuses", [])
        if "running" in status["state"]
    ]


def named(app: str) -> str:
    """The one pod of an application."""
    (pod,) = (pod for pod in pods() if pod["metadata"]["labels"]["app.kubernetes.io/name"] == app)
    name: str = pod["metadata"]["name"]
    return name


@pytest.fixture(scope="module")
def ksqldb() -> Client:
    return Client(SERVERS[0], PROPERTIES)


@pytest.fixture(scope="module")
def kafka_ui() -> Client:
    """Kafka UI's client settings, with the placeholders filled in from files as Spring does."""
    pod = named("kafka-ui")
    settings = yaml.safe_load(inside(pod, "cat", "/etc/kafka-ui/config/application.yaml").out)
    (cluster,) = settings["kafka"]["clusters"]
    folder = settings["spring"]["config.import"].removeprefix("configtree:")
    lines = [f"bootstrap.servers={cluster['bootstrapServers']}"]
    lines += [f"{name}={value}" for name, value in cluster["properties"].items()]
    text = "\n".join(lines) + "\n"
    for name in inside(pod, "ls", folder).out.split():
        text = text.replace(f"${{{name}}}", inside(pod, "cat", f"{folder}{name}").out)
    assert "${" not in text
    inside(pod, "tee", "/tmp/client.properties", stdin=text)
    return Client(pod, "/tmp/client.properties")


def test_a_second_up_would_change_nothing(companions: Platform) -> None:
    steps = companions.preview(OVERLAY)
    assert {name: step["op"] for name, step in steps.items() if "pulumi:Stack" not in step["urn"].split("::")[-2]} == {}


def test_servers_are_in_all_three_zones() -> None:
    nodes = json.loads(kubectl("get", "nodes", "-o", "json").out)["items"]
    zones = {node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes}
    placed = {pod["metadata"]["name"]: zones[pod["spec"]["nodeName"]] for pod in pods()}
    assert {placed[name] for name in SERVERS} == {"az-a", "az-b", "az-c"}


def test_the_budget_and_the_policies_are_there() -> None:
    budget = json.loads(kubectl("get", "poddisruptionbudget", "ksqldb-server", "-o", "json").out)
    assert budget["status"]["expectedPods"] == 3
    policies = json.loads(kubectl("get", "networkpolicies", "-o", "json").out)["items"]
    assert {"ksqldb-server", "ksqldb-cli", "kafka-ui", "kafka-manager"} <= {
        each["metadata"]["name"] for each in policies
    }


def test_services_lead_to_the_pods() -> None:
    found = {
        item["metadata"]["name"]: item for item in json.loads(kubectl("get", "services", "-o", "json").out)["items"]
    }
    ports = {name: found[name]["spec"]["ports"][0]["port"] for name in ("ksqldb-server", "kafka-ui", "kafka-manager")}
    assert ports == {"ksqldb-server": 8088, "kafka-ui": 8080, "kafka-manager": 9000}
    looked_up = inside(SERVERS[0], "getent", "hosts", f"{SERVERS[1]}.ksqldb-headless.kafka.svc.cluster.local").out
    (pod,) = (pod for pod in pods() if pod["metadata"]["name"] == SERVERS[1])
    assert looked_up.split()[0] == pod["status"]["podIP"]


def test_kubelets_probe_over_tls_where_it_is_said() -> None:
    """The stand-in answers nothing, and the kubelet says what it asked for."""

    def asked() -> set[str]:
        events = json.loads(kubectl("get", "events", "-o", "json").out)["items"]
        texts = [event["message"] for event in events if event["reason"] == "Unhealthy"]
        wanted = {":8088/info", ":8080/actuator/health", ":9000/api/health"}
        return {one for one in wanted if any(f"{one}" in text and "https://" in text for text in texts)}

    wait_for("a probe of each", lambda: len(asked()) == 3, timeout=90)


def modes(pod: str, *files: str) -> dict[str, str]:
    """File to mode, owner and group, links followed."""
    listed = inside(pod, "stat", "-L", "-c", "%n %a %u:%g", *files).out
    return dict(line.split(" ", 1) for line in listed.splitlines())


def test_servers_see_their_secrets_and_only_they_can_read_them() -> None:
    secrets = [f"/etc/ksqldb/secrets/{name}" for name in inside(SERVERS[1], "ls", "/etc/ksqldb/secrets").out.split()]
    assert secrets == [
        f"/etc/ksqldb/secrets/{name}"
        for name in ("keystore.p12", "registry-password", "store-password", "truststore.p12", "users.properties")
    ]
    kafka = [f"/etc/ksqldb/kafka/{name}" for name in inside(SERVERS[1], "ls", "/etc/ksqldb/kafka").out.split()]
    assert kafka == [f"/etc/ksqldb/kafka/{name}" for name in ("ca.pem", "keystore.pem", "password")]
    assert set(modes(SERVERS[1], *secrets, *kafka).values()) == {"440 0:1000"}
    assert inside(SERVERS[1], "id", "-u").out.strip() == "1000"
    assert inside(SERVERS[1], "touch", "/etc/ksqldb/x", check=False).code != 0
    assert inside(SERVERS[1], "touch", "/var/lib/ksqldb/x").code == 0


def test_each_server_reads_its_own_settings() -> None:
    for name in SERVERS:
        text = inside(name, "cat", PROPERTIES).out
        assert f"ksql.advertised.listener=https://{name}.ksqldb-headless.kafka.svc.cluster.local:8089\n" in text
        assert "ksql.streams.processing.guarantee=exactly_once_v2\n" in text


def test_java_opens_the_key_stores_as_ksqldb_would() -> None:
    common = ("keytool", "-list", "-storetype", "JKS", "-storepass:file", "/etc/ksqldb/secrets/store-password")
    own = inside(SERVERS[2], *common, "-v", "-keystore", "/etc/ksqldb/secrets/keystore.p12").out
    assert "Certificate chain length: 2" in own
    assert "DNSName: ksqldb-server.kafka.svc" in own
    assert f"DNSName: {SERVERS[2]}.ksqldb-headless.kafka.svc.cluster.local" in own
    trusted = inside(SERVERS[2], *common, "-keystore", "/etc/ksqldb/secrets/truststore.p12").out
    assert trusted.count("trustedCertEntry") == 2


def test_ksqldb_makes_and_uses_its_internal_topics(ksqldb: Client) -> None:
    created = ksqldb.topics("--create", "--topic", COMMAND_TOPIC, "--partitions", "1")
    assert f"Created topic {COMMAND_TOPIC}." in created.out, created.text
    try:
        assert "10 records sent" in ksqldb.transaction(COMMAND_TOPIC, "pyairtable_").out
        query = f"{INTERNAL}query_CTAS_T_1"
        assert "10 records sent" in ksqldb.transaction(COMMAND_TOPIC, f"{query}-7-1").out
        assert "Processed a total of 20 messages" in ksqldb.consume(COMMAND_TOPIC, query).text
    finally:
        assert ksqldb.topics("--delete", "--topic", COMMAND_TOPIC).code == 0


def test_ksqldb_makes_topics_for_its_queries_and_no_others(ksqldb: Client) -> None:
    assert ksqldb.topics("--create", "--topic", "pyairtable.ksqldb.test").code == 0
    assert ksqldb.topics("--delete", "--topic", "pyairtable.ksqldb.test").code == 0
    refused = ksqldb.topics("--create", "--topic", "pyairtable.other")
    assert refused.code != 0
    assert "Authorization failed" in refused.text


def test_ksqldb_reads_and_writes_what_is_declared(ksqldb: Client) -> None:
    mark = uuid.uuid4().hex
    assert ksqldb.produce("pyairtable.analytics.events", mark).code == 0
    assert "Authoriz" not in ksqldb.produce("pyairtable.analytics.events", mark).text
    assert "AuthorizationException" not in ksqldb.consume("pyairtable.auth.events", f"{INTERNAL}query_1").text


@pytest.mark.parametrize(
    ("action", "name", "says"),
    [
        ("produce", "pyairtable.auth.events", "TopicAuthorizationException"),
        ("consume", "pyairtable.ai.events", "TopicAuthorizationException"),
        ("consume", "__consumer_offsets", "TopicAuthorizationException"),
        ("group", "auth-service", "GroupAuthorizationException"),
        ("transaction", "workflow-engine-1", "TransactionalIdAuthorizationException"),
    ],
)
def test_ksqldb_is_refused_elsewhere(ksqldb: Client, action: str, name: str, says: str) -> None:
    done = {
        "produce": lambda: ksqldb.produce(name, "x"),
        "consume": lambda: ksqldb.consume(name, f"{INTERNAL}query_1"),
        "group": lambda: ksqldb.consume("pyairtable.auth.events", name),
        "transaction": lambda: ksqldb.transaction("pyairtable.analytics.events", name),
    }[action]()
    assert says in done.text


def test_the_logging_configuration_is_one(ksqldb: Client) -> None:
    """Log4j starts the processing log's appender, which opens its key and its authority."""
    options = ("-Dlog4j2.configurationFile=/etc/ksqldb/runtime/log4j2.yaml",)
    listed = java(
        ksqldb.pod,
        "org.apache.kafka.tools.TopicCommand",
        *("--bootstrap-server", ksqldb.bootstrap, "--command-config", PROPERTIES, "--list"),
        options=options,
    )
    assert "pyairtable.auth.events" in listed.out, listed.text
    assert "ERROR" not in listed.text


def test_ksql_starts_in_the_clis_pod_with_a_password_nobody_sees() -> None:
    """Java gets as far as the main class, which the stand-in doesn't have: it has read the file with the password."""
    pod = named("ksqldb-cli")
    assert modes(pod, "/usr/local/bin/ksql", "/etc/ksqldb-cli/arguments") == {
        "/usr/local/bin/ksql": "555 0:1000",
        "/etc/ksqldb-cli/arguments": "440 0:1000",
    }
    done = kubectl("exec", "deployment/ksqldb-cli", "--", "ksql", "--execute", "SHOW TOPICS;", check=False)
    assert "Could not find or load main class io.confluent.ksql.Ksql" in done.text
    password = json.loads(kubectl("get", "secret", "ksqldb-client-analytics-service", "-o", "json").out)["data"]
    assert set(password) == {"KSQLDB_PASSWORD", "KSQLDB_SSL_CA", "KSQLDB_URL", "KSQLDB_USERNAME", "ca.pem"}


def test_kafka_ui_sees_everything(kafka_ui: Client) -> None:
    listed = kafka_ui.topics("--list").out.split()
    assert {"pyairtable.auth.events", "pyairtable.dlq.events", "__consumer_offsets"} <= set(listed)
    described = kafka_ui.topics("--describe", "--topic", "pyairtable.auth.events").out
    assert "retention.ms=604800000" in described
    assert kafka_ui.groups("--list").code == 0


def test_kafka_ui_shows_the_records_it_may(kafka_ui: Client) -> None:
    """As the page does: partitions are assigned, no group is joined."""
    arguments = ("--topic", "pyairtable.system.events", "--partition", "0", "--offset", "earliest")
    allowed = java(
        kafka_ui.pod,
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        *("--bootstrap-server", kafka_ui.bootstrap, "--consumer.config", kafka_ui.properties),
        *(*arguments, "--timeout-ms", "5000"),
    )
    assert "Processed a total of" in allowed.text
    assert "AuthorizationException" not in allowed.text


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("read", "TopicAuthorizationException"),
        # It may write nowhere, so not even an idempotent producer's id is given to it (KIP-679).
        ("write", "ClusterAuthorizationException"),
        ("create", "Authorization failed"),
        ("delete", "TopicAuthorizationException"),
        ("reset", "GroupAuthorizationException"),
    ],
)
def test_kafka_ui_changes_nothing(kafka_ui: Client, action: str, says: str) -> None:
    topic = "pyairtable.auth.events"
    done = {
        "read": lambda: java(
            kafka_ui.pod,
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            *("--bootstrap-server", kafka_ui.bootstrap, "--consumer.config", kafka_ui.properties),
            *("--topic", topic, "--partition", "0", "--offset", "earliest", "--timeout-ms", "5000"),
        ),
        "write": lambda: kafka_ui.produce("pyairtable.system.events", "x"),
        "create": lambda: kafka_ui.topics("--create", "--topic", "pyairtable.other"),
        "delete": lambda: kafka_ui.topics("--delete", "--topic", topic),
        "reset": lambda: kafka_ui.groups("--delete", "--group", "analytics-service"),
    }[action]()
    assert says in done.text


def test_the_certificate_of_the_page_is_for_its_names() -> None:
    pod = named("kafka-ui")
    shown = inside(pod, "openssl", "x509", "-in", "/etc/kafka-ui/tls/tls.crt", "-noout", "-ext", "subjectAltName").out
    assert "DNS:kafka-ui.kafka.svc.cluster.local" in shown
    assert "DNS:localhost" in shown


def test_secrets_are_in_plain_nowhere(companions: Platform) -> None:
    outputs = json.loads(companions.pulumi("stack", "output", "--json", "--show-secrets", overlay=OVERLAY).out)
    passwords = [*outputs["ksqldb"]["passwords"].values()]
    passwords += [login["password"] for login in outputs["consoles"]["logins"].values()]
    assert len(passwords) == 4
    store = inside(SERVERS[0], "cat", "/etc/ksqldb/secrets/store-password").out
    kinds = "configmaps,pods,statefulsets,deployments,services,events"
    places = [
        companions.pulumi("stack", "export").out,
        kubectl("get", kinds, "-o", "json").out,
        companions.pulumi("stack", "output", "--json").out,
    ]
    found = [place for place in places for password in [*passwords, store] if password in place]
    assert len(found) == 0


def test_leaving_the_sections_out_takes_everything_away(companions: Platform) -> None:
    companions.up()
    kinds = "statefulsets,deployments,pods,services,configmaps,secrets,networkpolicies,poddisruptionbudgets"

    def gone() -> bool:
        names = kubectl("get", kinds, "-o", "name").out
        return not [word for word in ("ksqldb", "kafka-ui", "kafka-manager") if word in names]

    # What isn't awaited when it is made isn't when it goes: its pods have a minute.
    wait_for("everything of ksqlDB and the consoles to be gone", gone)
