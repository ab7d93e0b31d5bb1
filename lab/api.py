"""The little of the Kubernetes API that the lab itself needs, over plain HTTPS."""

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.errors import LabError, Unanswered


class Api:
    """A client with the credential of a kubeconfig: a token, or a certificate."""

    def __init__(self, kubeconfig: Path, timeout: float = 5.0) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        address = urlsplit(cluster["server"])
        self._host = str(address.hostname)
        self._port = address.port or 443
        self._timeout = timeout
        self._tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self._headers = {"Accept": "application/json"}
        user = document["users"][0]["user"]
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        else:
            self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def request(self, method: str, path: str, body: object = None, content: str = "application/json") -> Any:
        """Send one request and return the decoded answer.

        Raises LabError with what the server said, Unanswered when it said nothing.
        """
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        try:
            headers = {**self._headers, "Content-Type": content}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise self._unanswered(error) from None
        finally:
            connection.close()
        try:
            document = json.loads(text)
        except ValueError:
            document = text
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            said = document.get("message", text) if isinstance(document, dict) else text.strip()
            raise LabError(f"{method} {path}: the lab's API server answered {answer.status}: {said}")
        return document

    def get(self, path: str) -> Any:
        """Read an object or a list."""
        return self.request("GET", path)

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield each change as it happens, until the server ends the watch; ``path`` has a query with a version.

        Raises LabError when the server goes, or answers with an error.
        """
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls)
        try:
            connection.request("GET", f"{path}&watch=true", headers=self._headers)
            answer = connection.getresponse()
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise LabError(f"GET {path}: the lab's API server answered {answer.status}")
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise LabError(f"GET {path}: {event['object'].get('message')}")
                yield event
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unanswered(error) from None
        finally:
            connection.close()

    def _unanswered(self, error: Exception) -> Unanswered:
        return Unanswered(
            f"the lab's API server at {self._host}:{self._port} does not answer ({error}); see `python -m lab status`"
        )

    def apply(self, path: str, document: dict[str, Any]) -> None:
        """Make the object, or make it so, at its own path (server-side apply)."""
        self.request("PATCH", f"{path}?fieldManager=lab&force=true", document, "application/apply-patch+yaml")

    def ready(self) -> bool:
        """Tell whether the API server serves."""
        try:
            return bool(self.get("/readyz") == "ok")
        except LabError:
            return False
