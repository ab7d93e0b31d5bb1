"""A schema under its subject in a registry, as a Pulumi resource."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from contracts.check import same
from contracts.compatibility import incompatibilities
from contracts.errors import ContractError
from contracts.references import load
from contracts.subject import CompatibilityLevel, Reference, Subject
from resources.registry_client import RegistryClient, RegistryError

_NOT_FOUND: Final = 404
_UNKNOWN_REFERENCE: Final = frozenset({404, 409, 422})
"""How programs answer a schema whose reference they don't know."""
LAG: Final = 30.0
"""Seconds a replica may take to read what another one wrote. Each answers from its own copy of the topic they share,
and a client's requests go now to the one, now to the other."""
_T = TypeVar("_T")
_CONNECTION: Final = ("urls", "ca_pem", "username", "password")
_NO_INPUTS: Final = ("__provider", "version", "schema_id")
_PLAIN: Final = ("level", "retain", *_CONNECTION)
"""Properties that are compared as they are."""


class _Lagging(RegistryError):
    """Two answers that only replicas of different age give."""


def subject_of(properties: Mapping[str, Any], name: str | None = None) -> Subject:
    """Return the subject in a resource's properties, or in one entry of its ``released``."""
    return Subject(
        name=name or properties["subject"],
        schema=properties["schema"],
        references=tuple(
            # The engine hands numbers back as floats.
            Reference(name=one["name"], subject=one["subject"], version=int(one["version"]))
            for one in properties["references"]
        ),
        level=CompatibilityLevel(properties.get("level") or CompatibilityLevel.BACKWARD),
    )


def refusals(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return why ``new`` may not follow: sentences, none when it may. Nothing is asked of the network.

    It is held against all versions that were released, and against the last state, which a registry may know without it
    being released yet. An empty ``old`` has no state.
    """
    subject = subject_of(new)
    released = {name: [subject_of(one, name) for one in versions] for name, versions in new["released"].items()}

    def resolve(reference: Reference) -> Subject:
        versions = released.get(reference.subject, [])
        if not 1 <= reference.version <= len(versions):
            raise LookupError(reference)
        return versions[reference.version - 1]

    try:
        load(subject, resolve)
        earlier = _earlier(subject, released.get(subject.name, []), old)
        if any(same(subject, before) for before in earlier[:-1]):
            number, last = next(index for index, one in enumerate(earlier, 1) if same(subject, one)), len(earlier)
            return [
                f"version {number} has this schema already, and version {last} came after it: versions go forward "
                f"only; change the schema, or delete version {last} in the registry, then run pulumi refresh"
            ]
        if earlier and same(subject, earlier[-1]):
            earlier = earlier[:-1]
        found = incompatibilities(subject.level, subject, earlier, resolve) if earlier else ()
    except ContractError as error:
        return [str(problem) for problem in error.problems]
    return [f"at level {subject.level}, {one.message}" for one in found]


def _earlier(subject: Subject, released: Sequence[Subject], old: Mapping[str, Any]) -> list[Subject]:
    if not old or old.get("subject") != subject.name:
        return list(released)
    state = subject_of(old)
    return [*released] if any(same(state, one) for one in released) else [*released, state]


def register(client: RegistryClient, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Make the registry know the subject's level, its released versions in their order, and the schema as the last.

    Returns what the state holds. Everything is done only where it isn't yet, so that an interrupted run can be
    repeated. Raises RegistryError with the registry's words.
    """
    subject = subject_of(properties)
    # Of a subject without a level of its own, some registries say NONE.
    if subject.level is CompatibilityLevel.NONE or _level(client, subject.name) != subject.level:
        client.ask(
            f"setting the level of {subject.name} to {subject.level}",
            "PUT",
            ["config", subject.name],
            body={"compatibility": subject.level.value},
        )
    for version in [subject_of(one, subject.name) for one in properties["released"].get(subject.name, [])]:
        if not same(version, subject):
            _register(client, version)
    _register(client, subject)
    latest = _settled(client, subject)
    return {**properties, "version": latest["version"], "schema_id": latest["id"]}


def _register(client: RegistryClient, subject: Subject) -> None:
    if _look_up(client, subject) is None:

        def post() -> Any:
            return client.ask(
                f"registering {subject.name}", "POST", ["subjects", subject.name, "versions"], body=_content(subject)
            )

        # A replica that lags doesn't know what was registered a moment ago, and is now referred to.
        _while_lagging(client, post, lambda error: bool(subject.references) and error.status in _UNKNOWN_REFERENCE)


def _settled(client: RegistryClient, subject: Subject) -> Mapping[str, Any]:
    """Return the last version once it is the schema that was registered; raises RegistryError when it is another."""

    def read() -> Mapping[str, Any]:
        latest = _latest(client, subject.name)
        if latest is not None and _is_latest(client, subject, latest):
            return latest
        found = _look_up(client, subject)
        if latest is None or found is None or found["version"] > latest["version"]:
            raise _Lagging(
                f"registering {subject.name}", f"it is registered, and after {LAG:g} s not every replica knows it"
            )
        raise RegistryError(
            f"registering {subject.name}",
            f"the schema is version {found['version']}, and version {latest['version']} is the last: versions go "
            f"forward only; change the schema, or delete version {latest['version']} in the registry, then run "
            "pulumi refresh",
        )

    return _while_lagging(client, read, lambda error: isinstance(error, _Lagging))


def _while_lagging(client: RegistryClient, ask: Callable[[], _T], lagging: Callable[[RegistryError], bool]) -> _T:
    """Ask again while the error may come from a replica that lags, for ``LAG`` seconds; then raise it."""
    deadline = client.clock() + LAG
    while True:
        try:
            return ask()
        except RegistryError as error:
            if not lagging(error) or client.clock() >= deadline:
                raise
        client.sleep(0.1)


def _is_latest(client: RegistryClient, subject: Subject, latest: Mapping[str, Any]) -> bool:
    """Tell whether a schema is the last version.

    Some registries compare texts, some take schemas apart and write them anew: one way or the other it shows.
    """
    stored = {"schema": latest["schema"], "references": latest.get("references") or []}
    if same(subject, subject_of(stored, subject.name)):
        return True
    found = _look_up(client, subject)
    return found is not None and bool(found["version"] == latest["version"])


def _look_up(client: RegistryClient, subject: Subject) -> Mapping[str, Any] | None:
    """Return what the registry itself takes for this schema: version, id; None when it finds nothing."""
    doing = f"looking {subject.name} up"
    found = _unless_missing(lambda: client.ask(doing, "POST", ["subjects", subject.name], body=_content(subject)))
    return None if found is None else dict(found)


def _latest(client: RegistryClient, name: str) -> Mapping[str, Any] | None:
    """Return a subject's last version, None when there is no such subject."""
    found = _unless_missing(lambda: client.get(f"reading {name}", "subjects", name, "versions", "latest"))
    return None if found is None else dict(found)


def _level(client: RegistryClient, name: str) -> str:
    """Return a subject's own level, empty when it has none."""
    found = _unless_missing(lambda: client.get(f"reading the level of {name}", "config", name))
    return "" if found is None else str(found.get("compatibilityLevel") or "")


def _unless_missing(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except RegistryError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def _content(subject: Subject) -> dict[str, Any]:
    """Return the body that stands for a schema; its text has no needless blanks."""
    references = [{"name": one.name, "subject": one.subject, "version": one.version} for one in subject.references]
    return {
        "schemaType": "AVRO",
        "schema": json.dumps(json.loads(subject.schema), separators=(",", ":"), ensure_ascii=False),
        "references": references,
    }


def read_back(client: RegistryClient, name: str, state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state as the registry has it now, None when the subject is gone.

    While the last version is what the state says, in the registry's own judgement, the text stays as it is.
    """
    latest = _latest(client, name)
    if latest is None:
        return None
    current = {
        **state,
        "subject": name,
        "level": _level(client, name),
        "version": latest["version"],
        "schema_id": latest["id"],
    }
    if not state.get("schema") or not _is_latest(client, subject_of(state, name), latest):
        current["schema"] = latest["schema"]
        current["references"] = latest.get("references") or []
    return current


def remove(client: RegistryClient, name: str) -> None:
    """Delete a subject softly: its versions stay readable by their ids, for records that were written with them."""
    _unless_missing(lambda: client.ask(f"deleting {name}", "DELETE", ["subjects", name]))
    _unless_missing(lambda: client.ask(f"deleting the level of {name}", "DELETE", ["config", name]))


def _client(properties: Mapping[str, Any]) -> RegistryClient:
    return RegistryClient(
        urls=list(properties["urls"]),
        ca_pem=properties["ca_pem"],
        username=properties["username"],
        password=properties["password"],
    )


class _SubjectProvider(ResourceProvider):
    """Pickled by reference, as it lives in an importable module: the state holds its name and no code."""

    serialize_as_secret_always = False

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        # It runs in previews too, where a registry needn't be running.
        return CheckResult(news, [CheckFailure("", f"{news['subject']}: {why}") for why in refusals(olds, news)])

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        renamed = old["subject"] != new["subject"]
        changed = any(old.get(key) != new[key] for key in _PLAIN) or not same(subject_of(old), subject_of(new))
        return DiffResult(changes=renamed or changed, replaces=["subject"] if renamed else [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["subject"], outs=register(_client(props), props))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=register(_client(new), new))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        current = read_back(_client(props), id_, props)
        if current is None:
            return ReadResult(None, {})
        # A refresh that left the inputs would hold the next change against a schema that is gone.
        inputs = {key: value for key, value in current.items() if key not in _NO_INPUTS}
        return ReadResult(id_, current, inputs)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        if not props.get("retain"):
            remove(_client(props), id_)


class SchemaSubject(Resource, module="index", name="SchemaSubject"):
    """A subject's schema, references and compatibility level.

    A change that breaks readers or writers at the subject's level fails in the preview, with no registry running, and
    names the fields. Creating a subject that is there already takes it over, with the versions it has.
    """

    version: pulumi.Output[int]
    """Version that the schema has in its subject."""
    schema_id: pulumi.Output[int]
    """Id that records written with it carry."""

    def __init__(
        self,
        name: str,
        *,
        subject: Subject,
        released: Mapping[str, Sequence[Subject]],
        urls: pulumi.Input[Sequence[str]],
        ca_pem: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        retain: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register ``subject``.

        ``released`` has the released versions, oldest first, of the subject and of all that it refers to. ``retain``
        leaves the subject in the registry when the resource is deleted.
        """
        properties: dict[str, Any] = {
            "subject": subject.name,
            **_properties(subject),
            "level": subject.level.value,
            "released": {key: [_properties(one) for one in versions] for key, versions in sorted(released.items())},
            "urls": urls,
            "ca_pem": ca_pem,
            "username": username,
            "password": pulumi.Output.secret(password),
            "retain": retain,
            "version": None,
            "schema_id": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(_SubjectProvider(), name, properties, pulumi.ResourceOptions.merge(opts, secret))


def _properties(subject: Subject) -> dict[str, Any]:
    return {
        "schema": subject.schema,
        "references": [
            {"name": one.name, "subject": one.subject, "version": one.version} for one in subject.references
        ],
    }
