"""A resource that exists once every broker answers: what talks to Kafka depends on it."""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class BrokersUnreachable(Exception):
    """Some brokers could not be reached in time; the message names each and why."""


def probe(endpoint: str, context: ssl.SSLContext, timeout: float) -> str | None:
    """Do a TLS handshake with ``host:port`` and verify certificate and name; return None or what went wrong."""
    host, _, port = endpoint.rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is refused: {error.verify_message}"
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (ssl.SSLError, OSError) as error:
        return str(error.strerror or error).lower()


def wait_for_brokers(
    endpoints: Sequence[str],
    ca_pem: str,
    timeout: float,
    *,
    attempt: float = 3.0,
    pause: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Probe until every endpoint answered, at most ``timeout`` seconds.

    Raises BrokersUnreachable that names each endpoint that didn't.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    waiting: dict[str, str] = dict.fromkeys(endpoints, "not tried")
    deadline = clock() + timeout
    while True:
        answers = {endpoint: probe(endpoint, context, attempt) for endpoint in waiting}
        waiting = {endpoint: why for endpoint, why in answers.items() if why is not None}
        if not waiting:
            return
        if clock() >= deadline:
            listed = "; ".join(f"{endpoint}: {why}" for endpoint, why in waiting.items())
            raise BrokersUnreachable(
                f"{len(waiting)} of {len(endpoints)} brokers can't be reached from here after {timeout:g} s: {listed}. "
                "The Kafka provider talks to every broker: open the network path, or correct kafka.external.hosts"
            )
        sleep(pause)


class _Provider(ResourceProvider):
    """Pickled by reference: the module is found in the program's folder, so the state holds no code."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        wait_for_brokers(props["endpoints"], props["ca_pem"], float(props["timeout"]))
        return CreateResult(id_="brokers", outs=props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        keys = ("endpoints", "ca_pem", "bootstrap_servers")
        return DiffResult(changes=any(old.get(key) != new.get(key) for key in keys))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        wait_for_brokers(new["endpoints"], new["ca_pem"], float(new["timeout"]))
        return UpdateResult(outs=new)


class ReadinessGate(Resource, module="index", name="ReadinessGate"):
    """Waits in ``up`` until every advertised broker answers a verified TLS handshake from where Pulumi runs."""

    bootstrap_servers: pulumi.Output[Sequence[str]]
    """The bootstrap servers it was given, known when all brokers answered."""

    def __init__(
        self,
        name: str,
        *,
        endpoints: pulumi.Input[Sequence[str]],
        bootstrap_servers: pulumi.Input[Sequence[str]],
        ca_pem: pulumi.Input[str],
        timeout: float = 180,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Gate on ``endpoints`` (host:port of every broker); ``timeout`` is in seconds."""
        super().__init__(
            _Provider(),
            name,
            {"endpoints": endpoints, "bootstrap_servers": bootstrap_servers, "ca_pem": ca_pem, "timeout": timeout},
            opts,
        )
