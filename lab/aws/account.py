"""The account a provider works in: where it is, whose credentials are used, and that it is no real one."""

import functools
import ipaddress
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, EndpointConnectionError, HTTPClientError

from lab.aws.errors import Refused

ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""The variable of all AWS SDKs: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
_QUICK: Final = Config(
    connect_timeout=5,
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=64,
    # No server near by has a name for each bucket.
    s3={"addressing_style": "path"},
)


def check_endpoint(url: str | None) -> str:
    """Return the server's URL; raises Refused unless it is on this machine or in a private network."""
    if not url:
        raise Refused(
            f"the stand-in for AWS's plugin works only against a server near by: set {ENDPOINT} "
            "(moto_server makes one), or use the real plugin"
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not _is_near(parts.hostname or ""):
        raise Refused(
            f"{ENDPOINT} is {url}: the stand-in for AWS's plugin goes to localhost or to a loopback or private "
            "address only, so that it never reaches a real account; correct it, or use the real plugin"
        )
    return url


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # 169.254.169.254 has the metadata of a machine at AWS, with its credentials.
    return (address.is_loopback or address.is_private) and not (address.is_link_local or address.is_unspecified)


@dataclass(frozen=True)
class Place:
    """One region of an account."""

    account: "Account"
    region: str

    @property
    def account_id(self) -> str:
        """Twelve digits."""
        return self.account.account_id

    @property
    def partition(self) -> str:
        """The part of AWS the region is in, as ARNs begin."""
        return str(boto3.session.Session().get_partition_for_region(self.region))

    def client(self, service: str) -> Any:
        """Return boto3's client of a service; raises Refused when the account isn't one that is allowed."""
        return self.account.client(service, self.region)


@dataclass
class Account:
    """What one provider is configured with. Nothing is asked before the first call of a service."""

    settings: Mapping[str, Any]
    """The provider's inputs."""
    environment: Mapping[str, str] = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    @property
    def default_tags(self) -> Mapping[str, str]:
        """Tags of everything that can have some."""
        return dict((self.settings.get("defaultTags") or {}).get("tags") or {})

    def place(self, region: str | None = None) -> Place:
        """Return a region, by default the provider's own; raises Refused where none is named."""
        found = (
            region
            or self.settings.get("region")
            or self.environment.get("AWS_REGION")
            or self.environment.get("AWS_DEFAULT_REGION")
        )
        if not found:
            raise Refused("no region is named: set the provider's region, or AWS_REGION")
        return Place(self, str(found))

    def client(self, service: str, region: str) -> Any:
        """Return boto3's client of a service in a region; raises Refused for an account that isn't allowed."""
        session, _ = self._identity
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._connect(session, service, region)
            return self._clients[service, region]

    @property
    def account_id(self) -> str:
        """Twelve digits."""
        return self._identity[1]

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    @functools.cached_property
    def _identity(self) -> tuple[Any, str]:
        """The session with the last role's credentials, and whose account they are of."""
        region = self.place().region
        settings = self.settings
        session = boto3.session.Session(
            aws_access_key_id=settings.get("accessKey"),
            aws_secret_access_key=settings.get("secretKey"),
            aws_session_token=settings.get("token"),
            profile_name=settings.get("profile"),
            region_name=region,
        )
        for role in settings.get("assumeRoles") or ():
            session = self._assumed(session, region, role)
        with closing(self._connect(session, "sts", region)) as sts:
            found = str(sts.get_caller_identity()["Account"])
        allowed, forbidden = settings.get("allowedAccountIds") or (), settings.get("forbiddenAccountIds") or ()
        if (allowed and found not in allowed) or found in forbidden:
            wanted = f"allowed are {', '.join(allowed)}" if allowed else f"forbidden are {', '.join(forbidden)}"
            raise Refused(f"the credentials are of AWS account {found}, {wanted}; use those of an allowed account")
        return session, found

    def _assumed(self, session: Any, region: str, role: Mapping[str, Any]) -> Any:
        request = {"RoleArn": role["roleArn"], "RoleSessionName": role.get("sessionName") or "pulumi"}
        if role.get("externalId"):
            request["ExternalId"] = role["externalId"]
        with closing(self._connect(session, "sts", region)) as sts:
            made = sts.assume_role(**request)["Credentials"]
        return boto3.session.Session(
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
            region_name=region,
        )

    def _connect(self, session: Any, service: str, region: str) -> Any:
        # An argument goes before variables and files that name an endpoint for one service.
        endpoint = check_endpoint(self.environment.get(ENDPOINT))
        return session.client(service, region_name=region, endpoint_url=endpoint, config=_QUICK)


def connection_problem(error: BotoCoreError, environment: Mapping[str, str]) -> str | None:
    """Return one sentence about a server that can't be reached, the same for every resource that needs it."""
    if not isinstance(error, EndpointConnectionError | ConnectionError | HTTPClientError):
        return None
    return f"the server of AWS's API at {environment.get(ENDPOINT)} doesn't answer; start it, or correct {ENDPOINT}"


def no_answer(error: Exception, environment: Mapping[str, str]) -> str:
    """Return one sentence about an answer that is none of AWS's; moto has no other for an operation it lacks."""
    operation = error.operation_name if isinstance(error, ClientError) else "an operation that its log names"
    return (
        f"the server of AWS's API at {environment.get(ENDPOINT)} doesn't do {operation}; docs/aws-stand-in.md lists "
        "what moto lacks"
    )
