"""The recording monitor: it sees what the engine would see, and refuses what it should."""

from typing import Any

import pulumi
import pulumi_tls as tls
import pytest

from tests.components.recording import UNKNOWN, Rejected, Secret, is_secret, public_text, recorded, reveal


class Part(pulumi.ComponentResource):
    """A component with a key and a certificate of it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Part", name, {}, opts)
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", opts=pulumi.ResourceOptions(parent=self, protect=True))
        self.certificate = tls.SelfSignedCert(
            f"{name}-cert",
            private_key_pem=key.private_key_pem,
            validity_period_hours=1,
            allowed_uses=[],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key]),
        )
        self.register_outputs({"pem": self.certificate.cert_pem, "key": key.private_key_pem})


def test_parent_protection_dependency_and_secret_marks_are_seen() -> None:
    with recorded() as recording:
        part = Part("a")
        pulumi.export("pem", part.certificate.cert_pem)
        pulumi.export("password", pulumi.Output.secret("hunter2"))
    component = recording.one("Part", "a")
    key = recording.one("PrivateKey", "a-key")
    certificate = recording.one("SelfSignedCert", "a-cert")
    assert key.urn == "urn:pulumi:test::kafka-platform::test:index:Part$tls:index/privateKey:PrivateKey::a-key"
    assert recording.children(component.urn) == [key, certificate]
    assert (key.protect, certificate.protect) == (True, False)
    assert certificate.dependencies == (key.urn,)
    assert is_secret(certificate.inputs["privateKeyPem"])
    assert "private of" not in public_text(dict(certificate.inputs))
    outputs = recording.outputs(component.urn)
    assert outputs["pem"] == "-----BEGIN CERTIFICATE-----\na-cert \n"
    assert is_secret(outputs["key"])
    assert recording.exports == {"pem": outputs["pem"], "password": Secret("hunter2")}


def test_preview_knows_no_computed_output() -> None:
    with recorded(preview=True) as recording:
        pulumi.export("pem", Part("a").certificate.cert_pem)
    assert recording.exports == {"pem": UNKNOWN}
    assert reveal(recording.one("SelfSignedCert", "a-cert").inputs["privateKeyPem"]) is UNKNOWN


def test_duplicate_is_rejected() -> None:
    with pytest.raises(Rejected, match=r"^tls:index/privateKey:PrivateKey 'k' is registered twice$"), recorded():
        tls.PrivateKey("k", algorithm="ECDSA")
        tls.PrivateKey("k", algorithm="ECDSA")


def test_unexpected_function_is_rejected() -> None:
    with pytest.raises(Rejected, match=r"^function tls:index/getPublicKey:getPublicKey is not expected$"), recorded():
        tls.get_public_key(private_key_pem="x")


def test_exception_of_the_block_comes_through() -> None:
    with pytest.raises(KeyError, match="own"), recorded():
        Part("a")
        raise KeyError("own")


def test_recordings_do_not_see_each_other() -> None:
    seen: list[Any] = []
    for _ in range(2):
        with recorded() as recording:
            Part("a")
        seen.append([resource.urn for resource in recording.all])
    assert seen[0] == seen[1]
