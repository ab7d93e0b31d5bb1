"""What holds for every resource of the whole program, in every stack."""

import base64
import json
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime.config import set_all_config

import config.target
from config.literals import ADMIN_USER, PROJECT
from manifests.credential import CONSOLE, KEY_STORE, KSQLDB, derive_password
from tests.components.recording import Recording, Resource, is_secret, public_text, recorded, reveal

ROOT = Path(__file__).parents[2]
STACKS = sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml"))
MASTER = "a master secret that no stack has, of enough characters"
SECRET_KEY = f"{PROJECT}:master_secret"
DIGEST = "sha256:" + "0" * 64
IMAGES = {
    "schema_registry": (("image",), ("proxy", "image")),
    "connect": (("image",),),
    "ksqldb": (("image",), ("cli_image",)),
    "consoles": (("kafka_ui", "image"),),
}
"""Images of protected stacks whose digests CI sets."""
COMPANIONS = {
    "schema_registry": "SchemaRegistry",
    "connect": "ConnectCluster",
    "ksqldb": "KsqlDb",
    "consoles": "Consoles",
}
"""Sections that a stack may leave out, with the component each of them is."""
PUBLIC = {"backup": "BackupBucket"}
"""Likewise, of those whose outputs hold no secret."""
CLUSTER_WIDE = {"kubernetes:storage.k8s.io/v1:StorageClass"}
"""Kinds that are in no namespace."""


@cache
def program(stack: str, overlay: Path | None = None) -> Recording:
    """Run the program with the stack's own configuration, but for its master secret, and an overlay."""
    return program_of(stack, yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"], overlay)


def program_of(stack: str, values: dict[str, Any], overlay: Path | None = None) -> Recording:
    """Run the program with a configuration, a master secret and an overlay."""
    settings = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    settings[SECRET_KEY] = MASTER
    if values.get(f"{PROJECT}:protect", True):
        settings[f"{PROJECT}:image_digest"] = DIGEST
        for section, parts in IMAGES.items():
            for *above, image in parts:
                node = values[f"{PROJECT}:{section}"]
                for key in above:
                    node = node.setdefault(key, {})
                node[image] = {**node.get(image, {}), "digest": DIGEST}
            settings[f"{PROJECT}:{section}"] = json.dumps(values[f"{PROJECT}:{section}"])
    with pytest.MonkeyPatch.context() as patch, recorded(stack=stack) as recording:
        patch.setenv("PULUMI_CONFIG", json.dumps(settings))
        patch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps([SECRET_KEY]))
        patch.delenv("PLATFORM_OVERLAY", raising=False)
        if overlay is not None:
            patch.setenv("PLATFORM_OVERLAY", str(overlay))
        patch.setattr(config.target, "check_reachable", lambda _: None)
        set_all_config(settings, [SECRET_KEY])
        try:
            runpy.run_path(str(ROOT / "__main__.py"))
        finally:
            set_all_config({}, [])
    return recording


@pytest.fixture(scope="module", params=STACKS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return program(request.param)


def is_provider(resource: Resource) -> bool:
    return resource.type.startswith("pulumi:providers:")


def is_kubernetes(resource: Resource) -> bool:
    return resource.type.startswith("kubernetes:")


def test_there_are_stacks() -> None:
    assert "dev" in STACKS


def test_everything_hangs_below_a_component(recording: Recording) -> None:
    for resource in recording.all:
        parent = recording.by_urn(resource.parent)
        if is_provider(resource) or parent.type != "pulumi:pulumi:Stack":
            continue
        assert not resource.custom, f"{resource.type} {resource.name} has no component above it"


def test_urns_and_places_in_kubernetes_are_unique(recording: Recording) -> None:
    assert len({resource.urn for resource in recording.all}) == len(recording.all)
    places = [
        (resource.type, resource.metadata.get("namespace"), resource.metadata["name"])
        for resource in recording.all
        if is_kubernetes(resource)
    ]
    assert len(set(places)) == len(places)


def test_components_have_our_token_and_register_their_outputs(recording: Recording) -> None:
    components = [resource for resource in recording.all if not resource.custom]
    assert components
    for component in components:
        assert component.type == f"{PROJECT}:index:{component.type.rpartition(':')[2]}"
        assert recording.outputs(component.urn), f"{component.type} {component.name} has no outputs"
        assert not component.inputs


def test_no_resource_takes_a_default_provider(recording: Recording) -> None:
    for resource in recording.all:
        if not resource.custom or is_provider(resource) or resource.type.startswith("pulumi-python:dynamic"):
            continue
        package = resource.type.partition(":")[0]
        assert resource.provider, f"{resource.type} {resource.name} takes the default provider"
        assert recording.by_urn(resource.provider).type == f"pulumi:providers:{package}"


def test_kubernetes_objects_are_named_labelled_and_in_one_namespace(recording: Recording) -> None:
    (namespace,) = recording.by_type("Namespace")
    for resource in recording.all:
        if not is_kubernetes(resource):
            continue
        assert resource.metadata["labels"]["app.kubernetes.io/managed-by"] == "pulumi", resource.name
        if resource.type in CLUSTER_WIDE:
            assert "namespace" not in resource.metadata, resource.name
            continue
        assert resource is namespace or resource.metadata["namespace"] == namespace.metadata["name"], resource.name


def test_kubernetes_objects_exist_only_inside_their_namespace(recording: Recording) -> None:
    """Without an edge to it, a destroy would race with the deletion of the namespace."""
    (namespace,) = recording.by_type("Namespace")

    def leads_there(urns: tuple[str, ...], seen: set[str]) -> bool:
        for urn in urns:
            if urn == namespace.urn:
                return True
            if urn not in seen:
                seen.add(urn)
                if leads_there(recording.by_urn(urn).dependencies, seen):
                    return True
        return False

    for resource in recording.all:
        if is_kubernetes(resource) and resource is not namespace and resource.type not in CLUSTER_WIDE:
            assert leads_there(resource.dependencies, set()), f"{resource.type} {resource.name}"


def test_what_stands_beside_the_brokers_comes_after_topics_and_accounts_by_one_edge(recording: Recording) -> None:
    (settled,) = recording.by_type("Milestone")
    kinds = {f"kafka:index/{kind}" for kind in ("acl:Acl", "topic:Topic", "quota:Quota")}
    inside = {each.urn for each in recording.all if each.type in kinds}
    users = {each.urn for each in recording.by_type("UserScramCredential")}
    assert inside | users <= set(settled.dependencies)
    beside = {each.urn for each in recording.all if each.type.rpartition(":")[2] in COMPANIONS.values()}
    for resource in recording.all:
        if resource.parent in beside and resource.type.rpartition(":")[2] in ("StatefulSet", "Deployment"):
            assert settled.urn in resource.dependencies, resource.name
        if resource is not settled:
            assert not inside & set(resource.dependencies), resource.name


def test_maps_and_secrets_change_in_place(recording: Recording) -> None:
    """The provider's default is to delete and create them, and their names are fixed: pods would find none."""
    (provider,) = (each for each in recording.all if each.type == "pulumi:providers:kubernetes")
    settings = reveal(dict(provider.inputs))
    assert settings["enableConfigMapMutable"] == "true"
    assert settings["enableSecretMutable"] == "true"


def pod_specs(recording: Recording) -> list[tuple[Resource, dict[str, Any]]]:
    return [
        (resource, reveal(resource.inputs["spec"])["template"]["spec"])
        for resource in recording.all
        if is_kubernetes(resource) and "template" in (resource.inputs.get("spec") or {})
    ]


def test_pods_fit_the_restricted_pod_security_standard(recording: Recording) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards, level restricted."""
    (namespace,) = recording.by_type("Namespace")
    assert namespace.metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    allowed = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
    assert pod_specs(recording)
    for resource, pod in pod_specs(recording):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), resource.name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] != 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all(set(volume) - {"name"} <= allowed for volume in pod["volumes"])
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert "hostPort" not in json.dumps(container.get("ports", []))


def test_pods_have_bounds_and_no_token(recording: Recording) -> None:
    for resource, pod in pod_specs(recording):
        assert pod["automountServiceAccountToken"] is False, resource.name
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), resource.name
            assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


def test_no_shell_and_no_secret_in_any_command(recording: Recording) -> None:
    for _, pod in pod_specs(recording):
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            command = [*container["command"], *container.get("args", [])]
            # People work in the CLI's container; nothing runs in it until they do.
            assert command == ["sleep", "infinity"] if container["name"] == "ksql" else command[0] in ("java", "nginx")
            assert not {"sh", "bash", "-c"} & set(command)
            assert all("value" not in variable for variable in container["env"])


def test_every_mount_has_its_volume_and_every_volume_is_mounted(recording: Recording) -> None:
    for resource, pod in pod_specs(recording):
        volumes = {volume["name"] for volume in pod["volumes"]}
        claims = reveal(resource.inputs["spec"]).get("volumeClaimTemplates", [])
        volumes |= {template["metadata"]["name"] for template in claims}
        mounted = {
            mount["name"]
            for container in [*pod["containers"], *pod.get("initContainers", [])]
            for mount in container["volumeMounts"]
        }
        assert mounted == volumes, resource.name


def files(volume: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """The ConfigMaps and Secrets of a volume, with the keys that are asked for by name."""
    parts = [volume, *(volume.get("projected") or {}).get("sources", [])]
    found = [part[kind] for part in parts for kind in ("configMap", "secret") if kind in part]
    return [
        (part.get("name") or part.get("secretName"), {item["key"] for item in part.get("items", [])}) for part in found
    ]


def test_mounted_files_exist_for_every_pod(recording: Recording) -> None:
    maps = {
        resource.metadata["name"]: {
            key for part in ("data", "binaryData", "stringData") for key in reveal(resource.inputs.get(part) or {})
        }
        for kind in ("ConfigMap", "Secret")
        for resource in recording.by_type(kind)
    }
    for resource, pod in pod_specs(recording):
        spec = reveal(resource.inputs["spec"])
        sources = {volume["name"]: name for volume in pod["volumes"] for name, _ in files(volume)}
        for volume in pod["volumes"]:
            for name, items in files(volume):
                assert items <= maps[name], f"{resource.name} mounts {items - maps[name]} of {name}"
        for mount in pod["containers"][0]["volumeMounts"]:
            for number in range(spec["replicas"]):
                if "subPathExpr" in mount:
                    file = mount["subPathExpr"].replace("$(POD_NAME)", f"{resource.metadata['name']}-{number}")
                    assert file in maps[sources[mount["name"]]], f"{resource.name} mounts {file}"
            if "subPath" in mount:
                assert mount["subPath"] in maps[sources[mount["name"]]], f"{resource.name} mounts {mount['subPath']}"
        for name in sources.values():
            assert maps[name], f"{resource.name} mounts an empty {name}"


def test_every_port_of_a_policy_is_one_a_pod_opens(recording: Recording) -> None:
    opened = {
        port["containerPort"]
        for _, pod in pod_specs(recording)
        for container in pod["containers"]
        for port in container.get("ports", ())
    }
    ingress = {
        port["port"]
        for policy in recording.by_type("NetworkPolicy")
        for rule in reveal(policy.inputs["spec"]).get("ingress", [])
        for port in rule["ports"]
    }
    assert ingress == opened
    served = {
        port["targetPort"]
        for service in recording.by_type("Service")
        for port in reveal(service.inputs["spec"])["ports"]
    }
    assert served <= opened


def test_names_of_container_ports_fit(recording: Recording) -> None:
    for _, pod in pod_specs(recording):
        names = [port["name"] for container in pod["containers"] for port in container.get("ports", ())]
        assert all(len(name) <= 15 for name in names)
        assert len(set(names)) == len(names)


def test_no_secret_is_in_plain_anywhere(recording: Recording) -> None:
    clients: dict[str, Any] = reveal(recording.exports["clients"])
    canaries = {MASTER, "private of", derive_password(MASTER, ADMIN_USER, 1)}
    canaries |= {client["password"] for client in clients.values()}
    canaries |= {base64.b64encode(canary.encode()).decode() for canary in canaries}
    assert len(canaries) > 6
    for resource in recording.all:
        plain = public_text(dict(resource.inputs))
        if not resource.custom:
            plain += public_text(dict(recording.outputs(resource.urn)))
        found = [canary for canary in canaries if canary in plain]
        assert not found, f"{resource.type} {resource.name} holds a secret in plain"
    assert not [canary for canary in canaries if canary in public_text(recording.exports)]


def test_companions_are_where_the_platform_wants_them() -> None:
    """All have the schema registry; dev is small; staging and prod have ksqlDB and the console, and none has CMAK."""
    there = {
        stack: {section for section, component in COMPANIONS.items() if program(stack).by_type(component)}
        for stack in STACKS
    }
    everything = {"schema_registry", "connect", "ksqldb", "consoles"}
    assert there == {"dev": {"schema_registry"}, "staging": everything, "prod": everything}
    for stack in ("staging", "prod"):
        assert {each.metadata["name"] for each in program(stack).by_type("Deployment")} == {"ksqldb-cli", "kafka-ui"}


@pytest.mark.parametrize("stack", ["staging", "prod"])
@pytest.mark.parametrize(
    ("name", "setting"), [("kafka-ui-config", '"schemaRegistry": '), ("ksqldb-config", "ksql.schema.registry.url=")]
)
def test_companions_log_in_at_the_registry(stack: str, name: str, setting: str) -> None:
    maps = program(stack).by_type("kubernetes:core/v1:ConfigMap")
    (found,) = (reveal(each.inputs["data"]) for each in maps if each.metadata["name"] == name)
    assert [setting in text for text in found.values()].count(True) == len(found) - (name == "kafka-ui-config")


def test_passwords_of_companions_are_in_plain_nowhere(recording: Recording) -> None:
    secret: list[str] = []
    for section in COMPANIONS.keys() & recording.exports.keys():
        outputs = reveal(recording.exports[section])
        secret += outputs.get("passwords", {}).values()
        secret += [login["password"] for login in outputs.get("logins", {}).values()]
    for generated in (KEY_STORE, CONSOLE, KSQLDB):
        secret += [derive_password(MASTER, user, 1, generated) for user in ("ksqldb", "kafka-ui", "ksqldb-cli")]
    secret += [base64.b64encode(each.encode()).decode() for each in secret]
    for resource in recording.all:
        plain = public_text(dict(resource.inputs))
        assert not [each for each in secret if each in plain], f"{resource.type} {resource.name}"


def test_stack_outputs_are_the_contract(recording: Recording) -> None:
    exports = recording.exports
    assert set(exports) == {
        *("namespace", "zones", "bootstrap_servers", "mtls_bootstrap_servers", "internal_bootstrap_servers"),
        *("ca_pem", "clients"),
        *(section for section, component in (COMPANIONS | PUBLIC).items() if recording.by_type(component)),
    }
    assert all(is_secret(exports[section]) for section in COMPANIONS.keys() & exports.keys())
    assert is_secret(exports["clients"])
    fields = {"username", "password", "mechanism", "certificate_pem", "private_key_pem"}
    assert all(set(client) == fields for client in reveal(exports["clients"]).values())


def test_program_of_a_stack_is_deterministic(recording: Recording) -> None:
    stack = recording.all[0].urn.split(":")[2]
    program.cache_clear()
    again = program(stack)
    assert [(r.urn, r.inputs) for r in sorted(again.all, key=lambda r: r.urn)] == [
        (r.urn, r.inputs) for r in sorted(recording.all, key=lambda r: r.urn)
    ]


def test_kafka_connects_service_account_is_given_the_role_of_its_lakes() -> None:
    (account,) = (
        each
        for each in program("prod").by_type("kubernetes:core/v1:ServiceAccount")
        if each.inputs["metadata"]["name"] == "kafka-connect"
    )
    role = "arn:aws:iam::111122223333:role/kafka-connect"
    assert account.inputs["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
