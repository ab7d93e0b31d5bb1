import base64
import datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab import pki
from lab.paths import Layout
from lab.pki import Pki


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Pki]:
    """A lab's keys and certificates."""
    files = Layout(tmp_path_factory.mktemp("lab"))
    keys = Pki(files)
    keys.ensure()
    return files, keys


def certificate(keys: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(keys.certificate(name).read_bytes())


def names(found: x509.Certificate) -> tuple[set[str], set[object]]:
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(alternatives.get_values_for_type(x509.DNSName)), set(alternatives.get_values_for_type(x509.IPAddress))


def test_api_server_is_reached_from_host_zones_and_pods(made: tuple[Layout, Pki]) -> None:
    dns, addresses = names(certificate(made[1], "apiserver"))
    assert dns == {
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    }
    assert addresses == {IPv4Address("127.0.0.1"), IPv4Address("198.18.0.1"), IPv4Address("198.18.64.1")}


@pytest.mark.parametrize(
    ("file", "user", "group"),
    [
        ("kubelet-node-a", "system:node:node-a", "system:nodes"),
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", None),
        ("coredns", "lab:coredns", None),
        ("provisioner", "lab:provisioner", None),
        ("balancers", "lab:balancers", None),
    ],
)
def test_every_component_has_its_own_identity(
    made: tuple[Layout, Pki], file: str, user: str, group: str | None
) -> None:
    subject = certificate(made[1], file).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    groups = [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ([group] if group else [])


def test_nobody_but_the_administrator_is_a_master(made: tuple[Layout, Pki]) -> None:
    assert all(leaf.group != "system:masters" for leaf in pki.leaves())
    assert made[1].tokens.read_text().endswith(',"system:masters"\n')


def test_node_serves_under_its_address(made: tuple[Layout, Pki]) -> None:
    found = certificate(made[1], "kubelet-node-b")
    assert names(found) == ({"node-b"}, {IPv4Address("198.18.0.3")})
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}


def test_client_can_not_pose_as_a_server(made: tuple[Layout, Pki]) -> None:
    usage = certificate(made[1], "scheduler").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_all_leaves_are_signed_by_the_authority(made: tuple[Layout, Pki]) -> None:
    authority = certificate(made[1], "ca")
    for leaf in pki.leaves():
        certificate(made[1], leaf.file).verify_directly_issued_by(authority)


def test_only_the_owner_reads_secrets(made: tuple[Layout, Pki]) -> None:
    files, keys = made
    assert files.pki.stat().st_mode & 0o777 == 0o700
    secret = [files.kubeconfig, keys.tokens, *files.pki.glob("*.key"), *files.pki.glob("*.kubeconfig")]
    assert len(secret) > 10
    assert {file.stat().st_mode & 0o777 for file in secret} == {0o600}


def test_administrator_kubeconfig_stands_alone(made: tuple[Layout, Pki]) -> None:
    files, keys = made
    document = yaml.safe_load(files.kubeconfig.read_text())
    assert document["current-context"] == "lab"
    assert document["clusters"][0]["cluster"]["server"] == "https://198.18.0.1:6443"
    authority = base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])
    assert authority == keys.certificate("ca").read_bytes()
    assert len(document["users"][0]["user"]["token"]) >= 43


def test_second_run_changes_nothing(made: tuple[Layout, Pki]) -> None:
    files, keys = made
    before = {file: file.read_bytes() for file in files.pki.iterdir()}
    keys.ensure()
    assert {file: file.read_bytes() for file in files.pki.iterdir()} == before


def test_expiring_certificate_is_renewed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Pki(Layout(tmp_path))
    keys.ensure()
    token, others = keys.tokens.read_text(), keys.certificate("ca").read_bytes()
    old = keys.certificate("kubelet-node-a").read_bytes()
    monkeypatch.setattr(pki, "RENEWAL", datetime.timedelta(days=366))
    Pki(Layout(tmp_path)).ensure()
    assert keys.certificate("kubelet-node-a").read_bytes() != old
    assert (keys.tokens.read_text(), keys.certificate("ca").read_bytes()) == (token, others)


def test_lost_key_is_made_anew_with_its_certificate(tmp_path: Path) -> None:
    keys = Pki(Layout(tmp_path))
    keys.ensure()
    keys.key("scheduler").unlink()
    keys.ensure()
    private = x509.load_pem_x509_certificate(keys.certificate("scheduler").read_bytes()).public_key()
    assert keys.key("scheduler").exists()
    assert private is not None
