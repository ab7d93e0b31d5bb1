"""The comparison with Terraform: what both sides get, what is measured, how Terraform is kept local."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops import terraform
from ops.bench_runs import Run, comparison, timed
from ops.bench_topics import CONFIG, PREFIX, access, topics
from ops.failure import Failure
from tests.outputs import outputs


def test_both_sides_make_the_same_topics() -> None:
    made = topics(3, 3, "abc")
    assert [topic["name"] for topic in made] == [f"{PREFIX}abc-000{number}" for number in range(3)]
    assert {(topic["partitions"], topic["replication_factor"]) for topic in made} == {(6, 3)}
    assert made[0]["config"] == CONFIG


@pytest.mark.parametrize(("replicas", "in_sync"), [(3, "2"), (2, "1"), (1, "1")])
def test_fewer_brokers_have_fewer_replicas_in_sync(replicas: int, in_sync: str) -> None:
    assert topics(1, replicas, "x")[0]["config"]["min.insync.replicas"] == in_sync


def test_the_provider_is_set_up_as_the_platform_s_own() -> None:
    assert access(outputs()) == {
        "bootstrap_servers": ["10.0.0.1:1", "10.0.0.2:2"],
        "ca_cert": "PEM",
        "kafka_version": "3.9.0",
        "sasl_mechanism": "scram-sha512",
        "sasl_username": "admin",
        "sasl_password": "word",
        "timeout": 60,
    }


def test_medians_and_their_ratio() -> None:
    sides = {
        "pulumi": [Run(12.0, 9.0), Run(30.0, 11.0), Run(13.0, 10.0)],
        "terraform": [Run(10.0, 4.0), Run(9.0, 5.0), Run(11.0, 6.0)],
    }
    assert comparison(sides) == {
        "pulumi": {"seconds": 13.0, "seconds_range": [12.0, 30.0], "cpu_seconds": 10.0},
        "terraform": {"seconds": 10.0, "seconds_range": [9.0, 11.0], "cpu_seconds": 5.0},
        "ratio": 1.3,
    }


def test_the_processor_time_of_child_processes_is_measured() -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    assert timed(lambda: subprocess.run([sys.executable, "-c", spin], check=True)).cpu_seconds >= 0.3


class TestTerraform:
    def test_it_has_one_source_of_providers(self) -> None:
        assert terraform.configuration(Path("/cache/bin")) == (
            'provider_installation {\n  dev_overrides {\n    "Mongey/kafka" = "/cache/bin"\n  }\n}\n'
        )

    def test_its_environment_changes_nothing_and_asks_nobody(self) -> None:
        outer = {"PATH": "/bin", "KAFKA_BOOTSTRAP_SERVERS": "elsewhere:1", "TF_LOG": "TRACE", "TF_VAR_x": "1"}
        assert terraform.environment(outer, Path("/run")) == {
            "PATH": "/bin",
            "TF_CLI_CONFIG_FILE": "/run/terraform.rc",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            (
                "╷\n│ Error: kafka: client has run out of brokers\n│ \n│   with kafka_topic.x\n╵\n",
                "kafka: client has run out of brokers",
            ),
            ("Error: one\nError: two\n", "one"),
            ("", "no reason given"),
        ],
    )
    def test_its_first_error(self, said: str, expected: str) -> None:
        assert terraform.first_error(said) == expected

    def test_its_failure_is_told(self, tmp_path: Path) -> None:
        program = tmp_path / "terraform"
        program.write_text("#!/bin/sh\necho 'Error: no' >&2\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(Failure, match=r"^terraform apply failed: no; see `make status`$"):
            terraform.apply(program, tmp_path, tmp_path, 16)
