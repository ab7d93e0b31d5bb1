"""StatefulSets, services, policies, the disruption budget and permissions."""

from typing import Any

import pytest

from components.tls_material import subject_names
from config.kafka import KafkaClusterSpec
from config.literals import PORTS, Listener
from manifests.labels import pod_labels
from manifests.network_policy import network_policies
from manifests.nodes import Topology
from manifests.pod import quantity
from manifests.pod_disruption_budget import pod_disruption_budget
from manifests.rbac import operator_role, operator_role_binding
from manifests.services import services
from manifests.stateful_set import persistent_volume_claim, stateful_set
from manifests.unsafe import UnsafeManifest
from tests.specs import combined, dedicated

NAMES = {name: f"kafka-{name}" for name in ("config", "runtime", "keys", "agent", "trust", "format")}


def topology(spec: KafkaClusterSpec) -> Topology:
    return Topology(spec=spec, namespace="kafka")


def rendered(spec: KafkaClusterSpec, pool: str, zone: str) -> dict[str, Any]:
    found = topology(spec)
    (chosen,) = (each for each in found.pools if each.name == pool)
    return stateful_set(found.members(chosen, zone), found, NAMES, "checksum")


def pod(spec: KafkaClusterSpec, pool: str = "broker", zone: str = "az-a") -> dict[str, Any]:
    found: dict[str, Any] = rendered(spec, pool, zone)["spec"]["template"]["spec"]
    return found


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_pods_stay_in_their_zone_and_spread_over_its_machines() -> None:
    affinity = pod(dedicated(), "bulk", "az-b")["affinity"]
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["az-b"]}]}
    (apart,) = affinity["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert apart["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"


def test_selector_of_a_stateful_set_fits_its_own_pods_only() -> None:
    spec = dedicated()
    found = topology(spec)
    for each in found.nodes:
        sets = [(pool, zone) for pool in found.pools for zone in pool.zones]
        fitting = [
            (pool.name, zone)
            for pool, zone in sets
            if selects(rendered(spec, pool.name, zone)["spec"]["selector"]["matchLabels"], pod_labels(each))
        ]
        assert fitting == [(each.pool.name, each.zone)]


def test_broken_pod_does_not_stop_its_own_repair() -> None:
    """OrderedReady would wait for the broken pod first (kubernetes.io: StatefulSets, forced rollback)."""
    assert rendered(combined(), "broker", "az-a")["spec"]["podManagementPolicy"] == "Parallel"


def test_controlled_shutdown_gets_its_time() -> None:
    assert pod(combined())["terminationGracePeriodSeconds"] == 120
    assert pod(combined(termination_grace="30s"))["terminationGracePeriodSeconds"] == 30
    # Java is process 1 and gets the signal itself.
    assert all(container["command"][0] == "java" for container in pod(combined())["containers"])


def test_probes_answer_fast_and_forgive_a_stalled_jvm() -> None:
    (container,) = pod(combined())["containers"]
    ready, live = container["readinessProbe"], container["livenessProbe"]
    assert (ready["httpGet"], ready["periodSeconds"]) == ({"path": "/ready", "port": 9404}, 2)
    assert (ready["timeoutSeconds"], ready["failureThreshold"]) == (3, 2)
    assert live["httpGet"] == {"path": "/live", "port": 9404}
    assert live["periodSeconds"] * live["failureThreshold"] >= 60


def test_only_the_format_container_sees_the_password() -> None:
    found = pod(combined())
    mounts = {
        container["name"]: {mount["name"] for mount in container["volumeMounts"]}
        for container in [*found["initContainers"], *found["containers"]]
    }
    assert "format" in mounts["format"]
    assert "format" not in mounts["kafka"]
    assert "keys" not in mounts["format"]
    for container in [*found["initContainers"], *found["containers"]]:
        writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {"data", "tmp"}


def test_brokers_are_not_throttled_unless_asked() -> None:
    (container,) = pod(combined())["containers"]
    assert container["resources"] == {"requests": {"cpu": "2", "memory": "6Gi"}, "limits": {"memory": "6Gi"}}
    (container,) = pod(combined(pool_changes={"resources": {"cpu_limit": "3"}}))["containers"]
    assert container["resources"]["limits"] == {"memory": "6Gi", "cpu": "3"}


def test_tolerations_and_node_selector_are_passed_on() -> None:
    toleration = {"key": "dedicated", "operator": "Equal", "value": "kafka", "effect": "NoSchedule"}
    found = pod(combined(pool_changes={"tolerations": [toleration], "node_selector": {"disk": "nvme"}}))
    assert found["tolerations"] == [toleration]
    assert found["nodeSelector"] == {"disk": "nvme"}
    assert not {"tolerations", "nodeSelector"} & pod(combined()).keys()


@pytest.mark.parametrize(
    ("size", "text"), [(2**40, "1Ti"), (10 * 2**30, "10Gi"), (1536 * 2**20, "1536Mi"), (2**10, "1Ki"), (1000, "1000")]
)
def test_quantities_are_exact(size: int, text: str) -> None:
    assert quantity(size) == text


def test_claim_takes_the_default_storage_class_unless_one_is_named() -> None:
    (node,) = topology(combined()).members(combined().pools[0], "az-a")
    assert "storageClassName" not in persistent_volume_claim(node)["spec"]
    spec = combined(pool_changes={"storage": {"storage_class": "gp3"}})
    (node,) = topology(spec).members(spec.pools[0], "az-a")
    claim = persistent_volume_claim(node)
    assert claim["spec"]["storageClassName"] == "gp3"
    (template,) = rendered(spec, "broker", "az-a")["spec"]["volumeClaimTemplates"]
    assert template["spec"] == claim["spec"]


def ports(service: dict[str, Any], key: str) -> list[int]:
    return [port[key] for port in service["spec"]["ports"]]


def test_services_of_the_platform_document() -> None:
    found = services(topology(combined()))
    assert list(found) == [
        *("kafka-headless", "kafka-service", "kafka-external"),
        *("kafka-external-0", "kafka-external-1", "kafka-external-2"),
    ]
    assert ports(found["kafka-service"], "port") == [9092, 9093]
    assert found["kafka-service"]["spec"]["type"] == "ClusterIP"
    assert ports(found["kafka-external"], "nodePort") == [32100, 32200]
    assert ports(found["kafka-external-2"], "nodePort") == [32103, 32203]
    assert ports(found["kafka-external-2"], "targetPort") == [9094, 9095]


def test_nodes_find_each_other_before_they_are_ready() -> None:
    headless = services(topology(combined()))["kafka-headless"]["spec"]
    assert (headless["clusterIP"], headless["publishNotReadyAddresses"]) == ("None", True)


def test_clients_are_sent_to_ready_brokers_first_and_keep_theirs() -> None:
    found = services(topology(combined()))
    for name in ("kafka-service", "kafka-external"):
        assert not found[name]["spec"].get("publishNotReadyAddresses")
    for number in range(3):
        assert found[f"kafka-external-{number}"]["spec"]["publishNotReadyAddresses"]


def test_bootstrap_services_select_brokers_and_no_controllers() -> None:
    found = topology(dedicated())
    for name in ("kafka-service", "kafka-external"):
        selector = services(found)[name]["spec"]["selector"]
        assert [node.pod for node in found.nodes if selects(selector, pod_labels(node))] == [
            node.pod for node in found.nodes if node.is_broker
        ]


def test_node_ports_are_unique() -> None:
    taken = [port for each in services(topology(dedicated())).values() for port in each["spec"]["ports"]]
    numbers = [port["nodePort"] for port in taken if "nodePort" in port]
    assert len(numbers) == len(set(numbers)) == 2 * (7 + 1)


def test_load_balancers_listen_on_the_advertised_port() -> None:
    spec = combined(external={"type": "load-balancer"})
    found = services(topology(spec))
    assert "kafka-external" not in found
    assert found["kafka-external-1"]["spec"]["type"] == "LoadBalancer"
    assert ports(found["kafka-external-1"], "port") == [32102, 32202]
    endpoints = topology(spec).external_endpoints(mtls=False)
    assert topology(spec).external_bootstrap(mtls=False) == ",".join(endpoints)


def test_no_external_service_unless_asked() -> None:
    assert list(services(topology(combined(external={"type": "none", "hosts": {}})))) == [
        "kafka-headless",
        "kafka-service",
    ]


def allowed(spec: KafkaClusterSpec) -> dict[int, list[Any] | None]:
    """Port to who may reach it; None is anyone."""
    policy = network_policies(topology(spec))["kafka-nodes"]["spec"]
    return {port["port"]: rule.get("from") for rule in policy["ingress"] for port in rule["ports"]}


def test_everything_is_denied_by_default() -> None:
    policy = network_policies(topology(combined()))["kafka-default-deny"]["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_each_port_is_open_to_whom_it_is_for() -> None:
    found = allowed(combined(client_namespaces=["shop"]))
    nodes = [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": "kafka"}}}
    ]
    client = {"podSelector": {"matchLabels": {"kafka.pyairtable.dev/client": "true"}}}
    elsewhere = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}, **client}
    assert found == {
        PORTS[Listener.CONTROLLER]: nodes,
        PORTS[Listener.REPLICATION]: nodes,
        PORTS[Listener.INTERNAL]: [client, elsewhere],
        PORTS[Listener.MTLS]: [client, elsewhere],
        PORTS[Listener.EXTERNAL]: None,
        PORTS[Listener.EXTERNALMTLS]: None,
        9404: None,
    }


def test_external_ports_are_closed_unless_asked() -> None:
    found = allowed(combined(external={"type": "none", "hosts": {}}))
    assert not {PORTS[Listener.EXTERNAL], PORTS[Listener.EXTERNALMTLS]} & found.keys()


def test_nodes_may_reach_each_other_and_names_only() -> None:
    egress = network_policies(topology(combined()))["kafka-nodes"]["spec"]["egress"]
    reached = {(port["protocol"], port["port"]) for rule in egress for port in rule["ports"]}
    assert reached == {("TCP", 9090), ("TCP", 9091), ("UDP", 53), ("TCP", 53)}


def test_budget_lets_one_node_of_all_pools_go() -> None:
    found = topology(dedicated())
    budget = pod_disruption_budget(found)["spec"]
    assert budget["maxUnavailable"] == 1
    assert all(selects(budget["selector"]["matchLabels"], pod_labels(node)) for node in found.nodes)


@pytest.mark.parametrize(
    ("factor", "minimum", "message"),
    [
        (
            3,
            3,
            "a disruption budget of 1 would stop every acks=all producer: min_insync_replicas is 3 of 3 replicas; "
            "allowed are at most 2",
        ),
        (
            2,
            2,
            "a disruption budget of 1 would stop every acks=all producer: min_insync_replicas is 2 of 2 replicas; "
            "allowed are at most 1",
        ),
    ],
)
def test_budget_that_would_stop_producers_is_refused(factor: int, minimum: int, message: str) -> None:
    with pytest.raises(UnsafeManifest) as caught:
        pod_disruption_budget(topology(combined(replication_factor=factor, min_insync_replicas=minimum)))
    assert str(caught.value) == message


def test_budget_that_would_stop_the_quorum_is_refused() -> None:
    spec = combined(pool_changes={"zones": ["az-a", "az-b"]}, replication_factor=2, min_insync_replicas=1)
    with pytest.raises(UnsafeManifest) as caught:
        pod_disruption_budget(topology(spec))
    assert str(caught.value) == (
        "a disruption budget of 1 would take the quorum's majority: it has 2 controllers; allowed are 1, 3, 5 or 7"
    )


def test_single_replica_can_be_drained() -> None:
    spec = combined(pool_changes={"zones": ["az-a"]}, replication_factor=1, min_insync_replicas=1)
    assert pod_disruption_budget(topology(spec))["spec"]["maxUnavailable"] == 1


def test_operators_see_everything_but_secrets() -> None:
    role = operator_role(combined(), "kafka")
    readable = {resource for rule in role["rules"] if "get" in rule["verbs"] for resource in rule["resources"]}
    assert {"pods", "pods/log", "events", "statefulsets"} <= readable
    assert "secrets" not in readable
    changing = {
        (resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb not in ("get", "list", "watch")
    }
    # Eviction respects the disruption budget; deleting a pod doesn't.
    assert changing == {("pods/eviction", "create")}
    assert operator_role_binding(combined(), "kafka")["role_ref"]["name"] == role["metadata"]["name"]


def test_certificate_names_what_a_node_is_reached_by() -> None:
    found = topology(combined())
    names = subject_names(found.brokers[1], found)
    assert list(names.dns) == [
        "kafka-broker-b-0.kafka-headless.kafka.svc.cluster.local",
        "kafka-broker-b-0.kafka-headless.kafka.svc",
        "kafka-broker-b-0.kafka-headless",
        "kafka-service",
        "kafka-service.kafka",
        "kafka-service.kafka.svc",
        "kafka-service.kafka.svc.cluster.local",
        "kafka-external.kafka.svc",
        "kafka-external.kafka.svc.cluster.local",
        # The bootstrap node port of any zone may lead to any broker.
        "kafka-b.example.org",
    ]
    assert list(names.ip) == ["198.18.0.2", "198.18.0.4"]


def test_certificate_of_a_controller_names_no_service_of_clients() -> None:
    found = topology(dedicated())
    names = subject_names(found.controllers[0], found)
    assert all(name.startswith("kafka-controller-a-0.") for name in names.dns)
    assert not names.ip


def test_every_advertised_host_is_in_the_certificate() -> None:
    for spec in (combined(), dedicated(), combined(external={"type": "load-balancer"})):
        found = topology(spec)
        for node in found.brokers:
            names = subject_names(node, found)
            assert spec.external.hosts[node.zone] in {*names.dns, *names.ip}
            assert node.host in names.dns
