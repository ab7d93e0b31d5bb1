"""Requests to a schema registry by Confluent's API, over verified TLS, with bounded retries."""

import base64
import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

TIMEOUT: Final = 60.0
"""Seconds after which a request is given up that found nobody able to answer it."""
ATTEMPT: Final = 15.0
"""Seconds that connecting, and each wait for an answer, may take."""
_LONGEST_PAUSE: Final = 5.0
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that another attempt may turn: too many requests, a leader that isn't elected, a restarting process."""
_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryError(Exception):
    """The registry said no, or nobody answered; the message holds its own words."""

    def __init__(self, doing: str, said: str, status: int = 0, code: int = 0) -> None:
        where = f" (HTTP {status})" if status else ""
        super().__init__(f"{doing}: {said}{where}")
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True)
class RegistryClient:
    """A registry as one user sees it. Every request it makes can be repeated without another effect."""

    urls: Sequence[str]
    """https://host:port of the same registry; each is tried in turn."""
    ca_pem: str
    username: str
    password: str = field(repr=False)
    timeout: float = TIMEOUT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def get(self, doing: str, *path: str, **query: str) -> Any:
        """GET; ``doing`` begins the message of a RegistryError."""
        return self.ask(doing, "GET", path, query)

    def ask(
        self,
        doing: str,
        method: str,
        path: Sequence[str],
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Any:
        """Send a request until it is answered; return the decoded answer.

        Repeated are connection errors, 429 and 5xx, in growing pauses, until ``timeout`` is over. Raises RegistryError
        for any other answer that isn't a success, and when the time is over.
        """
        deadline = self.clock() + self.timeout
        attempt = 0
        while True:
            url = self.urls[attempt % len(self.urls)]
            try:
                return self._once(url, doing, method, path, query or {}, body)
            except ssl.SSLCertVerificationError as error:
                said = f"the certificate of {url} can't be trusted ({error.verify_message})"
                raise RegistryError(doing, said) from None
            except RegistryError as error:
                if error.status not in _PASSING or self.clock() >= deadline:
                    raise
            except (OSError, http.client.HTTPException) as error:
                if self.clock() >= deadline:
                    said = f"{', '.join(self.urls)} can't be reached for {self.timeout:g} s ({_reason(error)})"
                    raise RegistryError(doing, said) from None
            attempt += 1
            # The other addresses of the same registry are tried at once.
            if attempt % len(self.urls) == 0:
                pause = min(_LONGEST_PAUSE, 0.25 * 2 ** min(attempt // len(self.urls), 5))
                self.sleep(pause * random.uniform(0.5, 1))  # noqa: S311

    def _once(
        self, url: str, doing: str, method: str, path: Sequence[str], query: Mapping[str, str], body: object
    ) -> Any:
        place = urlsplit(url)
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Accept": _TYPE, "Content-Type": _TYPE}
        target = "/" + "/".join(quote(part, safe="") for part in path)
        if query:
            target += "?" + "&".join(f"{quote(key)}={quote(value)}" for key, value in query.items())
        connection = http.client.HTTPSConnection(
            place.hostname or "",
            place.port or 443,
            timeout=ATTEMPT,
            context=ssl.create_default_context(cadata=self.ca_pem),
        )
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if 200 <= answer.status < 300:
            return json.loads(text) if text else None
        code, said = _words(text, answer.reason)
        raise RegistryError(doing, said, answer.status, code)


def _words(text: str, reason: str) -> tuple[int, str]:
    """Return error code and message of an error's body, or its beginning when it is no JSON of the registry's."""
    try:
        document = json.loads(text)
        return int(document["error_code"]), str(document["message"])
    except (ValueError, KeyError, TypeError):
        first = " ".join(text.split())
        return 0, (first[:300] or reason)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
