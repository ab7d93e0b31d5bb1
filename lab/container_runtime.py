"""Whether a containerd takes a kubelet: its socket is there before its CRI service is (CRI v1, ``Version``)."""

from pathlib import Path
from typing import Final

import grpc  # type: ignore[import-untyped]

_VERSION: Final = "/runtime.v1.RuntimeService/Version"
_TIMEOUT: Final = 5
"""Seconds for one answer."""


def serves(socket: Path) -> bool:
    """Return whether the CRI service behind the socket answers. A kubelet that asks before it does ends for good."""
    with grpc.insecure_channel(f"unix://{socket}") as channel:
        ask = channel.unary_unary(_VERSION, request_serializer=bytes, response_deserializer=bytes)
        try:
            ask(b"", timeout=_TIMEOUT)
        except grpc.RpcError:
            return False
    return True
