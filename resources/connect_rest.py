"""Kafka Connect's REST interface, with bounded retries and errors in its own words."""

import base64
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

_TRANSIENT: Final = frozenset({409, 429})
"""A rebalance is on (409), or the server wants less; every status from 500 on is tried again as well."""
_HINT: Final = re.compile(r"\s*You can also find the above list of errors at the endpoint.*")
_TIMEOUT: Final = 30.0
"""Seconds a request may take: validation of a connector logs in to its database."""
_LONGEST: Final = 600
"""Characters of a message: what is longer is a stack trace's tail."""


class ConnectError(Exception):
    """Kafka Connect refused a request or couldn't be asked; the message is one line, in its own words."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class ConnectRest:
    """A client of one Kafka Connect cluster. Each request goes to the first endpoint that answers."""

    endpoints: Sequence[str]
    """https://host:port."""
    ca_pem: str
    username: str
    password: str = field(repr=False)
    patience: float = 90.0
    """Seconds in which a request is tried again while workers rebalance, fail or can't be reached."""
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's configuration, None when there is none of that name."""
        found = self._ask("GET", f"/connectors/{quote(name, safe='')}/config", missing=None)
        return None if found is None else dict(found)

    def status(self, name: str) -> Mapping[str, Any] | None:
        """Return the states of a connector and its tasks, None until the workers know them."""
        found = self._ask("GET", f"/connectors/{quote(name, safe='')}/status", missing=None)
        return None if found is None else dict(found)

    def ready(self) -> bool:
        """Tell whether a worker answers requests about connectors: one that starts doesn't, and is asked only once."""
        status, _ = self._send("GET", "/connectors", None)
        return status == http.client.OK

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Create a connector or change its configuration."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/config", dict(config))

    def stop(self, name: str) -> None:
        """End all tasks of a connector and keep its configuration (KIP-875)."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/stop")

    def restart(self, name: str, task: int) -> None:
        """Start a task anew, whether it has failed or not."""
        self._ask("POST", f"/connectors/{quote(name, safe='')}/tasks/{task}/restart")

    def resume(self, name: str) -> None:
        """Let a stopped connector run."""
        self._ask("PUT", f"/connectors/{quote(name, safe='')}/resume")

    def delete(self, name: str) -> None:
        """Remove a connector; one that isn't there is no error."""
        self._ask("DELETE", f"/connectors/{quote(name, safe='')}", missing=None)

    def invalid(self, config: Mapping[str, str]) -> list[str]:
        """Return what the connector's class itself finds wrong with a configuration."""
        plugin = quote(config["connector.class"], safe="")
        answer = self._ask("PUT", f"/connector-plugins/{plugin}/config/validate", dict(config))
        values = [each["value"] for each in answer["configs"]]
        return [f"{value['name']}: {' '.join(value['errors'])}" for value in values if value["errors"]]

    def _ask(self, method: str, path: str, body: Any = None, **default: Any) -> Any:
        """Send one request until it is answered; ``missing`` is returned for 404, which else is tried again.

        A worker answers 404 to everything while it starts.
        """
        deadline = self.clock() + self.patience
        pause = 0.5
        while True:
            try:
                status, answer = self._send(method, path, body)
            except ConnectError as error:
                problem = error
            else:
                if status < 300:
                    return answer
                starting = status == 404 and not (isinstance(answer, dict) and "error_code" in answer)
                if status == 404 and not starting and "missing" in default:
                    return default["missing"]
                problem = ConnectError(self._words(status, answer), status)
                if status not in _TRANSIENT and status < 500 and not starting:
                    raise problem
            if self.clock() >= deadline:
                raise problem
            self.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _words(self, status: int, answer: Any) -> str:
        if status == 401:
            return f"Kafka Connect knows no user {self.username!r} with this password (401)"
        said = answer.get("message") if isinstance(answer, dict) else None
        text = " ".join(str(said or http.client.responses.get(status, "no reason given")).split())
        return f"Kafka Connect answered {status}: {_HINT.sub('', text)[:_LONGEST]}"

    def _send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Ask the endpoints in turn; raises ConnectError when none can be reached, with the reason of each."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        login = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Accept": "application/json", "Authorization": f"Basic {login}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)
        reasons: list[str] = []
        for endpoint in self.endpoints:
            place = urlsplit(endpoint)
            connection = http.client.HTTPSConnection(
                place.hostname or "", place.port, timeout=_TIMEOUT, context=context
            )
            try:
                connection.request(method, path, content, headers)
                response = connection.getresponse()
                return response.status, _json(response.read())
            except (OSError, http.client.HTTPException) as error:
                reasons.append(f"{endpoint}: {_reason(error)}")
            finally:
                connection.close()
        raise ConnectError(f"Kafka Connect can't be reached: {'; '.join(reasons)}")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not the cluster's ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT:g} s"
    if isinstance(error, socket.gaierror):
        return "its name can't be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
