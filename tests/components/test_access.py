"""Topics, users, permissions, quotas, certificates and Secrets, as the engine receives them."""

import base64
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.access import KafkaAccess, KafkaAccessArgs
from config.kafka import KafkaClusterSpec
from config.service import ServiceSpec
from config.topic import TopicSpec
from manifests.credential import derive_password
from tests.components.recording import Recording, is_secret, public_text, recorded, reveal

MASTER = "a master secret of the tests, long enough"
CA_KEY = "-----BEGIN PRIVATE KEY-----\nthe clients CA's key\n"

TOPICS = (
    {
        "name": "auth.events",
        "partitions": 6,
        "retention": "7d",
        "compression": "snappy",
        "purpose": "logins",
        "bytes_per_second": "1Ki",
    },
    {
        "name": "ai.events",
        "partitions": 4,
        "retention": "1d",
        "compression": "gzip",
        "purpose": "prompts",
        "bytes_per_second": "1Ki",
        "replication_factor": 2,
        "min_insync_replicas": 1,
        "retention_bytes": "8Mi",
        "config": {"preallocate": True},
    },
)
SERVICES = (
    {
        "id": "auth",
        "produces": ["auth.events"],
        "consumes": ["ai.events"],
        "quota": {"producer_bytes_per_second": "1Mi", "consumer_bytes_per_second": "2Mi"},
    },
    {
        "id": "ai",
        "produces": ["ai.events"],
        "transactional": True,
        "quota": {"producer_bytes_per_second": 10, "consumer_bytes_per_second": 20, "request_percentage": 12.5},
    },
)


def cluster(*, retain: bool, mechanism: str = "SCRAM-SHA-512") -> KafkaClusterSpec:
    pool = {
        "name": "broker",
        "roles": ["broker", "controller"],
        "zones": ["a", "b", "c"],
        "first_node_id": 0,
        "storage": {"size": "1Gi", "retain": retain},
        "resources": {"cpu": "1", "memory": "1Gi"},
        "jvm": {"heap": "512Mi"},
    }
    return KafkaClusterSpec.model_validate(
        {
            "version": "4.1.1",
            "image": "kafka",
            "cluster_id": "MkU3OEVBNTcwNTJENDM2Qg",
            "pools": [pool],
            "scram_mechanism": mechanism,
            "tls": {"leaf_validity": "100d", "leaf_renewal": "10d"},
        }
    )


def access(
    *,
    preview: bool = False,
    protect: bool = True,
    retain: bool = True,
    allow_data_loss: tuple[str, ...] = (),
    mechanism: str = "SCRAM-SHA-512",
    with_cluster: bool = False,
    secret_ca: Any = CA_KEY,
) -> Recording:
    with recorded(preview=preview) as recording:
        brokers = k8s.core.v1.Namespace("brokers", metadata={"name": "kafka"}) if with_cluster else None
        made = KafkaAccess(
            "access",
            KafkaAccessArgs(
                topics=tuple(TopicSpec.model_validate(topic) for topic in TOPICS),
                services=tuple(ServiceSpec.model_validate(service) for service in SERVICES),
                defaults=cluster(retain=retain, mechanism=mechanism),
                allow_data_loss=allow_data_loss,
                namespace="kafka",
                bootstrap_servers="h0:32100,h1:32100",
                broker_endpoints=["h0:32101", "h1:32102"],
                ready="digest",
                internal_bootstrap_servers="kafka-service:9092",
                internal_mtls_bootstrap_servers="kafka-service:9093",
                ca_pem="the CA\n",
                clients_ca_pem="the clients CA\n",
                clients_ca_private_key_pem=pulumi.Output.secret(secret_ca),
                master_secret=pulumi.Output.secret(MASTER),
                protect=protect,
                cluster=brokers,
            ),
        )
        pulumi.export("clients", made.clients)
    return recording


@pytest.fixture(scope="module")
def made() -> Recording:
    return access()


def canaries() -> set[str]:
    passwords = {derive_password(MASTER, user, 1) for user in ("admin", "auth", "ai")}
    return {MASTER, "the clients CA's key", "private of auth-key", "private of ai-key", *passwords}


@pytest.mark.parametrize("preview", [False, True])
def test_no_secret_stands_in_plain(preview: bool) -> None:
    recording = access(preview=preview)
    for resource in recording.all:
        shown = public_text(dict(resource.inputs))
        encoded = {base64.b64encode(canary.encode()).decode() for canary in canaries()}
        assert not [canary for canary in canaries() | encoded if canary in shown], resource.name
    assert not [canary for canary in canaries() if canary in public_text(recording.exports)]


def test_passwords_are_known_in_previews() -> None:
    """The provider panics when an existing user's password is unknown."""
    recording = access(preview=True)
    for service in ("auth", "ai"):
        password = recording.one("UserScramCredential", f"{service}-user").inputs["password"]
        assert is_secret(password)
        assert reveal(password) == derive_password(MASTER, service, 1)


def test_the_gate_goes_before_the_provider(made: Recording) -> None:
    gate = made.one("pulumi-python:dynamic/index:ReadinessGate", "access-gate")
    assert {key: gate.inputs[key] for key in ("endpoints", "bootstrap_servers", "ca_pem", "rollout")} == {
        "endpoints": ["h0:32101", "h1:32102"],
        "bootstrap_servers": ["h0:32100", "h1:32100"],
        "ca_pem": "the CA\n",
        "rollout": "digest",
    }
    provider = made.one("pulumi:providers:kafka", "access-kafka")
    assert provider.property_dependencies["bootstrapServers"] == (gate.urn,)
    for resource in made.all:
        if resource.type.startswith("kafka:"):
            assert resource.provider == provider.urn, resource.name


FILES = {"KAFKA_CA_CERT": "caCertFile", "KAFKA_CLIENT_CERT": "clientCertFile", "KAFKA_CLIENT_KEY": "clientKeyFile"}


def test_deprecated_fields_are_left_out_until_a_variable_would_fill_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FILES:
        monkeypatch.delenv(name, raising=False)
    assert not set(FILES.values()) & access().one("pulumi:providers:kafka", "access-kafka").inputs.keys()
    monkeypatch.setenv("KAFKA_CLIENT_CERT", "leaked")
    inputs = access().one("pulumi:providers:kafka", "access-kafka").inputs
    assert {key: value for key, value in inputs.items() if key in FILES.values()} == {"clientCertFile": ""}


def test_no_environment_variable_reaches_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*FILES, "KAFKA_SASL_MECHANISM", "KAFKA_SASL_PASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("KAFKA_SKIP_VERIFY", "true")
    monkeypatch.setenv("KAFKA_ENABLE_TLS", "false")
    inputs = dict(access().one("pulumi:providers:kafka", "access-kafka").inputs)
    assert is_secret(inputs.pop("saslPassword"))
    empty = (
        "caCertFile clientCert clientCertFile clientKey clientKeyFile clientKeyPassphrase saslAwsAccessKey "
        "saslAwsContainerAuthorizationTokenFile saslAwsContainerCredentialsFullUri saslAwsProfile saslAwsRegion "
        "saslAwsRoleArn saslAwsSecretKey saslAwsToken saslTokenUrl"
    )
    assert {inputs.pop(key) for key in empty.split()} == {""}
    inputs.pop("version", None)
    assert inputs == {
        "bootstrapServers": '["h0:32100", "h1:32100"]',
        "caCert": "the CA\n",
        "kafkaVersion": "3.9.0",
        "saslAwsCredsDebug": "false",
        "saslAwsSharedConfigFiles": "[]",
        "saslMechanism": "scram-sha512",
        "saslOauthScopes": "[]",
        "saslUsername": "admin",
        "skipTlsVerify": "false",
        "timeout": "60",
        "tlsEnabled": "true",
    }


def test_the_mechanism_is_the_clusters() -> None:
    recording = access(mechanism="SCRAM-SHA-256")
    assert recording.one("pulumi:providers:kafka", "access-kafka").inputs["saslMechanism"] == "scram-sha256"
    assert recording.one("UserScramCredential", "auth-user").inputs["scramMechanism"] == "SCRAM-SHA-256"
    assert reveal(recording.exports["clients"])["auth"]["mechanism"] == "SCRAM-SHA-256"


def test_topics(made: Recording) -> None:
    auth = made.one("kafka:index/topic:Topic", "auth.events")
    assert auth.inputs == {
        "name": "auth.events",
        "partitions": 6,
        "replicationFactor": 3,
        "config": {
            "cleanup.policy": "delete",
            "compression.type": "snappy",
            "max.message.bytes": "1048588",
            "min.insync.replicas": "2",
            "retention.ms": "604800000",
        },
    }
    ai = made.one("kafka:index/topic:Topic", "ai.events")
    assert ai.inputs["replicationFactor"] == 2
    assert ai.inputs["config"] == {
        "cleanup.policy": "delete",
        "compression.type": "gzip",
        "max.message.bytes": "1048588",
        "min.insync.replicas": "1",
        "preallocate": "true",
        "retention.bytes": str(8 * 2**20),
        "retention.ms": "86400000",
        "segment.bytes": str(2 * 2**20),
    }


def test_topics_wait_for_their_guard(made: Recording) -> None:
    guard = made.one("pulumi-python:dynamic/index:TopicGuard", "access-topics-guard")
    assert guard.inputs["topics"] == {
        "auth.events": {"partitions": 6, "replication_factor": 3},
        "ai.events": {"partitions": 4, "replication_factor": 2},
    }
    assert guard.dependencies == ()
    for topic in made.by_type("Topic"):
        assert guard.urn in topic.dependencies


def test_only_what_may_be_lost_can_be_deleted() -> None:
    recording = access(allow_data_loss=("ai.events",))
    found = {topic.name: (topic.protect, topic.delete_before_replace) for topic in recording.by_type("Topic")}
    assert found == {"auth.events": (True, False), "ai.events": (False, True)}
    assert {topic.protect for topic in access(protect=False).by_type("Topic")} == {False}


def test_users_and_quotas(made: Recording) -> None:
    user = made.one("UserScramCredential", "auth-user")
    assert reveal(dict(user.inputs)) == {
        "username": "auth",
        "scramMechanism": "SCRAM-SHA-512",
        "scramIterations": 4096,
        "password": derive_password(MASTER, "auth", 1),
    }
    assert made.one("Quota", "ai-quota").inputs == {
        "entityType": "user",
        "entityName": "ai",
        "config": {"consumer_byte_rate": "20", "producer_byte_rate": "10", "request_percentage": "12.5"},
    }
    assert all(quota.delete_before_replace for quota in made.by_type("Quota"))


def test_permissions(made: Recording) -> None:
    assert {acl.name for acl in made.by_type("Acl")} == {
        "auth-topic-auth.events-write",
        "auth-topic-ai.events-read",
        "auth-group-auth-read",
        "ai-topic-ai.events-write",
        "ai-transactionalid-ai-write",
    }
    assert made.one("Acl", "auth-group-auth-read").inputs == {
        "aclPrincipal": "User:auth",
        "aclHost": "*",
        "aclOperation": "Read",
        "aclPermissionType": "Allow",
        "aclResourceName": "auth",
        "aclResourceType": "Group",
        "resourcePatternTypeFilter": "Prefixed",
    }


def test_client_certificates(made: Recording) -> None:
    request = made.one("tls:index/certRequest:CertRequest", "auth-request")
    assert request.inputs["subject"] == {"commonName": "auth", "organization": "kafka-clients"}
    certificate = made.one("tls:index/locallySignedCert:LocallySignedCert", "auth-certificate").inputs
    assert certificate["allowedUses"] == ["digital_signature", "client_auth"]
    assert (certificate["validityPeriodHours"], certificate["earlyRenewalHours"]) == (2400, 240)
    assert certificate["caCertPem"] == "the clients CA\n"


def test_secrets_of_services(made: Recording) -> None:
    secret = made.one("kubernetes:core/v1:Secret", "auth-secret")
    assert (secret.metadata["name"], secret.metadata["namespace"]) == ("kafka-client-auth", "kafka")
    assert is_secret(secret.inputs["data"])
    data = {key: base64.b64decode(value).decode() for key, value in reveal(secret.inputs["data"]).items()}
    assert "bootstrap.servers=kafka-service:9092\n" in data["librdkafka.conf"]
    assert "bootstrap.servers=kafka-service:9093\n" in data["librdkafka-mtls.conf"]
    assert data["password"] == data["KAFKA_PASSWORD"] == derive_password(MASTER, "auth", 1)
    assert data["tls.key"] == "-----BEGIN PRIVATE KEY-----\nprivate of auth-key\n"
    assert data["tls.crt"].startswith("-----BEGIN CERTIFICATE-----\nauth-certificate")
    assert data["KAFKA_BROKERS"] == "kafka-service:9092"


def test_clients_are_one_secret_output(made: Recording) -> None:
    assert is_secret(made.exports["clients"])
    clients = reveal(made.exports["clients"])
    assert sorted(clients) == ["admin", "ai", "auth"]
    assert {frozenset(entry) for entry in clients.values()} == {
        frozenset({"username", "password", "mechanism", "certificate_pem", "private_key_pem"})
    }
    assert clients["admin"]["password"] == derive_password(MASTER, "admin", 1)
    assert clients["ai"]["private_key_pem"] == "-----BEGIN PRIVATE KEY-----\nprivate of ai-key\n"
    assert is_secret(made.outputs(made.one("KafkaAccess", "access").urn)["clients"])


@pytest.mark.parametrize(
    ("protect", "retain", "skipped"), [(False, False, True), (False, True, False), (True, False, False)]
)
def test_what_goes_with_the_volumes_is_not_deleted_one_by_one(protect: bool, retain: bool, skipped: bool) -> None:
    recording = access(protect=protect, retain=retain, with_cluster=True)
    brokers = recording.one("Namespace", "brokers").urn
    inside = [each for each in recording.all if each.type.startswith("kafka:")]
    assert len(inside) == 2 + 2 + 2 + 5
    assert {each.deleted_with for each in inside} == {brokers if skipped else ""}
    assert {each.deleted_with for each in recording.all if not each.type.startswith("kafka:")} == {""}


def test_everything_belongs_to_the_component(made: Recording) -> None:
    access_urn = made.one("KafkaAccess", "access").urn
    for resource in made.all:
        above = resource
        while above.urn != access_urn:
            above = made.by_urn(above.parent)
    assert made.outputs(access_urn).keys() == {"clients"}
    for component in ("Topics", "ServiceAccount"):
        for each in made.by_type(component):
            assert made.outputs(each.urn), each.name
