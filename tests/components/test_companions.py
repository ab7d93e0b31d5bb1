"""ksqlDB and the consoles, as the engine receives them."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.consoles import Consoles, ConsolesArgs
from components.ksqldb import KsqlDb, KsqlDbArgs
from config.consoles import ConsolesSpec
from config.ksqldb import KsqlDbSpec
from manifests.credential import CONSOLE, KEY_STORE, KSQLDB, derive_password
from manifests.ksqldb import KsqlDbCluster
from tests.components.recording import Recording, is_secret, public_text, recorded, reveal
from tests.specs import combined

MASTER = "a master secret of the tests, long enough"
REGISTRY = "https://schema-registry-service.kafka.svc.cluster.local:8081"
OVERLAY: Mapping[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "config" / "overlays" / "consoles.yaml").read_text()
)


def ksqldb(*, registry: bool = False, protect: bool = True, generation: int = 1, **changes: Any) -> Recording:
    values = {**OVERLAY["ksqldb"], "stand_in": False, "credential_generation": generation, **changes}
    cluster = KsqlDbCluster(
        spec=KsqlDbSpec.model_validate(values),
        kafka=combined(),
        namespace="kafka",
        schema_registry_url=REGISTRY if registry else None,
    )
    with recorded() as recording:
        made = KsqlDb(
            "ksqldb",
            KsqlDbArgs(
                cluster=cluster,
                ca_pem="the CA\n",
                kafka_certificate_pem="the client's certificate\n",
                master_secret=pulumi.Output.secret(MASTER),
                registry_password=pulumi.Output.secret("the registry's password") if registry else None,
                protect=protect,
                after=[],
            ),
        )
        pulumi.export("url", made.url)
        pulumi.export("ca_pem", made.ca_pem)
        pulumi.export("passwords", made.passwords)
    return recording


def consoles(*, registry: bool = False, **changes: Any) -> Recording:
    with recorded() as recording:
        made = Consoles(
            "consoles",
            ConsolesArgs(
                spec=ConsolesSpec.model_validate({**OVERLAY["consoles"], **changes}),
                kafka=combined(),
                namespace="kafka",
                ca_pem="the CA\n",
                master_secret=pulumi.Output.secret(MASTER),
                schema_registry_url=REGISTRY if registry else None,
                registry_password=pulumi.Output.secret("the registry's password") if registry else None,
                protect=True,
                after=[],
            ),
        )
        pulumi.export("logins", made.logins)
    return recording


def content(recording: Recording, name: str) -> dict[str, str]:
    """A Secret's content, by the name it has in Kubernetes."""
    (secret,) = (each for each in recording.by_type("kubernetes:core/v1:Secret") if each.metadata["name"] == name)
    data = reveal(secret.inputs.get("data") or {})
    text = reveal(secret.inputs.get("stringData") or {})
    return {**{key: base64.b64decode(value).decode() for key, value in data.items()}, **text}


def config_map(recording: Recording, name: str) -> dict[str, str]:
    (found,) = (each for each in recording.by_type("kubernetes:core/v1:ConfigMap") if each.metadata["name"] == name)
    data: dict[str, str] = reveal(found.inputs["data"])
    return data


def template(recording: Recording, kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = reveal(recording.one(kind, name).inputs["spec"])["template"]
    return spec


@pytest.fixture(scope="module")
def servers() -> Recording:
    return ksqldb()


@pytest.fixture(scope="module")
def pages() -> Recording:
    return consoles()


def test_each_server_has_its_own_file(servers: Recording) -> None:
    data = config_map(servers, "ksqldb-config")
    assert set(data) == {f"ksqldb-server-{number}.properties" for number in range(3)}
    assert "ksql.advertised.listener=https://ksqldb-server-2.ksqldb-headless." in data["ksqldb-server-2.properties"]


def test_servers_get_what_their_settings_name(servers: Recording) -> None:
    assert set(content(servers, "ksqldb-secrets")) == {
        "keystore.p12",
        "store-password",
        "truststore.p12",
        "users.properties",
    }
    with_registry = content(ksqldb(registry=True), "ksqldb-secrets")
    assert with_registry["registry-password"] == "the registry's password"


def test_users_and_passwords_are_the_clients(servers: Recording) -> None:
    passwords = reveal(servers.exports["passwords"])
    assert is_secret(servers.exports["passwords"])
    assert passwords == {user: derive_password(MASTER, user, 1, KSQLDB) for user in ("ksqldb-cli", "analytics-service")}
    users = content(servers, "ksqldb-secrets")["users.properties"]
    assert users == "".join(f"{user}: {passwords[user]},user\n" for user in sorted(passwords))
    assert f'"{passwords["ksqldb-cli"]}"' in content(servers, "ksqldb-cli")["arguments"]
    given = content(servers, "ksqldb-client-analytics-service")
    assert given["KSQLDB_PASSWORD"] == passwords["analytics-service"]
    assert given["KSQLDB_URL"] == reveal(servers.exports["url"])
    assert given["ca.pem"] == reveal(servers.exports["ca_pem"])


def test_passwords_have_purposes_of_their_own() -> None:
    made = {derive_password(MASTER, "ksqldb", 1, purpose) for purpose in (KSQLDB, CONSOLE, KEY_STORE)}
    assert len(made | {derive_password(MASTER, "ksqldb", 1)}) == 4


def test_the_key_store_holds_a_certificate_no_broker_takes(servers: Recording) -> None:
    """Servers need one for each other; of the cluster's CA it would get in at the brokers' own listeners."""
    store = servers.one("pulumi-python:dynamic/index:KeyStore", "ksqldb-key-store")
    inputs = reveal(dict(store.inputs))
    certificate = servers.one("tls:index/locallySignedCert:LocallySignedCert", "ksqldb-server-certificate")
    assert certificate.inputs["allowedUses"] == ["digital_signature", "key_encipherment", "server_auth", "client_auth"]
    assert certificate.inputs["caCertPem"] == inputs["authorities"]["ksqldb"] == reveal(servers.exports["ca_pem"])
    assert inputs["authorities"]["kafka"] == "the CA\n"
    assert inputs["issuer"] == "ksqldb"
    assert is_secret(store.inputs["private_key_pem"])
    assert is_secret(store.inputs["password"])
    assert {"key_store", "trust_store"} <= set(store.additional_secret_outputs)


def test_the_authority_is_protected_where_the_stack_is(servers: Recording) -> None:
    assert servers.one("tls:index/selfSignedCert:SelfSignedCert", "ksqldb-ca").protect
    assert not ksqldb(protect=False).one("tls:index/selfSignedCert:SelfSignedCert", "ksqldb-ca").protect


def test_servers_restart_for_what_they_read_at_their_start(servers: Recording) -> None:
    def checksum(recording: Recording) -> Any:
        annotations = template(recording, "StatefulSet", "ksqldb-server")["metadata"]["annotations"]
        return annotations["kafka.pyairtable.dev/checksum"]

    assert checksum(servers) == checksum(ksqldb())
    assert checksum(servers) != checksum(ksqldb(generation=2))
    assert checksum(servers) != checksum(ksqldb(registry=True))
    assert checksum(servers) != checksum(ksqldb(output_topic_prefix="other."))


def test_state_claims_are_resources() -> None:
    recording = ksqldb(storage={"size": "10Gi"})
    claims = recording.by_type("PersistentVolumeClaim")
    assert [claim.metadata["name"] for claim in claims] == [f"state-ksqldb-server-{number}" for number in range(3)]
    servers = recording.one("StatefulSet", "ksqldb-server")
    assert servers.ignore_changes == ("spec.volumeClaimTemplates",)
    assert {claim.urn for claim in claims} <= set(servers.dependencies)


def test_kafka_ui_gets_what_its_settings_name(pages: Recording) -> None:
    login = derive_password(MASTER, "kafka-ui", 1, CONSOLE)
    assert content(pages, "kafka-ui-secrets") == {"login-password": login}
    assert set(content(pages, "kafka-ui-tls")) == {"kafka-ca.pem", "tls.crt", "tls.key"}
    assert reveal(pages.exports["logins"])["kafka-ui"] == {
        "url": "https://kafka-ui.kafka.svc.cluster.local:8080",
        "username": "admin",
        "password": login,
    }
    assert is_secret(pages.exports["logins"])


def test_kafka_ui_logs_in_at_the_registry_where_there_is_one() -> None:
    recording = consoles(registry=True)
    assert content(recording, "kafka-ui-secrets")["registry-password"] == "the registry's password"
    assert "truststore.p12" in content(recording, "kafka-ui-tls")
    assert REGISTRY in config_map(recording, "kafka-ui-config")["application.yaml"]


def test_kafka_ui_is_read_only_until_it_may_write() -> None:
    def read_only(**spec: Any) -> bool:
        values = {**OVERLAY["consoles"]["kafka_ui"], **spec}
        text = config_map(consoles(kafka_ui=values), "kafka-ui-config")["application.yaml"]
        flag = yaml.safe_load(text)["kafka"]["clusters"][0]["readOnly"]
        assert isinstance(flag, bool)
        return flag

    assert read_only()
    assert not read_only(writes=["pyairtable.ai.events"])


def test_pages_have_certificates_for_servers_only(pages: Recording) -> None:
    for app in ("kafka-ui", "kafka-manager"):
        certificate = pages.one("tls:index/locallySignedCert:LocallySignedCert", f"consoles-{app}-certificate")
        assert certificate.inputs["allowedUses"] == ["digital_signature", "key_encipherment", "server_auth"]
        request = pages.one("tls:index/certRequest:CertRequest", f"consoles-{app}-request")
        assert f"{app}.kafka.svc.cluster.local" in request.inputs["dnsNames"]


def test_cmak_is_there_only_when_it_is_asked_for(pages: Recording) -> None:
    assert {each.metadata["name"] for each in pages.by_type("Deployment")} == {"kafka-ui", "kafka-manager"}
    assert {each.metadata["name"] for each in consoles(cmak=None).by_type("Deployment")} == {"kafka-ui"}


def test_cmak_gets_its_login_and_a_key_store(pages: Recording) -> None:
    secret = content(pages, "kafka-manager-secrets")
    assert set(secret) == {"cmak.conf", "keystore.p12"}
    assert reveal(pages.exports["logins"])["kafka-manager"]["password"] in secret["cmak.conf"]
    zookeeper = {"zookeeper": "zk:2181", "zookeeper_ca": "-----BEGIN CERTIFICATE-----\n"}
    with_ca = content(consoles(cmak=zookeeper), "kafka-manager-secrets")
    assert with_ca["zookeeper-ca.pem"] == "-----BEGIN CERTIFICATE-----\n"


def test_no_secret_stands_in_plain(servers: Recording, pages: Recording) -> None:
    secret = {MASTER, "private of", "the registry's password"}
    for user in ("ksqldb", "ksqldb-cli", "analytics-service", "kafka-ui", "kafka-manager", "kafka-manager session"):
        secret |= {derive_password(MASTER, user, 1, purpose) for purpose in (KSQLDB, CONSOLE, KEY_STORE)}
    secret |= {base64.b64encode(each.encode()).decode() for each in secret}
    for recording in (servers, pages, ksqldb(registry=True), consoles(registry=True)):
        for resource in recording.all:
            plain = public_text(dict(resource.inputs))
            assert not [each for each in secret if each in plain], resource.name
        assert not [each for each in secret if each in public_text(recording.exports)]
