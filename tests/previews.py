"""Previews as the engine's steps make them."""

from typing import Any

from ops.preview_document import PreviewDocument

TOPIC = "kafka:index/topic:Topic"
ACL = "kafka:index/acl:Acl"
QUOTA = "kafka:index/quota:Quota"
MACHINES = "aws:eks/nodeGroup:NodeGroup"
SET = "kubernetes:apps/v1:StatefulSet"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CONFIG = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
KEY = "tls:index/privateKey:PrivateKey"
TEMPLATE = 'spec.template.metadata.annotations["checksum"]'


def change(op: str, kind: str, name: str, *diffs: tuple[str, Any, Any]) -> dict[str, Any]:
    return {
        "op": op,
        "type": kind,
        "name": name,
        "urn": f"urn:pulumi:prod::kafka-platform::{kind}::{name}",
        "diff": [{"path": path, "kind": "update", "old": old, "new": new} for path, old, new in diffs],
    }


def document(*changes: dict[str, Any], **more: Any) -> PreviewDocument:
    summary: dict[str, int] = {}
    for each in changes:
        summary[each["op"]] = summary.get(each["op"], 0) + 1
    return PreviewDocument.model_validate(
        {"stack": "prod", "changes": changes, "summary": summary, "warnings": [], **more}
    )
