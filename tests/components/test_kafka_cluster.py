"""The cluster as the engine receives it: what there is, in which order, what is secret, and what a change touches."""

import json
from itertools import pairwise
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_tls as tls
import pytest

from components.kafka_cluster import KafkaCluster, KafkaClusterArgs
from config.kafka import KafkaClusterSpec
from tests.components.recording import UNKNOWN, Recording, Resource, is_secret, public_text, recorded, reveal
from tests.specs import combined, dedicated

PASSWORD = "the-admin-password"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CHECKSUM = "kafka.pyairtable.dev/checksum"


def build(
    spec: KafkaClusterSpec, *, name: str = "kafka", namespace: str = "kafka", protect: bool = False, own: bool = True
) -> KafkaCluster:
    providers: list[pulumi.ProviderResource] = [k8s.Provider("kubernetes"), tls.Provider("tls")] if own else []
    return KafkaCluster(
        name,
        KafkaClusterArgs(
            spec=spec, namespace=namespace, admin_password=pulumi.Output.secret(PASSWORD), owner="one", protect=protect
        ),
        pulumi.ResourceOptions(providers=providers),
    )


def record(spec: KafkaClusterSpec, *, protect: bool = False, preview: bool = False) -> Recording:
    with recorded(preview=preview) as recording:
        build(spec, protect=protect)
    return recording


def sets(recording: Recording) -> dict[str, Resource]:
    return {each.metadata["name"]: each for each in recording.by_type(STATEFUL_SET)}


def object_inputs(recording: Recording) -> dict[tuple[str, str], Any]:
    """Kind and name to everything the object holds."""
    return {
        (each.type.rpartition(":")[2], each.metadata["name"]): reveal(dict(each.inputs))
        for each in recording.all
        if each.type.startswith("kubernetes:")
    }


def changed(before: KafkaClusterSpec, after: KafkaClusterSpec) -> set[tuple[str, str]]:
    one, other = object_inputs(record(before)), object_inputs(record(after))
    assert one.keys() == other.keys(), "objects were added or removed"
    return {key for key in one if one[key] != other[key]}


def waits_for(recording: Recording, later: Resource, earlier: Resource) -> bool:
    """True when there is a path of dependencies from one to the other."""
    seen: set[str] = set()
    open_ = list(later.dependencies)
    while open_:
        urn = open_.pop()
        if urn == earlier.urn:
            return True
        if urn not in seen:
            seen.add(urn)
            open_.extend(recording.by_urn(urn).dependencies)
    return False


def test_exactly_one_stateful_set_per_pool_and_zone() -> None:
    assert list(sets(record(combined()))) == ["kafka-broker-a", "kafka-broker-b", "kafka-broker-c"]
    found = sets(record(dedicated()))
    assert sorted(found) == sorted(
        [f"kafka-{pool}-{zone}" for pool in ("broker", "controller") for zone in "abc"]
        + ["kafka-bulk-a", "kafka-bulk-b"]
    )
    assert {name: each.inputs["spec"]["replicas"] for name, each in found.items() if "bulk" in name} == {
        "kafka-bulk-a": 2,
        "kafka-bulk-b": 2,
    }


def test_zones_roll_one_after_the_other_and_controllers_first() -> None:
    recording = record(dedicated())
    found = sets(recording)
    order = [f"kafka-controller-{zone}" for zone in "abc"] + [f"kafka-broker-{zone}" for zone in "abc"]
    order += ["kafka-bulk-a", "kafka-bulk-b"]
    for earlier, later in pairwise(order):
        assert found[earlier].urn in found[later].dependencies, f"{later} doesn't wait for {earlier}"
        assert not waits_for(recording, found[earlier], found[later])


def test_pulumi_waits_for_every_pod_of_the_latest_revision() -> None:
    found = sets(record(dedicated()))
    conditions = json.loads(found["kafka-bulk-a"].metadata["annotations"]["pulumi.com/waitFor"])
    assert sorted(conditions) == [
        "jsonpath={.status.currentReplicas}=2",
        "jsonpath={.status.readyReplicas}=2",
        "jsonpath={.status.updatedReplicas}=2",
    ]
    assert all(each.timeouts.keys() == {"create", "update", "delete"} for each in found.values())


def test_everything_a_pod_needs_is_there_before_it() -> None:
    recording = record(combined())
    first = sets(recording)["kafka-broker-a"]
    for kind in (
        "Namespace",
        "ServiceAccount",
        "Service",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ConfigMap",
        "Secret",
    ):
        for each in recording.by_type(kind):
            belongs_to_later_zone = each.metadata["name"].startswith(("kafka-broker-b", "kafka-broker-c"))
            assert belongs_to_later_zone or waits_for(recording, first, each), f"{kind} {each.name}"
    claims = {each.metadata["name"]: each for each in recording.by_type(CLAIM)}
    for name, stateful_set in sets(recording).items():
        assert claims[f"data-{name}-0"].urn in stateful_set.dependencies


def test_claims_are_named_as_the_stateful_set_looks_for_them() -> None:
    recording = record(dedicated())
    expected = set()
    for name, each in sets(recording).items():
        (template,) = each.inputs["spec"]["volumeClaimTemplates"]
        expected |= {
            f"{template['metadata']['name']}-{name}-{number}" for number in range(each.inputs["spec"]["replicas"])
        }
        mounts = each.inputs["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert template["metadata"]["name"] in {mount["name"] for mount in mounts}
    claims = recording.by_type(CLAIM)
    assert {each.metadata["name"] for each in claims} == expected
    # A claim is bound when its pod comes, which comes after it.
    assert all(each.metadata["annotations"]["pulumi.com/skipAwait"] == "true" for each in claims)


def test_growing_storage_touches_claims_only() -> None:
    before, after = combined(), combined(pool_changes={"storage": {"size": "20Gi"}})
    one, other = record(before), record(after)
    ignored = {each.name: each.ignore_changes for each in other.by_type(STATEFUL_SET)}
    assert set(ignored.values()) == {("spec.volumeClaimTemplates",)}

    def without_template(recording: Recording) -> dict[tuple[str, str], Any]:
        found = object_inputs(recording)
        for key, inputs in found.items():
            if key[0] == "StatefulSet":
                del inputs["spec"]["volumeClaimTemplates"]
        return found

    first, second = without_template(one), without_template(other)
    assert {key for key in first if first[key] != second[key]} == {
        ("PersistentVolumeClaim", f"data-kafka-broker-{zone}-0") for zone in "abc"
    }
    assert {each.inputs["spec"]["resources"]["requests"]["storage"] for each in other.by_type(CLAIM)} == {"20Gi"}


@pytest.mark.parametrize(
    ("change", "objects"),
    [
        ({"broker_config": {"log.segment.bytes": 1048576}}, {"ConfigMap kafka-broker-{}-config"}),
        ({"pool_changes": {"jvm": {"heap": "2Gi"}}}, {"ConfigMap kafka-broker-{}-runtime"}),
    ],
)
def test_setting_rolls_all_zones_by_their_checksum(change: Any, objects: set[str]) -> None:
    expected = {
        tuple(name.format(zone).split(" ")) for zone in "abc" for name in {*objects, "StatefulSet kafka-broker-{}"}
    }
    assert changed(combined(), combined(**change)) == expected
    one, other = sets(record(combined())), sets(record(combined(**change)))
    for name, each in one.items():
        before, after = reveal(each.inputs["spec"]), reveal(other[name].inputs["spec"])
        assert before["template"]["metadata"]["annotations"].pop(CHECKSUM) != (
            after["template"]["metadata"]["annotations"].pop(CHECKSUM)
        )
        assert before == after


def test_change_of_one_pool_rolls_that_pool_only() -> None:
    before, after = dedicated(), dedicated()
    pools = [
        pool.model_copy(update={"jvm": pool.jvm.model_copy(update={"heap": 2**30})}) if pool.name == "bulk" else pool
        for pool in after.pools
    ]
    touched = changed(before, after.model_copy(update={"pools": tuple(pools)}))
    assert {name for _, name in touched} == {
        *("kafka-bulk-a-runtime", "kafka-bulk-b-runtime"),
        *("kafka-bulk-a", "kafka-bulk-b"),
    }


def test_new_certificate_of_one_node_rolls_its_stateful_set_only() -> None:
    def reissued(name: str, _: Any) -> dict[str, Any]:
        version = 2 if name == "kafka-tls-kafka-broker-b-0-certificate" else 1
        return {"certPem": f"certificate {name} {version}\n"}

    token = "tls:index/locallySignedCert:LocallySignedCert"
    recordings = []
    for computed in ({token: lambda name, _: {"certPem": f"certificate {name} 1\n"}}, {token: reissued}):
        with recorded(computed=computed) as recording:
            build(combined())
        recordings.append(object_inputs(recording))
    one, other = recordings
    assert {key for key in one if one[key] != other[key]} == {
        ("Secret", "kafka-broker-b-keys"),
        ("StatefulSet", "kafka-broker-b"),
    }


def test_another_admin_password_restarts_nothing() -> None:
    with recorded() as one:
        build(combined())
    with recorded() as other:
        KafkaCluster(
            "kafka",
            KafkaClusterArgs(spec=combined(), namespace="kafka", admin_password="another", owner="one", protect=False),
            pulumi.ResourceOptions(providers=[k8s.Provider("kubernetes"), tls.Provider("tls")]),
        )
    first, second = object_inputs(one), object_inputs(other)
    assert {key for key in first if first[key] != second[key]} == {("Secret", "kafka-format")}


def test_its_owner_stands_on_the_namespace_which_everything_in_it_waits_for() -> None:
    recording = record(combined())
    (namespace,) = recording.by_type("kubernetes:core/v1:Namespace")
    assert namespace.metadata["annotations"] == {"kafka.pyairtable.dev/owner": "one"}
    inside = [each for each in recording.all if each.type.startswith("kubernetes:") and each is not namespace]
    assert len(inside) > 20
    assert [each.name for each in inside if not waits_for(recording, each, namespace)] == []


def test_secrets_are_marked_and_nowhere_else() -> None:
    recording = record(combined())
    canaries = (PASSWORD, "private of")
    for each in recording.all:
        text = public_text(dict(each.inputs))
        assert not any(canary in text for canary in canaries), f"{each.type} {each.name} holds a secret in plain"
    for kind in ("ConfigMap", "StatefulSet", "Service", "PersistentVolumeClaim", "NetworkPolicy"):
        for each in recording.by_type(kind):
            assert not any(canary in json.dumps(reveal(dict(each.inputs))) for canary in canaries), each.name
    held = {each.metadata["name"] for each in recording.by_type("Secret")}
    assert held == {"kafka-format", *(f"kafka-broker-{zone}-keys" for zone in "abc")}


def test_no_authority_key_is_in_kubernetes() -> None:
    recording = record(combined())
    for each in recording.by_type("Secret"):
        assert "-ca-key" not in json.dumps(reveal(dict(each.inputs))), each.name
    keys = [each for each in recording.by_type("PrivateKey") if each.name.endswith("-ca-key")]
    assert [each.name for each in keys] == ["kafka-tls-cluster-ca-key", "kafka-tls-clients-ca-key"]


def test_outputs_are_the_registered_contract() -> None:
    recording = record(combined())
    (cluster,) = recording.by_type("KafkaCluster")
    outputs = recording.outputs(cluster.urn)
    assert set(outputs) == set(KafkaCluster.__annotations__)
    assert {key for key, value in outputs.items() if is_secret(value)} == {
        "ca_private_key_pem",
        "clients_ca_private_key_pem",
    }
    assert outputs["namespace"] == "kafka"
    assert outputs["bootstrap_servers"] == "198.18.0.2:32100,kafka-b.example.org:32100,198.18.0.4:32100"
    assert outputs["mtls_bootstrap_servers"] == "198.18.0.2:32200,kafka-b.example.org:32200,198.18.0.4:32200"
    assert outputs["internal_bootstrap_servers"] == "kafka-service.kafka.svc.cluster.local:9092"
    assert outputs["internal_mtls_bootstrap_servers"] == "kafka-service.kafka.svc.cluster.local:9093"
    assert outputs["broker_endpoints"] == ["198.18.0.2:32101", "kafka-b.example.org:32102", "198.18.0.4:32103"]
    assert outputs["ca_pem"] != outputs["clients_ca_pem"]


def test_clients_know_the_brokers_only_once_they_are_rolled_out() -> None:
    with recorded() as recording:
        tls.PrivateKey(
            "client",
            algorithm=build(combined()).bootstrap_servers,
            opts=pulumi.ResourceOptions(provider=tls.Provider("of-client")),
        )
    client = recording.one("PrivateKey", "client")
    assert {each.urn for each in recording.by_type(STATEFUL_SET)} <= set(client.dependencies)


def test_first_preview_knows_what_it_can() -> None:
    recording = record(combined(), preview=True)
    (cluster,) = recording.by_type("KafkaCluster")
    outputs = recording.outputs(cluster.urn)
    assert outputs["bootstrap_servers"] is UNKNOWN
    assert outputs["internal_bootstrap_servers"] == "kafka-service.kafka.svc.cluster.local:9092"
    (broker,) = (each for each in recording.by_type("ConfigMap") if each.metadata["name"] == "kafka-broker-a-config")
    assert "node.id=0" in broker.inputs["data"]["kafka-broker-a-0.server.properties"]


@pytest.mark.parametrize("retain", [True, False])
@pytest.mark.parametrize("protect", [True, False])
def test_volumes_and_authorities_are_kept_where_asked(protect: bool, retain: bool) -> None:
    recording = record(combined(pool_changes={"storage": {"retain": retain}}), protect=protect)
    for each in recording.by_type(CLAIM):
        assert (each.protect, each.retain_on_delete) == (protect and retain, retain)
    (namespace,) = recording.by_type("Namespace")
    # Deleting the namespace would delete the claims in it.
    assert (namespace.protect, namespace.retain_on_delete) == (protect, retain)
    authorities = [*recording.by_type("SelfSignedCert")]
    authorities += [each for each in recording.by_type("PrivateKey") if each.name.endswith("-ca-key")]
    assert {each.protect for each in authorities} == {protect}
    assert len(authorities) == 4


def test_two_clusters_in_one_stack_do_not_collide() -> None:
    with recorded() as recording:
        providers: list[pulumi.ProviderResource] = [k8s.Provider("kubernetes"), tls.Provider("tls")]
        for name in ("kafka", "mirror"):
            KafkaCluster(
                name,
                KafkaClusterArgs(spec=combined(), namespace=name, admin_password=PASSWORD, owner="one", protect=False),
                pulumi.ResourceOptions(providers=providers),
            )
    places = [
        (each.type, each.metadata.get("namespace"), each.metadata["name"])
        for each in recording.all
        if each.type.startswith("kubernetes:")
    ]
    assert len(places) == len(set(places))
    assert {each.metadata["namespace"] for each in recording.by_type(STATEFUL_SET)} == {"kafka", "mirror"}
