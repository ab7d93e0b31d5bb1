"""What a node's object says of it."""

from ipaddress import IPv4Address
from typing import Any


def node_ready(node: dict[str, Any], since: str = "") -> bool:
    """Tell whether a node takes pods, by a heartbeat not older than ``since`` (RFC 3339, UTC).

    What a former run left in etcd may still say Ready.
    """
    conditions = {condition["type"]: condition for condition in node["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    tainted = any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints", []))
    return ready.get("status") == "True" and ready.get("lastHeartbeatTime", "") >= since and not tainted


def node_address(node: dict[str, Any]) -> IPv4Address:
    """Return the address by which the others reach a node."""
    (found,) = (each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    return IPv4Address(found)
