"""Certificates of the lab: one authority, and for each component the identity its rights hang on."""

import datetime
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.paths import Layout
from lab.plan import API_SERVICE, CLUSTER_DOMAIN, CONTROL_PLANE, MACHINES, Machine, api_url

VALIDITY: Final = datetime.timedelta(days=365)
RENEWAL: Final = datetime.timedelta(days=30)
"""A start renews what expires sooner."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate: who it names and, for a server, where it is reached."""

    file: str
    user: str
    """Common name; to the API server the user's name."""
    group: str | None = None
    """Organization; to the API server the user's group."""
    names: tuple[str, ...] = ()
    addresses: tuple[IPv4Address, ...] = ()
    kubeconfig: bool = False
    """Whether the component is a client of the API server and needs a kubeconfig."""


def kubelet_file(machine: Machine) -> str:
    """Return how the files of a machine's kubelet are named; the beginning keeps them apart from all others."""
    return f"kubelet-{machine.name}"


def leaves(machines: Sequence[Machine] = MACHINES) -> tuple[Leaf, ...]:
    """Return every certificate the lab needs. The users are those of Kubernetes' own bootstrap roles if any."""
    services = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
    )
    return (
        Leaf(
            file="apiserver",
            user="kube-apiserver",
            names=(*services, "localhost"),
            addresses=(CONTROL_PLANE, API_SERVICE, IPv4Address("127.0.0.1")),
        ),
        Leaf(file="apiserver-kubelet-client", user="kube-apiserver-kubelet-client"),
        Leaf(file="controller-manager", user="system:kube-controller-manager", kubeconfig=True),
        Leaf(file="scheduler", user="system:kube-scheduler", kubeconfig=True),
        Leaf(file="kube-proxy", user="system:kube-proxy", kubeconfig=True),
        Leaf(file="coredns", user="lab:coredns", kubeconfig=True),
        Leaf(file="provisioner", user="lab:provisioner", kubeconfig=True),
        Leaf(file="balancers", user="lab:balancers", kubeconfig=True),
        *(
            Leaf(
                file=kubelet_file(machine),
                user=f"system:node:{machine.name}",
                group="system:nodes",
                names=(machine.name,),
                addresses=(machine.address,),
                kubeconfig=True,
            )
            for machine in machines
        ),
    )


class Pki:
    """The lab's certificates, keys, tokens and kubeconfig files on disk."""

    def __init__(self, layout: Layout, machines: Sequence[Machine] = MACHINES) -> None:
        self._layout = layout
        self._leaves = leaves(machines)

    def certificate(self, name: str) -> Path:
        """Return a certificate's file."""
        return self._layout.pki / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return a private key's file."""
        return self._layout.pki / f"{name}.key"

    def kubeconfig(self, name: str) -> Path:
        """Return a component's kubeconfig."""
        return self._layout.pki / f"{name}.kubeconfig"

    @property
    def tokens(self) -> Path:
        """The API server's token file: the administrator's alone."""
        return self._layout.pki / "tokens.csv"

    def ensure(self) -> None:
        """Make what is missing or expires within RENEWAL. Service accounts' key and the token stay as they are."""
        self._layout.pki.mkdir(parents=True, exist_ok=True)
        self._layout.pki.chmod(0o700)
        if not self._current("ca"):
            self._make_authority()
            for leaf in self._leaves:
                self.certificate(leaf.file).unlink(missing_ok=True)
        for leaf in self._leaves:
            if not self._current(leaf.file):
                self._make_leaf(leaf)
            if leaf.kubeconfig:
                self._write_kubeconfig(
                    self.kubeconfig(leaf.file),
                    leaf.user,
                    {"client-certificate": str(self.certificate(leaf.file)), "client-key": str(self.key(leaf.file))},
                )
        if not self.key("service-accounts").exists():
            private = ec.generate_private_key(ec.SECP256R1())
            _write(self.key("service-accounts"), _pem(private))
        if not self.tokens.exists():
            _write(self.tokens, f'{secrets.token_urlsafe(32)},lab:admin,lab:admin,"system:masters"\n'.encode())
        token = self.tokens.read_text().split(",")[0]
        self._write_kubeconfig(self._layout.kubeconfig, "admin", {"token": token})

    def _current(self, name: str) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate(name).read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        now = datetime.datetime.now(datetime.UTC)
        return self.key(name).exists() and certificate.not_valid_after_utc > now + RENEWAL

    def _make_authority(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka-platform lab")])
        certificate = (
            _builder(name, name, private.public_key(), 10 * VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .sign(private, hashes.SHA256())
        )
        _write(self.key("ca"), _pem(private))
        _write(self.certificate("ca"), certificate.public_bytes(serialization.Encoding.PEM))
        self.__dict__.pop("_authority", None)

    @cached_property
    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate = x509.load_pem_x509_certificate(self.certificate("ca").read_bytes())
        private = serialization.load_pem_private_key(self.key("ca").read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)  # noqa: S101 - the lab wrote this file
        return certificate, private

    def _make_leaf(self, leaf: Leaf) -> None:
        authority, signer = self._authority
        private = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.user)]
        if leaf.group is not None:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.group))
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
        alternatives: list[x509.GeneralName] = [
            *(x509.DNSName(name) for name in leaf.names),
            *(x509.IPAddress(address) for address in leaf.addresses),
        ]
        if alternatives:
            purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = (
            _builder(x509.Name(subject), authority.subject, private.public_key(), VALIDITY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        _write(self.key(leaf.file), _pem(private))
        _write(self.certificate(leaf.file), certificate.public_bytes(serialization.Encoding.PEM))

    def _write_kubeconfig(self, file: Path, user: str, credential: dict[str, str]) -> None:
        import base64

        authority = base64.b64encode(self.certificate("ca").read_bytes()).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": {"server": api_url(), "certificate-authority-data": authority}}],
            "users": [{"name": user, "user": credential}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
            "current-context": "lab",
        }
        content = yaml.safe_dump(document, sort_keys=False).encode()
        if not file.exists() or file.read_bytes() != content:
            _write(file, content)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, validity: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    """Encode as SEC 1: of PKCS 8 the API server takes no key for service accounts."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes | Sequence[int]) -> None:
    """Write a file only its owner reads, whole or not at all."""
    import os

    temporary = file.with_name(file.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(bytes(content))
    temporary.replace(file)
