"""A resource that exists once every broker answers: what talks to Kafka depends on it."""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

TIMEOUT: Final = 180
"""Seconds until the brokers are given up. Pods are ready before the gate is tried, so this is the network's share."""

_CORRELATION: Final = 0x6B61666B
_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, _CORRELATION, -1)
"""ApiVersions v0 without a client id: the one request a broker answers before a client has logged in (KIP-35)."""
_NAME_MISMATCH: Final = frozenset({62, 63, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH, _EMAIL_, _IP_ADDRESS_MISMATCH of OpenSSL."""


class BrokersUnreachable(Exception):
    """Some brokers could not be reached in time; the message names each and why."""


def probe(endpoint: str, context: ssl.SSLContext, timeout: float) -> str | None:
    """Ask ``host:port`` for its API versions over TLS, its certificate and name verified.

    Each of connecting, the handshake and the answer may take ``timeout`` seconds. Returns None or what went wrong.
    """
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.sendall(_API_VERSIONS)
            answer = connection.recv(8)
            return None if answer[4:] == struct.pack(">i", _CORRELATION) else "it does not speak Kafka's protocol"
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _NAME_MISMATCH:
            return f"its certificate is not for this name but for {_names(host, int(port), context, timeout)}"
        return f"its certificate is not by this cluster's CA ({error.verify_message})"
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except socket.gaierror:
        return "its name can't be resolved"
    except ssl.SSLError as error:
        return f"TLS failed ({error.reason or error})"
    except OSError as error:
        return str(error.strerror or error).lower()


def _names(host: str, port: int, context: ssl.SSLContext, timeout: float) -> str:
    """The names in a certificate of ours that was shown under another name."""
    lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lenient.check_hostname = False
    lenient.load_verify_locations(cadata="".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(True))))
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            lenient.wrap_socket(plain) as connection,
        ):
            names = (connection.getpeercert() or {}).get("subjectAltName", ())
    except OSError:
        return "another"
    return ", ".join(str(entry[1]) for entry in names) or "none at all"


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
    """Probe all endpoints side by side until each has answered once, for ``timeout`` seconds and one last attempt.

    Raises BrokersUnreachable that names each endpoint that didn't.
    """
    context = ssl.create_default_context(cadata=ca_pem)
    waiting = list(endpoints)
    deadline = clock() + timeout
    with ThreadPoolExecutor(max_workers=16) as pool:
        while True:
            answers = dict(zip(waiting, pool.map(lambda one: probe(one, context, attempt), waiting), strict=True))
            failures = {endpoint: why for endpoint, why in answers.items() if why is not None}
            if not failures:
                return
            if clock() >= deadline:
                raise BrokersUnreachable(explain(failures, len(endpoints), timeout))
            waiting = list(failures)
            sleep(pause)


def explain(failures: dict[str, str], total: int, timeout: float) -> str:
    """Return the message for brokers that did not answer."""
    listed = "; ".join(f"{endpoint}: {why}" for endpoint, why in failures.items())
    return (
        f"{len(failures)} of {total} brokers can't be used from here after {timeout:g} s: {listed}. "
        "Topics and users need every broker: see that the pods are ready, open the network path to these addresses, "
        "or correct kafka.external.hosts"
    )


class _GateProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        wait_for_brokers(props["endpoints"], props["ca_pem"], float(props["timeout"]))
        return CreateResult(id_="brokers", outs=props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        keys = ("endpoints", "bootstrap_servers", "ca_pem", "rollout")
        return DiffResult(changes=any(old.get(key) != new.get(key) for key in keys))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        wait_for_brokers(new["endpoints"], new["ca_pem"], float(new["timeout"]))
        return UpdateResult(outs=new)


class ReadinessGate(Resource, module="index", name="ReadinessGate"):
    """Waits in ``up`` until every advertised broker answers over verified TLS from where Pulumi runs.

    The Kafka provider talks to every broker, connects once and keeps its first failure: it takes its bootstrap servers
    from here. They are known in previews, so that a preview with a rollout ahead can still tell what else changes.
    Nothing is asked again until brokers, addresses or CA change; a refresh leaves it as it is.
    """

    bootstrap_servers: pulumi.Output[Sequence[str]]
    """The bootstrap servers it was given, when all brokers have answered."""

    def __init__(
        self,
        name: str,
        *,
        endpoints: pulumi.Input[Sequence[str]],
        bootstrap_servers: pulumi.Input[Sequence[str]],
        ca_pem: pulumi.Input[str],
        rollout: pulumi.Input[str],
        timeout: int = TIMEOUT,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Gate on ``endpoints`` (host:port of every broker).

        ``rollout`` is any text that changes when brokers were changed; ``timeout`` is in seconds.
        """
        properties = {
            "endpoints": endpoints,
            "bootstrap_servers": bootstrap_servers,
            "ca_pem": ca_pem,
            "rollout": rollout,
            "timeout": timeout,
        }
        super().__init__(_GateProvider(), name, properties, opts)
