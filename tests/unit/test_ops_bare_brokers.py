"""The bare brokers of a bench: what they are configured with, and that nothing of them is left."""

import datetime
import os
import ssl
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from ops.bare_brokers import (
    Node,
    client_settings,
    format_arguments,
    free_ports,
    guarded,
    jvm_arguments,
    node_properties,
    remove_remains,
)
from ops.throwaway_pki import Throwaway

NODES = [
    Node(
        id=number,
        client_port=100 + number,
        replication_port=200 + number,
        controller_port=300 + number,
        folder=Path("/b"),
    )
    for number in range(3)
]


def test_plaintext_nodes_have_kafka_s_defaults_but_what_makes_them_a_cluster() -> None:
    assert node_properties(NODES[1], NODES, secured=False) == {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "0@127.0.0.1:300,1@127.0.0.1:301,2@127.0.0.1:302",
        "controller.listener.names": "CONTROLLER",
        "listeners": "CLIENT://127.0.0.1:101,REPLICATION://127.0.0.1:201,CONTROLLER://127.0.0.1:301",
        "advertised.listeners": "CLIENT://127.0.0.1:101,REPLICATION://127.0.0.1:201",
        "inter.broker.listener.name": "REPLICATION",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,REPLICATION:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "/b/data-1",
    }


def test_secured_nodes_encrypt_every_listener_and_are_else_the_same() -> None:
    bare, secured = (node_properties(NODES[0], NODES, secured=secured) for secured in (False, True))
    added = {key: value for key, value in secured.items() if bare.get(key) != value}
    assert added == {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,REPLICATION:SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "/b/node.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/b/ca.pem",
        "listener.name.replication.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }


def test_only_a_secured_client_has_credentials() -> None:
    assert client_settings(NODES, None, "") == {
        "bootstrap.servers": "127.0.0.1:100,127.0.0.1:101,127.0.0.1:102",
        "security.protocol": "PLAINTEXT",
        "log_level": 2,
    }
    secured = client_settings(NODES, "word", "PEM")
    assert (secured["security.protocol"], secured["sasl.password"], secured["ssl.ca.pem"]) == (
        "SASL_SSL",
        "word",
        "PEM",
    )


@pytest.mark.parametrize(
    ("password", "scram"), [(None, []), ("word", ["--add-scram", "SCRAM-SHA-512=[name=bench,password=word]"])]
)
def test_the_disk_is_formatted_with_the_credential(password: str | None, scram: list[str]) -> None:
    assert format_arguments(NODES[2], "id", password) == [
        "kafka.tools.StorageTool",
        "format",
        "--cluster-id",
        "id",
        "--config",
        "/b/server-2.properties",
        *scram,
    ]


def test_the_heap_is_the_one_that_is_asked_for() -> None:
    assert jvm_arguments(400 * 2**20, Path("/jars"))[:2] == ["-Xms400m", "-Xmx400m"]


def test_free_ports_differ() -> None:
    assert len(set(free_ports(9))) == 9


def test_what_is_guarded_ends_at_its_time() -> None:
    done = subprocess.run(guarded(["sleep", "60"], 1), timeout=30)
    assert done.returncode == 124


def test_remains_of_killed_benches_are_removed_and_those_of_running_ones_kept(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"kafka-platform-bench-{ended.pid}-x", f"kafka-platform-bench-{os.getpid()}-x", "another"):
        (tmp_path / name / "data").mkdir(parents=True)
    remove_remains(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", f"kafka-platform-bench-{os.getpid()}-x"]


class TestThrowaway:
    def test_a_certificate_for_the_address_for_a_day(self) -> None:
        made = Throwaway.make("127.0.0.1")
        certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.IPAddress) == [IPv4Address("127.0.0.1")]
        lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert lifetime <= datetime.timedelta(days=1, minutes=5)

    def test_a_client_that_trusts_the_authority_accepts_it(self, tmp_path: Path) -> None:
        made = Throwaway.make("127.0.0.1")
        chain = tmp_path / "node.pem"
        chain.write_text(made.key_pem + made.certificate_pem)
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cadata=made.ca_pem)
        server.load_cert_chain(chain)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
        theirs = server.wrap_bio(to_server, to_client, server_side=True)
        for side in (ours, theirs, ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        assert (ours.version(), theirs.version()) == ("TLSv1.3", "TLSv1.3")

    def test_its_key_is_not_shown(self) -> None:
        assert "PRIVATE KEY" not in repr(Throwaway.make("127.0.0.1"))
