"""The overlay that brings prod to the lab: nothing of production is another but sizes, endpoints and images."""

from collections.abc import Iterator
from typing import Any

import yaml

from config.literals import COMPANIONS, NAMESPACE_LABEL, POOL_LABEL
from lab.images.ensure import APICURIO, CONNECT, KAFKA, STAND_IN
from lab.plan import HOST
from tests.prod_lab.bring_up import PORT
from tests.prod_lab.stack import OVERLAY, configured, machines

SIZES = {
    *(f"kafka.pools[{pool}].{key}" for pool in ("controller", "broker") for key in ("storage.size", "jvm.heap")),
    *(f"kafka.pools[{pool}].resources.{key}" for pool in ("controller", "broker") for key in ("cpu", "memory")),
    *(f"{part}.resources.{key}" for part in ("schema_registry", "connect", "ksqldb") for key in ("cpu", "memory")),
    *(
        f"{part}.resources.{key}"
        for part in ("schema_registry.proxy", "consoles.kafka_ui")
        for key in ("cpu", "memory")
    ),
    *("schema_registry.jvm.heap", "connect.jvm.heap", "ksqldb.heap", "ksqldb.storage.size", "consoles.kafka_ui.heap"),
    "topic_defaults.retention_bytes",
    # How much is in a snapshot of the lake.
    "connect.connectors[lake].iceberg.commit_interval",
}
ENDPOINTS = {
    "connect.jvm.options",
    "connect.egress",
    "connect.connectors[lake].iceberg.endpoint",
    "connect.connectors[lake].config.iceberg.catalog.glue.endpoint",
}
IMAGES = {
    "kafka.image",
    *(f"{part}.image.name" for part in ("schema_registry", "schema_registry.proxy", "connect", "consoles.kafka_ui")),
    *("ksqldb.image.name", "ksqldb.cli_image.name"),
    # What is in the images that can be had.
    *("schema_registry.implementation", "connect.avro_converter"),
}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path, items of lists by their names; a list without names is one value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value):
        for each in value:
            yield from leaves({key: it for key, it in each.items() if key != "name"}, f"{path}[{each['name']}]")
    else:
        yield path, value


def overlay() -> dict[str, Any]:
    return dict(leaves(yaml.safe_load(OVERLAY.read_text())))


def test_nothing_but_sizes_endpoints_and_images_differs() -> None:
    assert set(overlay()) == SIZES | ENDPOINTS | IMAGES


def test_endpoints_are_the_account_on_the_hosts_address() -> None:
    found = overlay()
    url = f"http://{HOST}:{PORT}"
    assert found["connect.egress"] == [{"cidr": f"{HOST}/32", "port": PORT}]
    assert found["connect.jvm.options"] == [f"-Daws.ec2MetadataServiceEndpoint={url}"]
    assert {found[path] for path in ENDPOINTS if path.endswith("endpoint")} == {url}


def test_images_are_the_labs() -> None:
    named = {value for path, value in overlay().items() if path == "kafka.image" or path.endswith(".name")}
    assert named == {KAFKA, APICURIO, CONNECT, STAND_IN}


def test_it_is_protected_and_whole() -> None:
    platform, digests = configured()
    assert platform.protect
    assert len(digests) == 7
    assert [pool.name for pool in platform.kafka.pools if len(pool.zones) == 3] == ["controller", "broker"]
    assert platform.aws
    assert platform.backup
    assert platform.ksqldb
    assert not platform.ksqldb.stand_in


def test_there_is_a_machine_for_each_that_a_node_group_would_start() -> None:
    found = machines()
    assert found["zones"] == {"az-a": "eu-central-1a", "az-b": "eu-central-1b", "az-c": "eu-central-1c"}
    assert [(each["name"], each["zone"]) for each in found["machines"]] == [
        (f"{group}-1{letter}", f"az-{letter}") for group in ("controller", "broker", COMPANIONS) for letter in "abc"
    ]
    broker, companion = found["machines"][3], found["machines"][6]
    assert broker["labels"] == {POOL_LABEL: "broker", NAMESPACE_LABEL: "kafka"}
    assert broker["taints"] == [{"key": POOL_LABEL, "value": "broker", "effect": "NoSchedule"}]
    assert companion["taints"] == []
