"""Where backups go: names, places and times that the store would refuse, or that would lose a backup."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from config.backup import BackupKind, BackupSpec, LifecycleSpec, LockMode, S3BackupSpec
from config.errors import Problem, shown
from config.literals import PROJECT
from config.network import is_host
from config.parts import Parts

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_RESERVED_STARTS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS: Final = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
_PREFIX: Final = re.compile(r"(?=.{1,200}$)[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d{1,2}")
_ROLE: Final = re.compile(r"arn:aws(-us-gov)?:iam::(?P<account>\d{12}):role/[\w+=,.@/-]+", re.ASCII)
_OIDC: Final = re.compile(r"arn:aws(-us-gov)?:iam::(?P<account>\d{12}):oidc-provider/[a-z0-9.-]+(/[\w./-]+)?", re.ASCII)
_ACCOUNT_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_TAG: Final = re.compile(r"[\w .:/=+@-]*")
_OWN_TAGS: Final = frozenset({"project", "stack", "managed-by"})
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
        if not _REGION.fullmatch(region):
            yield Problem(path, shown(region), "it is a region's code, like eu-central-1", "correct it")
        elif region.startswith("cn-"):
            allowed = "AWS China has other names for services, which the policies don't know"
            yield Problem(path, shown(region), allowed, "use another region, or an endpoint")
    if not re.fullmatch(r"[0-9]{12}", s3.account):
        allowed = "an account's number has twelve digits"
        remedy = "find it with aws sts get-caller-identity, and quote it"
        yield Problem("backup.s3.account", shown(s3.account), allowed, remedy)
        return
    for path, role in roles:
        match = _ROLE.fullmatch(role) if role is not None else None
        if role is not None and (match is None or match["account"] != s3.account):
            yield Problem(path, shown(role), f"it is arn:aws:iam::{s3.account}:role/NAME", "correct it")
    provider = _OIDC.fullmatch(s3.oidc_provider_arn)
    if provider is None or provider["account"] != s3.account:
        allowed = f"it is arn:aws:iam::{s3.account}:oidc-provider/ISSUER, the issuer without https://"
        remedy = "find it with aws iam list-open-id-connect-providers"
        yield Problem("backup.s3.oidc_provider_arn", shown(s3.oidc_provider_arn), allowed, remedy)
    if not _ACCOUNT_NAME.fullmatch(s3.service_account) or s3.service_account == "default":
        allowed = "it is one service account's name, of the characters a-z 0-9 . -, and not every pod's default"
        yield Problem("backup.s3.service_account", shown(s3.service_account), allowed, "choose another name")


def backup_tags(parts: Parts) -> Iterator[Problem]:
    """Tags are what every AWS service takes, and leave the platform's alone.

    docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    s3 = _s3(parts)
    if s3 is None:
        return
    for name, value in s3.tags.items():
        path = f'backup.s3.tags["{name}"]'
        if name.lower().startswith("aws:") or not 1 <= len(name) <= 128 or not _TAG.fullmatch(name):
            allowed = (
                "a tag's key has 1 to 128 letters, digits, spaces and _ . : / = + - @, and doesn't begin with aws:"
            )
            yield Problem(path, shown(value), allowed, "choose another key")
        elif name in _OWN_TAGS:
            yield Problem(path, shown(value), f"{PROJECT} sets this one", "choose another key")
        elif len(value) > 256 or not _TAG.fullmatch(value):
            allowed = "a tag's value has at most 256 letters, digits, spaces and _ . : / = + - @"
            yield Problem(path, shown(value), allowed, "correct it")
    if len(s3.tags) > 50 - len(_OWN_TAGS):
        allowed = f"AWS takes 50, and {len(_OWN_TAGS)} are the platform's"
        yield Problem("backup.s3.tags", shown(len(s3.tags)), allowed, "remove some")


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
