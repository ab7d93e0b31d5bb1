"""ksqlDB and the consoles in a configuration: mistakes, and the exact sentences they are answered with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.build import build_platform, merge
from config.errors import ConfigError
from tests.unit.test_config_bad_inputs import dev

OVERLAY: Mapping[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "config" / "overlays" / "consoles.yaml").read_text()
)
KSQLDB = "ksqldb"
UI = "consoles.kafka_ui"
CMAK = "consoles.cmak"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
DIGEST = "sha256:" + "0" * 64

BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    (KSQLDB, {"replica": 2}, ["ksqldb.replica: there is no such key; did you mean replicas?"]),
    (KSQLDB, {"replicas": 0}, ["ksqldb.replicas: 0 is refused: allowed are 1 to 20; correct the value"]),
    (KSQLDB, {"replicas": 21}, ["ksqldb.replicas: 21 is refused: allowed are 1 to 20; correct the value"]),
    (
        KSQLDB,
        {"service_id": "pyairtable"},
        [
            "ksqldb.service_id: 'pyairtable' is refused: it has 2 to 40 of the characters a-z A-Z 0-9 . _ - and ends "
            "with _ or -, so that access by this prefix reaches no other ksqlDB's; choose another one"
        ],
    ),
    (
        KSQLDB,
        {"service_id": "ksql service_"},
        [
            "ksqldb.service_id: 'ksql service_' is refused: it has 2 to 40 of the characters a-z A-Z 0-9 . _ - and "
            "ends with _ or -, so that access by this prefix reaches no other ksqlDB's; choose another one"
        ],
    ),
    (
        KSQLDB,
        {"output_topic_prefix": "pyairtable."},
        [
            "ksqldb.output_topic_prefix: 'pyairtable.' is refused: pyairtable.ai.events starts with it, and queries "
            "may drop what does; choose another one"
        ],
    ),
    (
        KSQLDB,
        {"output_topic_prefix": "ksql"},
        [
            "ksqldb.output_topic_prefix: 'ksql' is refused: it has 4 to 80 of the characters a-z A-Z 0-9 . _ -, "
            "begins with none of . _ - and ends with one; choose another one"
        ],
    ),
    (
        KSQLDB,
        {"output_topic_prefix": "__ksql_"},
        [
            "ksqldb.output_topic_prefix: '__ksql_' is refused: it has 4 to 80 of the characters a-z A-Z 0-9 . _ -, "
            "begins with none of . _ - and ends with one; choose another one"
        ],
    ),
    (
        KSQLDB,
        {"consumes": ["pyairtable.auth.event"]},
        [
            "ksqldb.consumes[0]: 'pyairtable.auth.event' is refused: there is no such topic; "
            "did you mean pyairtable.auth.events?"
        ],
    ),
    (
        KSQLDB,
        {"produces": ["pyairtable.ai.events", "pyairtable.ai.events"]},
        ["ksqldb.produces[1]: 'pyairtable.ai.events' is refused: it is listed twice; remove one"],
    ),
    (
        KSQLDB,
        {"clients": ["auth-servic"]},
        ["ksqldb.clients[0]: 'auth-servic' is refused: there is no such service; did you mean auth-service?"],
    ),
    (
        KSQLDB,
        {"clients": ["auth-service", "auth-service"]},
        ["ksqldb.clients[1]: 'auth-service' is refused: it is listed twice; remove one"],
    ),
    (
        KSQLDB,
        {"image": {"name": "confluentinc/cp-ksqldb-server:7.9.1"}},
        [
            "ksqldb.image.name: 'confluentinc/cp-ksqldb-server:7.9.1' is refused: the platform's paths and class names "
            "are those of Confluent Platform 8; use a tag that starts with 8."
        ],
    ),
    (
        KSQLDB,
        {"image": {"name": f"ksqldb@{DIGEST}"}},
        [
            f"ksqldb.image.name: 'ksqldb@{DIGEST}' is refused: an image's name is registry/name:tag; its digest has a "
            "field of its own; correct it"
        ],
    ),
    (
        KSQLDB,
        {"cli_image": {"digest": "sha256:12"}},
        [
            "ksqldb.cli_image.digest: 'sha256:12' is refused: a digest is sha256: and 64 hexadecimal digits; "
            "copy it as the registry shows it"
        ],
    ),
    (
        KSQLDB,
        {"heap": "500Mi"},
        [
            "ksqldb.heap: 500Mi is refused: it may be at most 75% of resources.memory (512Mi); "
            "lower it or raise resources.memory"
        ],
    ),
    (
        KSQLDB,
        {"resources": {"cpu": "fast"}},
        [
            "ksqldb.resources.cpu: 'fast' is refused: it is a number of cores above zero, like 2, 0.5 or 500m; "
            "correct it"
        ],
    ),
    (KSQLDB, {"state_limit": "512Mi"}, ["ksqldb.state_limit: 512Mi is refused: it must be at least 1Gi; raise it"]),
    (
        KSQLDB,
        {"storage": {"size": "512Mi"}},
        ["ksqldb.storage.size: 512Mi is refused: it must be at least 1Gi; raise it"],
    ),
    (
        KSQLDB,
        {"quota": {"producer_bytes_per_second": 0}},
        [
            "ksqldb.quota.producer_bytes_per_second: 0 is refused: a quota must be above zero and finite; "
            "raise it; queries that must not write get no produces"
        ],
    ),
    (
        KSQLDB,
        {"credential_generation": 0},
        ["ksqldb.credential_generation: 0 is refused: it counts from 1; raise it by one to rotate the password"],
    ),
    (
        UI,
        {"reads": ["pyairtable.ai.event"]},
        [
            "consoles.kafka_ui.reads[0]: 'pyairtable.ai.event' is refused: there is no such topic; "
            "did you mean pyairtable.ai.events?"
        ],
    ),
    (
        UI,
        {"read_only": False},
        [
            "consoles.kafka_ui.read_only: there is no such key; use one of credential_generation, heap, image, quota, "
            "reads, resources, stand_in, writes"
        ],
    ),
    (UI, {"heap": "64Mi"}, ["consoles.kafka_ui.heap: 64Mi is refused: it must be at least 128Mi; raise it"]),
    (
        CMAK,
        {"zookeeper": "zookeeper"},
        [
            "consoles.cmak.zookeeper: 'zookeeper' is refused: it is host:port, more of them behind commas, "
            "then perhaps a path; correct it"
        ],
    ),
    (
        CMAK,
        {"unencrypted_zookeeper": False},
        [
            "consoles.cmak.zookeeper_ca: it is missing, so ZooKeeper's certificate couldn't be verified; "
            "add the authority's PEM, or allow plain text with unencrypted_zookeeper: true"
        ],
    ),
    (
        CMAK,
        {"zookeeper_ca": PEM},
        [
            "consoles.cmak.unencrypted_zookeeper: true is refused: zookeeper_ca is set too; remove one of them",
        ],
    ),
    (
        CMAK,
        {"zookeeper_ca": "no PEM", "unencrypted_zookeeper": False},
        ["consoles.cmak.zookeeper_ca: its value is refused: it is no certificate in PEM; correct it"],
    ),
    (
        CMAK,
        {"kafka_ports": [0]},
        ["consoles.cmak.kafka_ports[0]: 0 is refused: ports are 1 to 65535; correct it"],
    ),
]


def values(at: str, changes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The dev stack with the overlay and changes to one part of it."""
    for part in reversed(at.split(".")):
        changes = {part: changes}
    return dict(merge(merge({**dev(), **more}, OVERLAY), changes))


def sentences(configuration: Mapping[str, Any]) -> list[str]:
    """What a user reads of ksqlDB and the consoles."""
    with pytest.raises(ConfigError) as caught:
        build_platform("dev", configuration)
    return [str(each) for each in caught.value.problems if each.path.startswith(("ksqldb", "consoles"))]


@pytest.mark.parametrize(("at", "changes", "says"), BAD)
def test_every_mistake_has_its_sentences(at: str, changes: dict[str, Any], says: list[str]) -> None:
    assert sentences(values(at, changes)) == says


def test_the_overlay_is_right() -> None:
    platform = build_platform("dev", values(KSQLDB, {}))
    assert platform.ksqldb is not None
    assert platform.ksqldb.stand_in
    assert platform.consoles is not None
    assert platform.consoles.cmak is not None


def test_cmak_needs_a_zookeeper_of_its_own() -> None:
    configuration = {**dev(), "consoles": {"cmak": {}}}
    assert sentences(configuration) == [
        "consoles.cmak.zookeeper: it is missing; add it: host:port,… of a ZooKeeper it keeps its own state in"
    ]


def test_a_section_without_consoles_is_no_section() -> None:
    assert sentences({**dev(), "consoles": {}}) == [
        "consoles: a mapping is refused: it names no console; add kafka_ui, or remove the section"
    ]


@pytest.mark.parametrize("name", ["ksqldb", "kafka-ui"])
def test_a_service_can_t_have_the_name_of_a_part(name: str) -> None:
    quota = {"producer_bytes_per_second": 1, "consumer_bytes_per_second": 1}
    service = {name: {"produces": ["pyairtable.ai.events"], "quota": quota}}
    with pytest.raises(ConfigError) as caught:
        build_platform("dev", {**dev(), "services": service})
    assert [str(problem) for problem in caught.value.problems] == [
        f"services.{name}: '{name}' is refused: this name is the platform's own; choose another id"
    ]


def test_what_a_protected_stack_refuses() -> None:
    configuration = values(UI, {"writes": ["pyairtable.ai.events"]}, protect=True)
    configuration["ksqldb"]["replicas"] = 1
    inspect = (
        "find it with docker buildx imagetools inspect lab.local/kafka:4.1.1 --format '{{.Manifest.Digest}}', then: "
    )
    missing = "it is missing: a protected stack runs lab.local/kafka:4.1.1 by its digest; " + inspect
    stand_in = (
        "true is refused: a protected stack runs the real thing; remove it, or set protect: false for a throwaway stack"
    )

    def command(path: str) -> str:
        return f"{path}: {missing}pulumi config set --stack dev --path kafka-platform:{path} sha256:…"

    assert sentences(configuration) == [
        command("consoles.cmak.image.digest"),
        f"consoles.cmak.stand_in: {stand_in}",
        command("consoles.kafka_ui.image.digest"),
        f"consoles.kafka_ui.stand_in: {stand_in}",
        "consoles.kafka_ui.writes: a list is refused: it must be empty in a protected stack: "
        "records are written by services; remove it",
        command("ksqldb.cli_image.digest"),
        command("ksqldb.image.digest"),
        "ksqldb.replicas: 1 is refused: allowed are 2 to 20, so that one may be away; correct the value",
        f"ksqldb.stand_in: {stand_in}",
    ]


def test_a_digest_alone_keeps_the_platforms_image() -> None:
    platform = build_platform(
        "dev", {**dev(), "ksqldb": {"image": {"digest": DIGEST}, "quota": OVERLAY["ksqldb"]["quota"]}}
    )
    assert platform.ksqldb is not None
    assert platform.ksqldb.image.reference == f"confluentinc/cp-ksqldb-server:8.1.0@{DIGEST}"
    assert platform.ksqldb.cli_image.reference == "confluentinc/cp-ksqldb-cli:8.1.0"
