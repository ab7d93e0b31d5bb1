"""ksqlDB: access in Kafka, files it reads, objects it is made of."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.ksqldb import KsqlDbSpec
from manifests.acl import Entry, Pattern
from manifests.ksqldb import KsqlDbCluster, ksqldb_disruption_budget, ksqldb_network_policies, ksqldb_services
from manifests.ksqldb_acl import ksqldb_user
from manifests.ksqldb_client import ksqldb_client_secret
from manifests.ksqldb_properties import (
    cli_arguments,
    cli_command,
    jaas_conf,
    ksqldb_properties,
    log4j2_yaml,
    server_options,
    users_properties,
)
from manifests.ksqldb_workload import ksqldb_cli_deployment, ksqldb_stateful_set, state_claims
from manifests.server_properties import render
from tests.specs import combined

QUOTA = {"producer_bytes_per_second": 1, "consumer_bytes_per_second": 1}
IMPLIED_BY = {"Describe": {"Describe", "Read", "Write", "Delete", "Alter"}}


def spec(**changes: Any) -> KsqlDbSpec:
    return KsqlDbSpec.model_validate({"quota": QUOTA, **changes})


def cluster(registry: str | None = None, **changes: Any) -> KsqlDbCluster:
    return KsqlDbCluster(spec=spec(**changes), kafka=combined(), namespace="kafka", schema_registry_url=registry)


def may(entries: tuple[Entry, ...], operation: str, kind: str, name: str) -> bool:
    """Decide as Kafka's authorizer does."""
    return any(
        entry.resource_type == kind
        and entry.operation in {operation, "All"} | IMPLIED_BY.get(operation, set())
        and (name == entry.name or (entry.pattern is Pattern.PREFIXED and name.startswith(entry.name)))
        for entry in entries
    )


DECLARED = ksqldb_user(spec(consumes=["events"], produces=["totals"], output_topic_prefix="derived."))


@pytest.mark.parametrize(
    ("operation", "kind", "name", "answer"),
    [
        ("Create", "Topic", "_confluent-ksql-pyairtable__command_topic", True),
        ("Write", "Topic", "_confluent-ksql-pyairtable__command_topic", True),
        ("Create", "Topic", "_confluent-ksql-pyairtable_query_CTAS_T_1-Aggregate-changelog", True),
        ("Delete", "Topic", "_confluent-ksql-pyairtable_query_CTAS_T_1-Aggregate-changelog", True),
        ("Read", "Group", "_confluent-ksql-pyairtable_query_CTAS_T_1", True),
        ("Write", "TransactionalID", "_confluent-ksql-pyairtable_query_CTAS_T_1-7-1", True),
        ("Write", "TransactionalID", "pyairtable_", True),
        ("Create", "Topic", "pyairtable_ksql_processing_log", True),
        ("Write", "Topic", "pyairtable_ksql_processing_log", True),
        ("DescribeConfigs", "Cluster", "kafka-cluster", True),
        ("Read", "Topic", "events", True),
        ("Describe", "Topic", "events", True),
        ("Write", "Topic", "totals", True),
        ("Create", "Topic", "derived.by-tenant", True),
        ("Delete", "Topic", "derived.by-tenant", True),
        # Nothing else.
        ("Write", "Topic", "events", False),
        ("Read", "Topic", "totals", False),
        ("Create", "Topic", "totals", False),
        ("Delete", "Topic", "totals", False),
        ("AlterConfigs", "Topic", "totals", False),
        ("Delete", "Topic", "pyairtable_ksql_processing_log", False),
        ("Read", "Topic", "_confluent-ksql-other_query_CTAS_T_1-Aggregate-changelog", False),
        ("Read", "Topic", "__consumer_offsets", False),
        ("Describe", "Topic", "others", False),
        ("Read", "Group", "auth-service", False),
        ("Write", "TransactionalID", "pyairtable_2", False),
        ("Write", "TransactionalID", "workflow-engine-1", False),
        ("Create", "Cluster", "kafka-cluster", False),
        ("Alter", "Cluster", "kafka-cluster", False),
    ],
)
def test_what_the_user_may_do(operation: str, kind: str, name: str, answer: bool) -> None:
    assert may(DECLARED.entries, operation, kind, name) is answer


def test_queries_create_no_topic_where_no_prefix_is_given() -> None:
    entries = ksqldb_user(spec()).entries
    assert [
        entry.name for entry in entries if entry.operation in ("All", "Create") and entry.resource_type == "Topic"
    ] == [
        "_confluent-ksql-pyairtable_",
        "pyairtable_ksql_processing_log",
    ]


def test_permissions_have_names_of_their_own() -> None:
    keys = [entry.key for entry in DECLARED.entries]
    assert len(set(keys)) == len(keys)


def properties(registry: str | None = None, pod: str = "ksqldb-server-1", **changes: Any) -> dict[str, str]:
    return ksqldb_properties(cluster(registry, **changes), pod)


def test_queries_are_exactly_once_and_replicated_as_everything_is() -> None:
    found = properties()
    assert found["ksql.streams.processing.guarantee"] == "exactly_once_v2"
    assert {found[key] for key in found if key.endswith(("replication.factor", "topic.replicas"))} == {"3"}
    assert found["ksql.internal.topic.min.insync.replicas"] == "2"


def test_nobody_gets_in_without_tls_and_a_password() -> None:
    found = properties()
    assert found["listeners"] == "https://0.0.0.0:8088"
    assert found["authentication.method"] == "BASIC"
    assert f"{found['authentication.realm']} {{" in jaas_conf()
    assert found["authentication.skip.paths"] == "/info"


def test_servers_prove_themselves_to_each_other_by_certificate() -> None:
    found = properties()
    assert found["ksql.internal.listener"] == "https://0.0.0.0:8089"
    assert found["ksql.internal.ssl.client.authentication"] == "REQUIRED"
    advertised = "ksqldb-server-1.ksqldb-headless.kafka.svc.cluster.local"
    assert found["ksql.advertised.listener"] == f"https://{advertised}:8089"
    assert advertised in cluster().dns_names


def test_a_standby_is_kept_only_where_there_is_a_server_for_it() -> None:
    assert properties(replicas=3)["ksql.streams.num.standby.replicas"] == "1"
    assert properties(replicas=1)["ksql.streams.num.standby.replicas"] == "0"


def test_settings_name_secrets_by_their_files() -> None:
    found = properties("https://registry:8081")
    secret = [key for key in found if key.endswith(("password", "jaas.config", "user.info"))]
    assert len(secret) == 5
    assert all("${dir:/etc/ksqldb/" in found[key] for key in secret)
    render(found)


def test_the_registry_is_used_where_there_is_one() -> None:
    found = properties("https://registry:8081")
    assert found["ksql.schema.registry.url"] == "https://registry:8081"
    assert found["ksql.schema.registry.basic.auth.user.info"] == "ksqldb:${dir:/etc/ksqldb/secrets:registry-password}"
    assert not [key for key in properties() if key.startswith("ksql.schema.registry")]


def test_stores_are_of_the_only_type_that_all_readers_know() -> None:
    """ksqlDB's listener takes JKS, PKCS12 or BCFKS; its own client JKS whatever is configured."""
    found = properties()
    assert (found["ssl.keystore.type"], found["ssl.truststore.type"]) == ("JKS", "JKS")


def test_users_are_written_as_jetty_reads_them() -> None:
    assert users_properties({"b": "pass-word_2", "a": "x1"}) == "a: x1,user\nb: pass-word_2,user\n"


@pytest.mark.parametrize("password", ["OBF:1v", "a,admin", "a b", "ä", ""])
def test_a_password_that_jetty_would_read_otherwise_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"^the password of a must be URL-safe base64$"):
        users_properties({"a": password})


def test_the_jvm_logs_in_people_and_dies_when_it_must() -> None:
    options = server_options(cluster(heap="1Gi"))
    assert '"-Xmx1024m"' in options
    assert '"-XX:+ExitOnOutOfMemoryError"' in options
    assert '"-Djava.security.auth.login.config=/etc/ksqldb/runtime/jaas.conf"' in options
    assert options.endswith('"io.confluent.ksql.rest.server.KsqlServerMain"\n')


def test_the_processing_log_goes_to_its_topic_and_logs_no_secret() -> None:
    logging: Mapping[str, Any] = yaml.safe_load(log4j2_yaml(cluster()))["Configuration"]
    appender = logging["Appenders"]["Kafka"]
    settings = {item["name"]: item["value"] for item in appender["Property"]}
    assert appender["topic"] == properties()["ksql.logging.processing.topic.name"]
    assert settings["security.protocol"] == "SSL"
    assert not [name for name in settings if "password" in name or "jaas" in name]
    # The appender's own client would else log into its own topic, and so on.
    assert {"name": "org.apache.kafka", "level": "warn"} in logging["Loggers"]["Logger"]
    assert logging["Loggers"]["Root"]["AppenderRef"] == {"ref": "console"}


def test_the_command_passes_options_on_and_the_password_in_a_file(tmp_path: Path) -> None:
    """Run with a Java that writes down what it was given."""
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    script = tmp_path / "ksql"
    script.write_text(cli_command(cluster()))
    done = subprocess.run(
        ["sh", str(script), "--execute", "SHOW TOPICS;"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "@/etc/ksqldb-cli/arguments",
        "--execute",
        "SHOW TOPICS;",
        "https://ksqldb-server.kafka.svc.cluster.local:8088",
    ]


def test_the_arguments_log_in() -> None:
    lines = cli_arguments("secret").splitlines()
    start = lines.index('"io.confluent.ksql.Ksql"')
    assert lines[start + 1 :] == [
        '"--user"',
        '"ksqldb-cli"',
        '"--password"',
        '"secret"',
        '"--config-file"',
        '"/etc/ksqldb-cli/ksql-cli.properties"',
    ]
    assert '"-XX:-UsePerfData"' in lines[:start]


def stateful_set(**changes: Any) -> dict[str, Any]:
    return ksqldb_stateful_set(cluster(**changes), "checksum")


def pod(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = stateful_set(**changes)["spec"]["template"]["spec"]
    return found


def test_servers_spread_over_zones() -> None:
    zones, machines = pod()["topologySpreadConstraints"]
    assert (zones["topologyKey"], zones["whenUnsatisfiable"], zones["maxSkew"]) == (
        "topology.kubernetes.io/zone",
        "DoNotSchedule",
        1,
    )
    assert (machines["topologyKey"], machines["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    labels = stateful_set()["spec"]["template"]["metadata"]["labels"]
    assert zones["labelSelector"]["matchLabels"].items() <= labels.items()


def test_probes_ask_for_info_over_tls() -> None:
    (container,) = pod()["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/info", "port": 8088, "scheme": "HTTPS"}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600


def test_secrets_are_readable_for_the_group_only() -> None:
    modes = {volume["name"]: volume["secret"]["defaultMode"] for volume in pod()["volumes"] if "secret" in volume}
    assert modes == {"secrets": 0o440, "kafka": 0o440}


def test_state_is_in_an_empty_dir_or_in_a_claim() -> None:
    assert {"name": "state", "emptyDir": {"sizeLimit": "10Gi"}} in pod()["volumes"]
    assert "volumeClaimTemplates" not in stateful_set()["spec"]
    assert state_claims(cluster()) == {}
    storage = {"size": "50Gi", "storage_class": "gp3"}
    kept = stateful_set(storage=storage)["spec"]
    (template,) = kept["volumeClaimTemplates"]
    assert "state" not in [volume["name"] for volume in kept["template"]["spec"]["volumes"]]
    claims = state_claims(cluster(storage=storage, replicas=2))
    assert list(claims) == ["state-ksqldb-server-0", "state-ksqldb-server-1"]
    assert all(claim["spec"] == template["spec"] for claim in claims.values())
    assert template["spec"]["resources"]["requests"]["storage"] == "50Gi"


def test_only_a_stand_in_is_not_awaited() -> None:
    assert "pulumi.com/skipAwait" not in stateful_set()["metadata"]["annotations"]
    awaited = json.loads(stateful_set(replicas=3)["metadata"]["annotations"]["pulumi.com/waitFor"])
    assert "jsonpath={.status.readyReplicas}=3" in awaited
    stand_in = stateful_set(stand_in=True)
    assert stand_in["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert pod(stand_in=True)["containers"][0]["command"] == ["sleep", "infinity"]
    assert pod()["containers"][0]["command"] == [
        "java",
        "@/etc/ksqldb/runtime/options",
        "/etc/ksqldb/ksql-server.properties",
    ]
    assert "annotations" not in ksqldb_cli_deployment(cluster(), "checksum")["metadata"]


def test_ksql_in_the_clis_pod_is_ours() -> None:
    template = ksqldb_cli_deployment(cluster(), "checksum")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["command"] == ["sleep", "infinity"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/usr/local/bin/ksql"]["subPath"] == "ksql"
    (command,) = (volume for volume in template["spec"]["volumes"] if volume["name"] == "command")
    assert command["configMap"]["defaultMode"] == 0o555
    assert template["metadata"]["labels"]["kafka.pyairtable.dev/ksqldb-client"] == "true"


def test_the_service_is_the_documents() -> None:
    found = ksqldb_services(cluster())
    (port,) = found["ksqldb-server"]["spec"]["ports"]
    assert port["port"] == 8088
    assert found["ksqldb-headless"]["spec"]["clusterIP"] == "None"
    # Servers must find each other before they are ready.
    assert found["ksqldb-headless"]["spec"]["publishNotReadyAddresses"] is True


def test_one_server_may_go() -> None:
    budget = ksqldb_disruption_budget(cluster())["spec"]
    assert budget["maxUnavailable"] == 1
    labels = stateful_set()["spec"]["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()


def reachable(registry: str | None = None) -> dict[str, set[int]]:
    policy = ksqldb_network_policies(cluster(registry))["ksqldb-server"]["spec"]
    return {way: {port["port"] for rule in policy[way] for port in rule["ports"]} for way in ("ingress", "egress")}


def test_servers_are_reached_by_clients_and_each_other_only() -> None:
    assert reachable() == {"ingress": {8088, 8089}, "egress": {9092, 9093, 8089, 53}}
    assert 8081 in reachable("https://registry:8081")["egress"]
    ingress = ksqldb_network_policies(cluster())["ksqldb-server"]["spec"]["ingress"]
    assert all(rule["from"] for rule in ingress)


def test_the_clis_pod_reaches_ksqldb_and_nothing_else() -> None:
    policy = ksqldb_network_policies(cluster())["ksqldb-cli"]["spec"]
    assert "ingress" not in policy
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {8088, 53}


def test_what_a_client_is_given() -> None:
    assert ksqldb_client_secret("https://k:8088", "auth", "pass", "PEM\n") == {
        "KSQLDB_URL": "https://k:8088",
        "KSQLDB_USERNAME": "auth",
        "KSQLDB_PASSWORD": "pass",
        "KSQLDB_SSL_CA": "PEM\n",
        "ca.pem": "PEM\n",
    }
