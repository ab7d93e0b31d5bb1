"""Whether a store takes backups: an object goes in, comes back as it was, and goes again."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, SSLError

from config.backup import BackupSpec, EndpointSpec
from config.literals import BACKUP_PROBE
from ops.failure import Failure

SIZE: Final = 4096
"""Bytes of the object: random, so that nothing but it can be what comes back."""
_TIMEOUT: Final = 20
"""Seconds a request to a store may take."""
_CREDENTIALS: Final = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_REMEDIES: Final[Mapping[str, str]] = {
    "AccessDenied": "let these credentials put, get and delete in its folder",
    "InvalidAccessKeyId": _CREDENTIALS,
    "NoSuchBucket": "make it, or correct the bucket's name in the backup section",
    "SignatureDoesNotMatch": "check the secret key, and the region in the backup section",
}


class Store(Protocol):
    """What backups are kept in. Every method raises Failure when the store refuses."""

    @property
    def location(self) -> str:
        """Where it is, for people."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object that isn't there yet."""

    def get(self, key: str) -> bytes:
        """Read an object."""

    def delete(self, key: str) -> None:
        """Remove an object."""


def probe(store: Store, prefix: str) -> int:
    """Put an object below ``prefix``, get it back, compare, delete it; return its bytes.

    Raises Failure, in one sentence, for the first step that fails; what was put is removed if that is possible.
    """
    key, content = f"{prefix}/{BACKUP_PROBE}/{secrets.token_hex(16)}", secrets.token_bytes(SIZE)
    store.put(key, content)
    try:
        found = store.get(key)
    except Failure:
        with suppress(Failure):
            store.delete(key)
        raise
    store.delete(key)
    if found != content:
        problem = f"{store.location} gave back {len(found)} bytes that aren't the {len(content)} that were put"
        raise Failure(problem, "don't keep backups there")
    return len(content)


@contextmanager
def open_store(spec: BackupSpec, key_arn: str = "") -> Iterator[Store]:
    """Open what a backup section names; ``key_arn`` is the KMS key that puts have to name, of a bucket of our own.

    Credentials are the environment's. Raises Failure where the store can't even be addressed.
    """
    if spec.directory is not None:
        yield DirectoryStore(Path(spec.directory.path))
        return
    with tempfile.TemporaryDirectory(prefix="backup-") as folder:
        if spec.endpoint is not None:
            store = _endpoint(spec.endpoint, Path(folder))
        elif spec.s3 is not None:
            encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_arn} if key_arn else {}
            client = _client(region_name=spec.s3.region, config=_config())
            store = S3Store(client, spec.s3.bucket, f"s3://{spec.s3.bucket}", encryption)
        else:
            raise Failure(f"the backup section has no {spec.kind}", "add it")
        try:
            yield store
        finally:
            store.client.close()


@dataclass(frozen=True)
class S3Store:
    """A bucket, at AWS or any store with its API."""

    client: Any = field(repr=False)
    bucket: str
    location: str
    encryption: Mapping[str, str] = field(default_factory=dict)
    """Further arguments of each put."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        with self._refusals("can't be written to"):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content, **self.encryption)

    def get(self, key: str) -> bytes:
        """Read an object."""
        with self._refusals("can't be read from"):
            found: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return found

    def delete(self, key: str) -> None:
        """Remove an object; of a versioned bucket, its current version."""
        with self._refusals("doesn't let a probe be deleted"):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        problem = f"{self.location} {what}"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise Failure(f"{problem}: {code}", _REMEDIES.get(code, "see the store's log")) from None
        except NoCredentialsError:
            raise Failure(f"{problem}: there are no credentials", _CREDENTIALS) from None
        except SSLError:
            remedy = "set backup.endpoint.ca_pem to its authority's certificate"
            raise Failure(f"{problem}: its certificate can't be verified", remedy) from None
        except BotoCoreError as error:
            reason = type(error).__name__
            raise Failure(f"{problem}: it doesn't answer ({reason})", "check its address and the way there") from None


@dataclass(frozen=True)
class DirectoryStore:
    """A directory that is there: it is not made, as a missing mount would go unnoticed."""

    path: Path

    @property
    def location(self) -> str:
        """The path."""
        return str(self.path)

    def put(self, key: str, content: bytes) -> None:
        """Write a file, with its folders."""
        if not self.path.is_dir():
            raise Failure(f"{self.path} is no directory", "make it, or mount what backups are kept on")
        with self._refusals("can't be written to"):
            file = self.path / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600, exist_ok=False)
            file.write_bytes(content)

    def get(self, key: str) -> bytes:
        """Read a file."""
        with self._refusals("can't be read from"):
            return (self.path / key).read_bytes()

    def delete(self, key: str) -> None:
        """Remove a file, and the folders that are empty then."""
        with self._refusals("doesn't let a probe be deleted"):
            file = self.path / key
            file.unlink()
            for folder in file.parents:
                if folder == self.path:
                    return
                # Not empty: others are in it.
                with suppress(OSError):
                    folder.rmdir()

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Failure(f"{self.path} {what}: {reason}", "check its permissions, and that it is mounted") from None


def _endpoint(spec: EndpointSpec, folder: Path) -> S3Store:
    verify: str | None = None
    if spec.ca_pem is not None:
        # The client takes a file only.
        file = folder / "ca.pem"
        file.write_text(spec.ca_pem)
        verify = str(file)
    client = _client(
        endpoint_url=spec.url,
        region_name=spec.region,
        verify=verify,
        config=_config(
            s3={"addressing_style": "path" if spec.path_style else "virtual"},
            # Stores that are older than AWS's checksums refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return S3Store(client, spec.bucket, f"{spec.url.rstrip('/')}/{spec.bucket}")


def _config(**settings: Any) -> Config:
    once = {"total_max_attempts": 2}
    return Config(connect_timeout=5, read_timeout=_TIMEOUT, retries=once, **settings)


def _client(**settings: Any) -> Any:
    # A session of its own: the shared one keeps the first credentials it finds.
    return boto3.session.Session().client("s3", **settings)
