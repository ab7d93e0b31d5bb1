"""A recording as a state that the engine imports."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config.literals import PULUMI_SECRET
from ops.markdown import SECRET
from upgrades.recording import Recorded, ordered

_SECRET_MARK: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's kind of a mark, no secret
_BRIDGED: Final = ("kafka:", "tls:")
"""Types whose provider was made from Terraform's, and keeps the id among the outputs as well."""
_MADE: Final = "2026-01-01T00:00:00Z"


def export(resources: Sequence[Recorded], salt: str) -> dict[str, Any]:
    """Return what ``pulumi stack import`` reads; ``salt`` is that of the stack's passphrase.

    Secrets are in plain, which are none, and the engine encrypts them. Nothing is protected: the engine ends a
    preview at the first protected resource that would go, and a judgement is about all of them.
    """
    manifest = {"time": _MADE, "magic": "", "version": ""}
    deployment = {
        "manifest": manifest,
        "secrets_providers": {"type": "passphrase", "state": {"salt": salt}},
        "resources": [_entry(each) for each in ordered(resources)],
    }
    return {"version": 3, "deployment": deployment}


def _entry(each: Recorded) -> dict[str, Any]:
    fields = {key: value for key, value in each.fields.items() if key != "protect"}
    reasons = {urn for urns in fields.get("propertyDependencies", {}).values() for urn in urns}
    entry = {"urn": each.urn, "type": each.type, "custom": False, **fields, "outputs": each.outputs}
    entry["dependencies"] = sorted(reasons)
    if entry["custom"]:
        entry["id"] = each.name
    if each.type.startswith(_BRIDGED):
        entry["outputs"] = {**entry["outputs"], "id": each.name}
    if each.type.startswith("kubernetes:"):
        # Where that provider keeps what was asked for, beside what there is.
        entry["outputs"] = {**entry["outputs"], "__inputs": each.inputs}
    plain = _keys() if each.type.startswith("tls:") else {}
    return {key: _marked(value, plain) if key in ("inputs", "outputs") else value for key, value in entry.items()}


def _marked(value: Any, plain: Mapping[str, str], text: str = SECRET) -> Any:
    if value == SECRET:
        return {PULUMI_SECRET: _SECRET_MARK, "plaintext": json.dumps(text)}
    if isinstance(value, dict):
        return {key: _marked(item, plain, plain.get(key, SECRET)) for key, item in value.items()}
    return [_marked(item, plain) for item in value] if isinstance(value, list) else value


@cache
def _keys() -> dict[str, str]:
    """Return a key that is made for the occasion, by properties of the tls provider, which reads them in a preview."""
    key = generate_private_key(SECP256R1())

    def pem(form: PrivateFormat) -> str:
        return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    traditional = pem(PrivateFormat.TraditionalOpenSSL)
    return {
        "caPrivateKeyPem": traditional,
        "privateKeyPem": traditional,
        "privateKeyOpenssh": pem(PrivateFormat.OpenSSH),
        "privateKeyPemPkcs8": pem(PrivateFormat.PKCS8),
    }
