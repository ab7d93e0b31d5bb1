"""The rendered configuration in a real nginx, before a process that says what reached it."""

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from config.literals import RegistryImplementation
from manifests.schema_registry_access import RegistryUser
from manifests.schema_registry_proxy import Replica, proxy_config
from manifests.unsafe import UnsafeManifest
from tests.schema_registry import HOST, configuration, free_port, nginx

pytestmark = pytest.mark.programs

PASSWORDS = {"admin": "admin's", "auth-service": "auth's", "ai-service": "ai's", "ksqldb": "ksqldb's"}
USERS = (
    RegistryUser(name="auth-service", subjects=("pyairtable.auth.events-value", "pyairtable.dlq.events-value")),
    RegistryUser(name="ai-service", subjects=()),
    RegistryUser(name="ksqldb", subjects=(), prefixes=("ksql.", "_confluent-ksql-")),
)
OWN = "/subjects/pyairtable.auth.events-value/versions"


@dataclass
class Process:
    """Stands for the registry: it answers everything, and keeps what it was asked."""

    port: int
    seen: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def process() -> Iterator[Process]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = {"method": self.command, "path": self.path, "body": body, "headers": dict(self.headers)}
            started.seen.append(asked)
            status = 409 if "breaking" in body else 200
            content = json.dumps({"reached": self.path}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        started = Process(int(server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield started
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Proxy:
    port: int
    folder: Path
    registry: Process

    def ask(
        self, method: str, path: str, user: str | None = None, password: str | None = None, body: str = ""
    ) -> tuple[int, dict[str, str], str]:
        context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        connection = HTTPSConnection("localhost", self.port, timeout=10, context=context)
        headers = {} if user is None else basic(user, PASSWORDS.get(user, "") if password is None else password)
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def status(self, method: str, path: str, user: str | None = None, password: str | None = None) -> int:
        return self.ask(method, path, user, password)[0]

    @property
    def log(self) -> str:
        return (self.folder / "out").read_text()

    def logs(self, line: str) -> bool:
        """Whether the log has it; nginx writes it after the answer."""
        deadline = time.monotonic() + 10
        while line not in self.log and time.monotonic() < deadline:
            time.sleep(0.05)
        return line in self.log


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@contextmanager
def proxied(folder: Path, registry: Process, implementation: RegistryImplementation) -> Iterator[Proxy]:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    replica = Replica(number=registry.port, host="localhost")
    with nginx(folder, configuration(folder, implementation, USERS, PASSWORDS, replica), port):
        yield Proxy(port, folder, registry)


@pytest.fixture(scope="module")
def apicurio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with process() as registry, proxied(folder, registry, RegistryImplementation.APICURIO) as running:
        yield running


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("auth-service", "wrong"), ("auth-service", ""), ("nobody", "auth's"), ("admin", "auth's")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nobody_comes_in_without_the_right_password(
    apicurio: Proxy, user: str | None, password: str | None, method: str
) -> None:
    before = len(apicurio.registry.seen)
    status, headers, body = apicurio.ask(method, OWN, user, password)
    assert status == 401
    assert headers["WWW-Authenticate"] == 'Basic realm="schema registry"'
    assert json.loads(body) == {"error_code": 40101, "message": "log in with a service and its password"}
    assert len(apicurio.registry.seen) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/subjects"),
        ("GET", "/subjects?deleted=true"),
        ("GET", "/subjects/pyairtable.ai.events-value/versions/latest"),
        ("GET", "/schemas/ids/7"),
        ("GET", "/config"),
        ("GET", "/config/pyairtable.ai.events-value"),
        ("POST", "/subjects/pyairtable.ai.events-value"),
        ("POST", "/compatibility/subjects/pyairtable.ai.events-value/versions/latest"),
    ],
)
def test_every_service_reads_everything(apicurio: Proxy, method: str, path: str) -> None:
    for user in PASSWORDS:
        status, _, body = apicurio.ask(method, path, user)
        assert (status, json.loads(body)) == (200, {"reached": f"/apis/ccompat/v7{path}"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/subjects/pyairtable.ai.events-value/versions"),
        ("POST", "/subjects/pyairtable.auth.events-value2/versions"),
        ("POST", "/subjects/pyairtableXauth.events-value/versions"),
        ("POST", "/subjects/pyairtable.auth.events-key/versions"),
        ("POST", "/subjects/com.pyairtable.events.EventEnvelope/versions"),
        ("DELETE", "/subjects/pyairtable.auth.events-value"),
        ("DELETE", "/subjects/pyairtable.auth.events-value/versions/1"),
        ("PUT", "/config/pyairtable.auth.events-value"),
        ("DELETE", "/config/pyairtable.auth.events-value"),
        ("PUT", "/config"),
        ("PUT", "/mode"),
        ("POST", "/subjects"),
        ("PUT", OWN),
        ("PATCH", OWN),
    ],
)
def test_a_service_writes_nothing_but_its_subjects(apicurio: Proxy, method: str, path: str) -> None:
    before = len(apicurio.registry.seen)
    status, _, body = apicurio.ask(method, path, "auth-service")
    assert status == 403
    assert json.loads(body) == {
        "error_code": 40301,
        "message": f"auth-service may not {method} {path}; services register the value subjects of topics they produce",
    }
    assert len(apicurio.registry.seen) == before
    assert apicurio.logs(f'auth-service "{method} {path}" 403')


def test_a_service_registers_its_own_subjects(apicurio: Proxy) -> None:
    status, _, body = apicurio.ask("POST", OWN, "auth-service", body='{"schema": "x"}')
    assert (status, json.loads(body)) == (200, {"reached": f"/apis/ccompat/v7{OWN}"})
    assert apicurio.registry.seen[-1]["body"] == '{"schema": "x"}'
    assert apicurio.status("POST", OWN, "ai-service") == 403
    assert apicurio.logs(f'auth-service "POST {OWN}" 200')


def test_who_makes_topics_of_a_prefix_registers_their_subjects(apicurio: Proxy) -> None:
    wanted = {
        "ksql.totals-value": 200,
        "ksql.totals-key": 200,
        "_confluent-ksql-x-value": 200,
        "ksqlXtotals-value": 403,
        "ksql.totals": 403,
        "other.ksql.totals-value": 403,
        "pyairtable.auth.events-value": 403,
    }
    found = {one: apicurio.status("POST", f"/subjects/{one}/versions", "ksqldb") for one in wanted}
    assert found == wanted
    assert apicurio.status("POST", "/subjects/ksql.totals-value/versions", "auth-service") == 403


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/subjects/any"), ("PUT", "/config"), ("POST", OWN)])
def test_the_administrator_does_everything(apicurio: Proxy, method: str, path: str) -> None:
    assert apicurio.status(method, path, "admin") == 200


@pytest.mark.parametrize(
    "path",
    [
        "/apis/registry/v3/groups",
        "/apis/ccompat/v7/subjects",
        "/subjects/../apis/registry/v3/admin/rules",
        "/subjects/..;/..;/registry/v3/admin/rules",
        "/subjects/%2e%2e/%2e%2e/registry/v3/admin/rules",
        "/subjects/..%2f..%2fregistry%2fv3%2fadmin",
        "/subjects/pyairtable.auth.events-value;x=/versions",
        "/subjects/a%00b",
        "/health",
        "/",
    ],
)
def test_a_path_outside_of_the_api_leads_nowhere(apicurio: Proxy, path: str) -> None:
    """Whatever the path says, it is Confluent's API that is reached, or nothing."""
    before = len(apicurio.registry.seen)
    for user in ("auth-service", "admin"):
        assert apicurio.status("GET", path, user) in (400, 404)
    assert len(apicurio.registry.seen) == before
    assert apicurio.status("GET", path) in (400, 401)


@pytest.mark.parametrize(
    "path",
    [
        "/apis/registry/v2/ids/contentIds/7",
        "/apis/registry/v2/ids/contentIds/7/references",
        "/apis/registry/v2/groups/default/artifacts/com.pyairtable.events.EventEnvelope/versions/1",
    ],
)
def test_converters_read_a_records_schema_by_its_id(apicurio: Proxy, path: str) -> None:
    status, _, body = apicurio.ask("GET", path, "auth-service")
    assert (status, json.loads(body)) == (200, {"reached": path})
    assert apicurio.status("GET", path) == 401
    before = len(apicurio.registry.seen)
    assert [apicurio.status(method, path, "auth-service") for method in ("POST", "PUT", "DELETE")] == [403] * 3
    assert apicurio.status("DELETE", path, "admin") == 403
    assert apicurio.status("GET", "/apis/registry/v2/groups/default/artifacts", "admin") == 404
    assert apicurio.status("GET", "/apis/registry/v2/ids/contentIds/7/../../../admin/rules", "admin") == 404
    assert len(apicurio.registry.seen) == before


def test_an_encoded_slash_can_not_make_a_subject_look_like_another(apicurio: Proxy) -> None:
    """The path is decided about and passed on decoded, so that both see the same one."""
    own = "/subjects/other%2F..%2Fpyairtable.auth.events-value/versions"
    assert apicurio.status("POST", own, "auth-service") == 200
    assert apicurio.registry.seen[-1]["path"] == f"/apis/ccompat/v7{OWN}"
    assert (
        apicurio.status("POST", "/subjects/pyairtable.auth.events-value%2F..%2Fother/versions", "auth-service") == 403
    )


def test_the_servers_own_refusals_come_through(apicurio: Proxy) -> None:
    status, _, body = apicurio.ask("POST", OWN, "auth-service", body="breaking")
    assert (status, json.loads(body)) == (409, {"reached": f"/apis/ccompat/v7{OWN}"})


def test_passwords_end_at_the_proxy(apicurio: Proxy) -> None:
    apicurio.status("GET", "/subjects", "auth-service")
    assert "Authorization" not in apicurio.registry.seen[-1]["headers"]


def test_probes_need_no_password_and_only_read(apicurio: Proxy) -> None:
    for path, reached in (("/-/ready", "/health/ready"), ("/-/live", "/health/live")):
        status, _, body = apicurio.ask("GET", path)
        assert (status, json.loads(body)) == (200, {"reached": reached})
        assert apicurio.status("POST", path) == 403
    assert apicurio.status("GET", "/-/may", "admin") == 404


def test_plain_http_is_hung_up_on(apicurio: Proxy) -> None:
    connection = HTTPConnection(HOST, apicurio.port, timeout=10)
    connection.request("GET", "/subjects", headers=basic("auth-service", PASSWORDS["auth-service"]))
    with pytest.raises(ConnectionError):
        connection.getresponse()


def test_old_tls_is_refused(apicurio: Proxy) -> None:
    context = ssl.create_default_context(cafile=str(apicurio.folder / "tls.crt"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((HOST, apicurio.port), 10) as plain,
        pytest.raises(ssl.SSLError, match=r"ALERT_PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_body_that_no_record_could_hold_is_refused(apicurio: Proxy) -> None:
    before = len(apicurio.registry.seen)
    assert apicurio.ask("POST", OWN, "auth-service", body="x" * (2**20 + 1))[0] == 413
    assert len(apicurio.registry.seen) == before


def test_reads_are_not_logged(apicurio: Proxy) -> None:
    apicurio.status("GET", "/subjects/never-logged/versions", "ai-service")
    assert "never-logged" not in apicurio.log


def test_a_dead_process_is_told(tmp_path: Path) -> None:
    with proxied(tmp_path, Process(free_port()), RegistryImplementation.APICURIO) as running:
        assert running.status("GET", "/-/ready") == 502
        assert running.status("GET", "/subjects", "admin") == 502
        assert running.status("GET", "/subjects") == 401


def test_confluents_follower_reaches_its_leader_with_the_clients_password(tmp_path: Path) -> None:
    """Two proxies: what the follower's process sends to the leader's loopback port arrives at the leader's process."""
    implementation = RegistryImplementation.CONFLUENT
    with process() as leader, process() as follower, proxied(tmp_path / "leader", leader, implementation) as reached:
        folder = tmp_path / "follower"
        folder.mkdir()
        (folder / "ca.crt").write_text((tmp_path / "leader" / "tls.crt").read_text())
        loopback = free_port()
        replica = Replica(number=follower.port, host="localhost")
        others = [Replica(number=loopback, host="localhost")]
        text = configuration(folder, implementation, USERS, PASSWORDS, replica, others, authority="ca.crt")
        # In Kubernetes each host has the port to itself; here the leader's proxy has another one.
        text = text.replace("https://localhost:8081", f"https://localhost:{reached.port}")
        with nginx(folder, text, free_port()):
            assert forwarded(loopback, "auth-service", "POST", OWN) == 200
            assert leader.seen[-1]["path"] == OWN
            assert leader.seen[-1]["headers"]["Authorization"] == basic("auth-service", "auth's")["Authorization"]
            assert forwarded(loopback, "auth-service", "DELETE", "/subjects/x") == 403
            assert forwarded(loopback, "auth-service", "POST", OWN, password="wrong") == 401
            assert len(leader.seen) == 1
            assert follower.seen == []


def forwarded(port: int, user: str, method: str, path: str, password: str | None = None) -> int:
    """Send as the follower's process does: plain, to a port of its own loopback."""
    with closing(HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request(method, path, headers=basic(user, password or PASSWORDS[user]))
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (RegistryUser(name="admin", subjects=()), "user 'admin' of the schema registry must be a service's id"),
        (RegistryUser(name="a b", subjects=()), "user 'a b' of the schema registry must be a service's id"),
        (
            RegistryUser(name="a", subjects=('x" 1; }',)),
            "subject 'x\" 1; }' of a must be of the characters a-z A-Z 0-9 . _ -",
        ),
    ],
)
def test_names_that_would_be_configuration_are_refused(user: RegistryUser, message: str) -> None:
    with pytest.raises(UnsafeManifest) as caught:
        proxy_config(RegistryImplementation.APICURIO, [user], Replica(number=0, host="localhost"))
    assert str(caught.value) == message
