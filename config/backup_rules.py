"""Where backups go: names, places and times that the store would refuse, or that would lose a backup."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from config.aws_names import (
    account_problem,
    is_account,
    oidc_problems,
    region_problems,
    role_problems,
    tag_problems,
)
from config.backup import BackupKind, BackupSpec, LifecycleSpec, LockMode, S3BackupSpec
from config.errors import Problem, shown
from config.network import is_host
from config.parts import Parts

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_RESERVED_STARTS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS: Final = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
_PREFIX: Final = re.compile(r"(?=.{1,200}$)[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)
_ACCOUNT_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MAX_DAYS: Final = 36500
"""A hundred years: what Object Lock takes at most."""
_IA_DAYS: Final = 30
"""docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""


def backup_sections(parts: Parts) -> Iterator[Problem]:
    """The kind has its section, and no other is there; the folder's name needs no escaping anywhere."""
    backup = parts.backup
    if backup is None:
        return
    for kind in BackupKind:
        section = getattr(backup, kind.value)
        if kind is backup.kind and section is None:
            yield Problem(f"backup.{kind}", "", "it is missing", f"add it: backup.kind is {kind}")
        elif kind is not backup.kind and section is not None:
            allowed = f"backup.kind is {backup.kind}"
            yield Problem(f"backup.{kind}", "a mapping", allowed, f"remove it, or set backup.kind to {kind}")
    if not _PREFIX.fullmatch(backup.prefix):
        allowed = "it is names of the characters a-z A-Z 0-9 _ . - with / between them, at most 200 in all"
        yield Problem("backup.prefix", shown(backup.prefix), allowed, "choose another one")


def backup_buckets(parts: Parts) -> Iterator[Problem]:
    """Buckets have names S3 takes, and each is for one thing.

    Names: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    backup = parts.backup
    if backup is None:
        return
    owner = _lakes(parts)
    if backup.s3 is not None and backup.s3.access_log.bucket is None:
        owner[backup.s3.log_bucket] = "backup.s3.access_log"
    for path, name in _buckets(backup):
        if not _BUCKET.fullmatch(name):
            allowed = "it has 3 to 63 of the characters a-z 0-9 -, with no - at its ends; a dot would break TLS"
            yield Problem(path, shown(name), allowed, "choose another name")
        elif reserved := _reserved(name):
            yield Problem(path, shown(name), f"names with {reserved!r} there are S3's own", "choose another name")
        elif taken := owner.get(name):
            allowed = f"{taken} is that bucket too, and each has rules of its own for what expires and who writes"
            yield Problem(path, shown(name), allowed, "choose another name")
        owner.setdefault(name, path)
    if backup.s3 is not None and backup.s3.access_log.bucket is None and 58 < len(backup.s3.bucket) <= 63:
        allowed = "with -logs behind it, it names the bucket of access logs, and names have at most 63 characters"
        yield Problem("backup.s3.bucket", shown(backup.s3.bucket), allowed, "shorten it, or set access_log.bucket")


def _buckets(backup: BackupSpec) -> Iterator[tuple[str, str]]:
    if backup.s3 is not None:
        yield "backup.s3.bucket", backup.s3.bucket
        if backup.s3.replica is not None:
            yield "backup.s3.replica.bucket", backup.s3.replica.bucket
        if backup.s3.access_log.bucket is not None:
            yield "backup.s3.access_log.bucket", backup.s3.access_log.bucket
    if backup.endpoint is not None:
        yield "backup.endpoint.bucket", backup.endpoint.bucket


def _reserved(name: str) -> str:
    starts = (each for each in _RESERVED_STARTS if name.startswith(each))
    return next(starts, next((each for each in _RESERVED_ENDS if name.endswith(each)), ""))


def _lakes(parts: Parts) -> dict[str, str]:
    """Return the buckets connectors write to, with the paths they stand at."""
    found: dict[str, str] = {}
    for index, connector in enumerate(parts.connect.connectors if parts.connect else ()):
        path = f"connect.connectors[{index}]"
        if connector.iceberg is not None:
            found[urlsplit(connector.iceberg.warehouse).netloc] = f"{path}.iceberg.warehouse"
        if connector.s3 is not None:
            found[connector.s3.bucket] = f"{path}.s3.bucket"
    return found


def backup_account(parts: Parts) -> Iterator[Problem]:
    """Everything is in one account, in regions there are, and one service account is let in."""
    s3 = _s3(parts)
    if s3 is None:
        return
    regions = [("backup.s3.region", s3.region)]
    roles = [("backup.s3.assume_role_arn", s3.assume_role_arn)]
    if s3.replica is not None:
        regions.append(("backup.s3.replica.region", s3.replica.region))
        roles.append(("backup.s3.replica.assume_role_arn", s3.replica.assume_role_arn))
    for path, region in regions:
        yield from region_problems(path, region, "use another region, or an endpoint")
    if not is_account(s3.account):
        yield account_problem("backup.s3.account", s3.account)
        return
    for path, role in roles:
        if role is not None:
            yield from role_problems(path, role, s3.account)
    if s3.oidc_provider_arn is not None:
        yield from oidc_problems("backup.s3.oidc_provider_arn", s3.oidc_provider_arn, s3.account)
    else:
        yield from _cluster_provider(parts, s3)
    if not _ACCOUNT_NAME.fullmatch(s3.service_account) or s3.service_account == "default":
        allowed = "it is one service account's name, of the characters a-z 0-9 . -, and not every pod's default"
        yield Problem("backup.s3.service_account", shown(s3.service_account), allowed, "choose another name")


def _cluster_provider(parts: Parts, s3: S3BackupSpec) -> Iterator[Problem]:
    """The aws section's cluster vouches for the service account where no other one is named."""
    path = "backup.s3.oidc_provider_arn"
    cluster = parts.aws.cluster if parts.aws else None
    if cluster is None or (cluster.create is None and cluster.oidc_provider_arn is None):
        known = "aws.cluster has none either" if cluster else "there is no aws section with a cluster that has one"
        remedy = "add it: IAM's OIDC provider of the Kubernetes cluster: arn:aws:iam::ACCOUNT:oidc-provider/ISSUER"
        yield Problem(path, "", f"it is missing, and {known}", remedy)
    elif parts.aws and is_account(parts.aws.account) and parts.aws.account != s3.account:
        allowed = f"it is missing, and aws.cluster's is of account {parts.aws.account}, not of {s3.account}"
        yield Problem(path, "", allowed, f"make the cluster's issuer known in {s3.account}, and name that provider")


def backup_tags(parts: Parts) -> Iterator[Problem]:
    """Tags are what every AWS service takes, and leave the platform's alone."""
    s3 = _s3(parts)
    if s3 is not None:
        yield from tag_problems("backup.s3.tags", s3.tags)


def backup_lifecycle(parts: Parts) -> Iterator[Problem]:
    """A backup goes from class to class in the order of their prices, and is gone only after that.

    docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
    """
    s3 = _s3(parts)
    if s3 is None:
        return
    path, cycle = "backup.s3.lifecycle", s3.lifecycle
    days = {f"{path}.{field}": getattr(cycle, field) for field in LifecycleSpec.model_fields if field.endswith("_days")}
    days["backup.s3.access_log.expiry_days"] = s3.access_log.expiry_days
    wrong = [at for at, value in days.items() if value is not None and not 1 <= value <= _MAX_DAYS]
    for at in wrong:
        yield Problem(at, shown(days[at]), f"allowed are 1 to {_MAX_DAYS} days", "correct the value")
    if wrong:
        return
    first, archive = cycle.infrequent_access_days, cycle.archive_days
    if first is not None and first < _IA_DAYS:
        allowed = f"S3 keeps an object in STANDARD for at least {_IA_DAYS} days before STANDARD_IA"
        yield Problem(f"{path}.infrequent_access_days", shown(first), allowed, "raise it, or set null")
    if first is not None and archive is not None and archive < first + _IA_DAYS:
        allowed = f"it must be at least {first + _IA_DAYS}: {_IA_DAYS} days after infrequent_access_days ({first})"
        yield Problem(f"{path}.archive_days", shown(archive), allowed, "raise it, or set one of the two to null")
    last, field = max((first or 0, "infrequent_access_days"), (archive or 0, "archive_days"))
    if cycle.expiry_days <= last:
        allowed = f"it must be above {field} ({last})"
        yield Problem(f"{path}.expiry_days", shown(cycle.expiry_days), allowed, f"raise it, or lower {field}")


def backup_lock(parts: Parts) -> Iterator[Problem]:
    """What is locked is free before it expires, and a throwaway stack can be thrown away."""
    s3 = _s3(parts)
    if s3 is None or s3.object_lock is None:
        return
    path, lock = "backup.s3.object_lock", s3.object_lock
    if not 1 <= lock.days <= _MAX_DAYS:
        yield Problem(f"{path}.days", shown(lock.days), f"allowed are 1 to {_MAX_DAYS} days", "correct the value")
    elif lock.days >= s3.lifecycle.expiry_days:
        allowed = (
            f"it must be below lifecycle.expiry_days ({s3.lifecycle.expiry_days}), or nothing could expire in time"
        )
        yield Problem(f"{path}.days", shown(lock.days), allowed, "lower it, or raise lifecycle.expiry_days")
    if lock.mode is LockMode.COMPLIANCE and not parts.protect:
        allowed = "nobody can remove such a bucket before its time, and this stack isn't protected"
        yield Problem(f"{path}.mode", shown(str(lock.mode)), allowed, f"use {LockMode.GOVERNANCE}")


def backup_replica(parts: Parts) -> Iterator[Problem]:
    """The copy outlives the region the backups are in."""
    s3 = _s3(parts)
    if s3 is None or s3.replica is None:
        return
    if s3.replica.region == s3.region:
        allowed = "it is backup.s3.region too, and the copy is for the loss of that region"
        yield Problem("backup.s3.replica.region", shown(s3.replica.region), allowed, "choose another region")


def backup_endpoint(parts: Parts) -> Iterator[Problem]:
    """The store is a host, reached by TLS, whose certificate can be verified."""
    endpoint = parts.backup.endpoint if parts.backup else None
    if endpoint is None:
        return
    path, scheme = "backup.endpoint", endpoint_scheme(endpoint.url)
    if scheme is None:
        allowed = "it is https://host or https://host:port, without user, path and query"
        # A user in it may have a password.
        value = "its value" if "@" in endpoint.url else shown(endpoint.url)
        yield Problem(f"{path}.url", value, allowed, "correct it")
    elif scheme == "http" and parts.protect:
        remedy = "use https, or set protect: false for a throwaway stack"
        yield Problem(f"{path}.url", shown(endpoint.url), "a protected stack's backups go by TLS", remedy)
    if not re.fullmatch(r"[a-z0-9-]{1,64}", endpoint.region):
        allowed = "it has 1 to 64 of the characters a-z 0-9 -"
        yield Problem(f"{path}.region", shown(endpoint.region), allowed, "correct it; us-east-1 if the store has none")
    if endpoint.ca_pem is not None and "-----BEGIN CERTIFICATE-----" not in endpoint.ca_pem:
        yield Problem(f"{path}.ca_pem", "its value", "it is no certificate in PEM", "correct it")


def endpoint_scheme(url: str) -> str | None:
    """Return http or https of a store's URL, None for one that is more, or less, than scheme, host and port."""
    try:
        split = urlsplit(url)
        legal = split.port is None or split.port > 0
    except ValueError:
        return None
    host = split.hostname or ""
    rest = url.removeprefix(f"{split.scheme}://")
    plain = legal and is_host(host) and rest.rstrip("/") in (host, f"{host}:{split.port}")
    return split.scheme if plain and split.scheme in ("http", "https") else None


def backup_directory(parts: Parts) -> Iterator[Problem]:
    """The directory is the same wherever the program is started."""
    directory = parts.backup.directory if parts.backup else None
    if directory is None:
        return
    path = PurePosixPath(directory.path)
    if str(path) != directory.path or not path.is_absolute() or ".." in path.parts or path.parent == path:
        allowed = "it is an absolute path below /, without .. and without / at its end"
        yield Problem("backup.directory.path", shown(directory.path), allowed, "write it out")


def _s3(parts: Parts) -> S3BackupSpec | None:
    return parts.backup.s3 if parts.backup else None
