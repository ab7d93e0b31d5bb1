"""Key stores, as Java itself reads them."""

import base64
import datetime
import subprocess
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from resources.key_store import _KeyStoreProvider, key_store, trust_store

pytestmark = pytest.mark.programs

PASSWORD = "a password of a key store"


def certificate(common_name: str, issuer: tuple[str, str] | None = None) -> tuple[str, str]:
    """Key (PKCS #8) and certificate in PEM, signed by the issuer's key or by its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer: CertificateIssuerPrivateKeyTypes = key
    issuer_name = name
    if issuer is not None:
        signer = cast(CertificateIssuerPrivateKeyTypes, load_pem_private_key(issuer[0].encode(), None))
        issuer_name = x509.load_pem_x509_certificate(issuer[1].encode()).subject
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(signer, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, made.public_bytes(Encoding.PEM).decode()


def listed(file: Path, kind: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    command = ["keytool", "-J-Duser.language=en", "-list", "-keystore", str(file), "-storetype", kind]
    return subprocess.run([*command, "-storepass", password], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("kind", ["PKCS12", "JKS"])
def test_java_finds_the_key(tmp_path: Path, kind: str) -> None:
    """ksqlDB's servers reach each other with stores of type JKS whatever is configured; Java reads both as either."""
    file = tmp_path / "keystore.p12"
    file.write_bytes(key_store(*certificate("server"), certificate("authority")[1], PASSWORD))
    output = listed(file, kind).stdout
    assert "server, " in output
    assert "PrivateKeyEntry" in output


@pytest.mark.parametrize("kind", ["PKCS12", "JKS"])
def test_java_trusts_every_authority(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "truststore.p12"
    file.write_bytes(trust_store({"kafka": certificate("kafka")[1], "ksqldb": certificate("ksqldb")[1]}, PASSWORD))
    output = listed(file, kind).stdout
    assert "Your keystore contains 2 entries" in output
    assert output.count("trustedCertEntry") == 2


def test_the_password_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "keystore.p12"
    file.write_bytes(key_store(*certificate("server"), certificate("authority")[1], PASSWORD))
    assert "keystore password was incorrect" in listed(file, "PKCS12", "another password").stdout


def test_what_is_no_pem_is_refused() -> None:
    key, pem = certificate("server")
    with pytest.raises(ValueError, match="PEM"):
        key_store(key, "no certificate", pem, PASSWORD)


def properties() -> dict[str, object]:
    own = certificate("own")
    key, pem = certificate("server", own)
    return {
        "private_key_pem": key,
        "certificate_pem": pem,
        "authorities": {"kafka": certificate("kafka")[1], "own": own[1]},
        "issuer": "own",
        "password": PASSWORD,
    }


def test_the_files_change_only_with_what_is_in_them() -> None:
    provider, inputs = _KeyStoreProvider(), properties()
    state = provider.create(inputs).outs or {}
    assert not provider.diff("", state, {**inputs, "key_store": None}).changes
    for name, other in (("password", "another"), ("certificate_pem", ""), ("private_key_pem", ""), ("authorities", {})):
        assert provider.diff("", state, {**inputs, name: other}).changes, name
    renewed = provider.update("", state, {**inputs, "password": "another"}).outs or {}
    assert renewed["key_store"] != state["key_store"]


def test_the_chain_leads_to_the_issuer(tmp_path: Path) -> None:
    state = _KeyStoreProvider().create(properties()).outs or {}
    file = tmp_path / "keystore.p12"
    file.write_bytes(base64.b64decode(state["key_store"]))
    command = ["keytool", "-J-Duser.language=en", "-list", "-v", "-keystore", str(file), "-storepass", PASSWORD]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Certificate chain length: 2" in output
    assert output.index("Owner: CN=server") < output.index("Owner: CN=own")
