"""When a containerd takes a kubelet: a server that speaks CRI's one call."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]

from lab.container_runtime import serves


class Runtime(grpc.GenericRpcHandler):  # type: ignore[misc]
    """As containerd's, whose socket is served before its plugins have started."""

    def __init__(self) -> None:
        self.initialized = False

    def service(self, details: Any) -> Any:
        if details.method == "/runtime.v1.RuntimeService/Version":
            return grpc.unary_unary_rpc_method_handler(self._version)
        return None

    def _version(self, request: bytes, context: Any) -> bytes:
        if not self.initialized:
            context.abort(grpc.StatusCode.UNKNOWN, "server is not initialized yet")
        return request


@contextmanager
def served(socket: Path, *handlers: Runtime) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(2), handlers)
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


def test_a_kubelet_waits_until_the_runtime_is_initialized(tmp_path: Path) -> None:
    socket, runtime = tmp_path / "sock", Runtime()
    assert not serves(socket)
    with served(socket, runtime):
        assert not serves(socket), "its socket is there, and every call refused"
        runtime.initialized = True
        assert serves(socket)
    assert not serves(socket)


def test_a_kubelet_waits_while_there_is_no_runtime_on_the_socket(tmp_path: Path) -> None:
    with served(tmp_path / "sock"):
        assert not serves(tmp_path / "sock")
